"""Who holds a delivery, on the real database: claims, the lease of a dispatcher, and a database that stands still while
answers come."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from deploy.local.stack import LocalStack
from services.notifications.delivery import dispatcher_lease
from services.notifications.delivery.dispatcher_lease import DispatcherLease, LeaseTerm
from services.notifications.indexes_and_retention import INDEXES
from services.notifications.queries import delivery_queries
from services.notifications.repository import Repository
from shared.kit.store.lease import Lease
from shared.kit.store.mongo import connect
from tests.integration.notifications.parts import OK, Client, Partner, Request, Setup, eventually, match, person
from tests.support.profiler import watched

pytestmark = pytest.mark.integration
T = TypeVar("T")
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LEASE, LONGEST = timedelta(seconds=2), timedelta(seconds=0.1)
USUAL, SLOW = LeaseTerm(LEASE, LONGEST), LeaseTerm(60 * LEASE, LONGEST)


def delivery(number: int, about: str = "notice", minutes: int = 0) -> dict[str, Any]:
    return {
        "_id": f"{number:04d}", "subscription": "s", "about": about, "state": "due", "owner": None, "claim": None,
        "possibly_sent": False, "attempts": 0, "due": NOW + timedelta(minutes=minutes),
    }  # fmt: skip


@pytest.fixture
async def repository(database: Any) -> Repository:
    await database.deliveries.create_indexes(list(INDEXES["deliveries"]))
    return Repository(database)


def lease_of(database: Any, repository: Repository, instance: str = "n-1") -> DispatcherLease:
    return DispatcherLease(database, repository, instance, USUAL, SLOW, ["email"])


async def states(database: Any) -> Counter[str]:
    return Counter([d["state"] async for d in database.deliveries.find({})])


async def _while_written_anew(database: Any, change: Coroutine[Any, Any, T]) -> T:
    """What comes of a change that finds all deliveries in a transaction, which deletes and inserts them."""

    async def waits() -> bool:
        waiting = {"ns": f"{database.name}.deliveries", "op": "update", "numYields": {"$gt": 0}}
        return bool(await database.client.admin.aggregate([{"$currentOp": {}}, {"$match": waiting}]).to_list(1))

    async with await database.client.start_session() as session:
        session.start_transaction()
        kept = await database.deliveries.find({}, session=session).to_list(None)
        await database.deliveries.delete_many({}, session=session)
        await database.deliveries.insert_many(kept, session=session)
        changing = asyncio.create_task(change)
        await eventually(waits)
        await session.commit_transaction()
        return await changing


class TestClaims:
    async def test_two_that_claim_at_once_share_what_is_due(self, repository: Repository, database: Any) -> None:
        await database.deliveries.insert_many([delivery(n) for n in range(100)])

        async def claim(owner: str) -> list[str]:
            found: list[str] = []
            for n in range(30):
                found += [d["_id"] for d in await repository.claim("s", "notice", owner, f"{owner}-{n}", NOW, 7)]
            return found

        one, two = await asyncio.gather(claim("a"), claim("b"))
        assert len(one) + len(two) == 100
        assert {*one, *two} == {f"{n:04d}" for n in range(100)}

    async def test_what_is_due_longest_comes_first_and_nothing_too_early(
        self, repository: Repository, database: Any
    ) -> None:
        await database.deliveries.insert_many(
            [delivery(1, minutes=-1), delivery(2, minutes=-2), delivery(3, minutes=1)]
        )
        await database.deliveries.insert_many([delivery(4, "recall", -9), delivery(5, minutes=-2)])
        found = await repository.claim("s", "notice", "a", "c", NOW, 10)
        assert [d["_id"] for d in found] == ["0002", "0005", "0001"]
        assert [d["_id"] for d in await repository.claim("s", "recall", "a", "d", NOW, 10)] == ["0004"]
        assert await repository.waiting_endpoints("notice", NOW) == []
        assert await repository.waiting_endpoints("notice", NOW + timedelta(minutes=2)) == ["s"]

    async def test_what_is_claimed_may_have_left_until_it_is_let_go_of_and_waits_for_its_endpoint_all_the_while_then(
        self, repository: Repository, database: Any
    ) -> None:
        await database.deliveries.insert_many([delivery(1), delivery(2) | {"possibly_sent": True}])
        assert await repository.anything_due("s")
        assert not await repository.anything_due("another")
        claimed = await repository.claim("s", "notice", "a", "c", NOW, 10)
        assert await repository.possibly_sent(["0001", "0002", "0003"]) == {"0001": True, "0002": True}
        assert not await repository.anything_due("s")
        await repository.release_unsent({"c": [each["_id"] for each in claimed]})
        assert await repository.possibly_sent(["0001", "0002"]) == {"0001": False, "0002": True}
        assert await repository.anything_due("s")

    async def test_what_is_due_at_this_very_moment_is_claimed_once(self, repository: Repository, database: Any) -> None:
        """As what came just before the edge of a digest's window; what came at the edge is due with the next."""
        await database.deliveries.insert_many([delivery(1), delivery(2, minutes=24 * 60)])
        for moment, expected in ((NOW, ["0001"]), (NOW, []), (NOW + timedelta(days=1), ["0002"])):
            assert [d["_id"] for d in await repository.claim("s", "notice", "a", "c", moment, 10)] == expected

    async def test_what_is_new_and_what_was_left_waiting_are_found_apart_and_each_exactly_once(
        self, repository: Repository, database: Any
    ) -> None:
        held_until = NOW - timedelta(minutes=5)
        await database.deliveries.insert_many(
            [
                delivery(1, minutes=-9) | {"attempts": 1},
                delivery(2, minutes=-8),
                delivery(3, minutes=-5),
                delivery(4, minutes=-3) | {"attempts": 7},
                *(delivery(number, minutes=-2) for number in (5, 6)),
                *(delivery(number, "recall", -9) for number in (7, 8)),
                delivery(9, minutes=1),
                delivery(10, minutes=1) | {"attempts": 1},
            ]
        )

        async def claim(which: Any, limit: int, held_until: datetime | None = held_until) -> list[str]:
            claimed = await repository.claim("s", which, "a", f"{which}{limit}{held_until}", NOW, limit, held_until)
            await repository.release_unsent({f"{which}{limit}{held_until}": [d["_id"] for d in claimed]})
            return [d["_id"] for d in claimed]

        assert await claim("new", 10) == ["0005", "0006"]
        assert await claim("left", 10) == ["0001", "0002", "0003", "0004"]
        assert await claim("left", 3) == ["0001", "0002", "0003"]
        assert await claim("new", 10, None) == ["0002", "0003", "0005", "0006"]
        assert await claim("left", 10, None) == ["0001", "0004"]
        assert await claim("recall", 10) == ["0007", "0008"]

    async def test_neither_costs_more_the_more_of_the_other_waits(
        self, repository: Repository, mongo_url: str, database: Any
    ) -> None:
        await database.deliveries.insert_many(
            [
                *(delivery(number, minutes=-number) | {"attempts": 1} for number in range(1, 300)),
                *(delivery(number, minutes=-number) for number in range(300, 600)),
                *(delivery(number, minutes=-number) for number in range(600, 603)),
            ]
        )
        client = connect(mongo_url)
        asking = Repository(client[database.name])
        async with watched(database) as seen:
            for which in ("new", "left"):
                assert len(await asking.claim("s", which, "a", which, NOW, 20, NOW - timedelta(minutes=599))) == 20
        client.close()
        assert not seen.violations()

    async def test_what_a_transaction_writes_anew_meanwhile_is_not_passed_over(
        self, repository: Repository, database: Any
    ) -> None:
        """As an acknowledgement of many does with recalls that are under way."""
        ids = [f"{n:04d}" for n in range(4)]
        await database.deliveries.insert_many([delivery(n) | {"_id": id} for n, id in enumerate(ids)])
        claimed = await _while_written_anew(database, repository.claim("s", "notice", "n-1/1", "c", NOW, 4))
        assert [each["_id"] for each in claimed] == ids
        await _while_written_anew(database, repository.release_unsent({"c": ids}))
        assert await states(database) == {"due": 4}
        later = {"waits": "retry", "attempts": 1, "due": NOW + timedelta(hours=1)}
        await database.deliveries.update_many({}, {"$set": later})
        assert await _while_written_anew(database, repository.bring_probe_forward("s", "notice", NOW))
        assert not await _while_written_anew(database, repository.bring_forward("s", NOW))
        assert await database.deliveries.count_documents({"due": NOW}) == 4

    async def test_where_transactions_are_always_in_the_way_nothing_is_lost_and_all_is_tried_again(
        self, repository: Repository, database: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery_queries, "ROUNDS", 1)
        await database.deliveries.insert_one(delivery(0))
        lease = lease_of(database, repository)
        assert await _while_written_anew(database, repository.claim("s", "notice", "n-1/1", "c", NOW, 4)) == []
        assert await repository.waiting_endpoints("notice", NOW) == ["s"], "it is due, and found again"
        assert len(await repository.claim("s", "notice", "n-1/1", "c", NOW, 4)) == 1
        await _while_written_anew(database, lease.release_unsent({"c": ["0000"]}))
        assert await states(database) == {"sending": 1}
        await lease.release_pending()
        assert await states(database) == {"due": 1}
        assert not await database.deliveries.count_documents({"possibly_sent": True})
        later = {"waits": "retry", "attempts": 1, "due": NOW + timedelta(hours=1)}
        await database.deliveries.update_many({}, {"$set": later})
        assert await _while_written_anew(database, repository.bring_probe_forward("s", "notice", NOW)), "it may be due"
        assert await _while_written_anew(database, repository.bring_forward("s", NOW)), "there may be more"
        assert await database.deliveries.count_documents({"due": later["due"]}) == 1
        assert not await repository.bring_forward("s", NOW)
        assert await database.deliveries.count_documents({"due": NOW}) == 1

    async def test_a_transaction_that_lasts_keeps_back_neither_the_others_nor_who_gives_back(
        self, repository: Repository, database: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As that of a replica that was killed, until its successor ends it."""
        monkeypatch.setattr(dispatcher_lease, "LET_GO_SECONDS", 0.3)
        await database.deliveries.insert_many([delivery(n) for n in range(6)])
        lease = lease_of(database, repository)
        for n in range(6):
            await repository.claim("s", "notice", "n-1/1", f"c{n}", NOW, 1)
        async with await database.client.start_session() as session:
            session.start_transaction()
            await database.deliveries.update_many(
                {"_id": {"$in": ["0000", "0003"]}}, {"$set": {"x": 1}}, session=session
            )
            await lease.release_unsent({f"c{n}": [f"{n:04d}"] for n in range(6)})

            async def the_others_are_given_back() -> bool:
                await lease.release_pending()
                return await states(database) == {"due": 4, "sending": 2}

            await eventually(the_others_are_given_back)

            async def nothing_waits() -> bool:  # nor does it hold one of the driver's threads
                waiting = {"ns": f"{database.name}.deliveries", "op": "update"}
                return not await database.client.admin.aggregate([{"$currentOp": {}}, {"$match": waiting}]).to_list(1)

            await eventually(nothing_waits)
            await session.abort_transaction()
        await lease.release_pending()
        assert await states(database) == {"due": 6}
        assert not await database.deliveries.count_documents({"possibly_sent": True})

    async def test_what_is_given_back_has_not_left_and_what_was_held_when_somebody_died_may_have(
        self, repository: Repository, database: Any
    ) -> None:
        await database.deliveries.insert_many([delivery(n) for n in range(4)])
        await repository.claim("s", "notice", "n-1/1", "c", NOW, 10)
        await repository.release_unsent({"c": ["0000"]})
        await repository.release_unsent({"another": ["0001"]})
        assert await states(database) == {"due": 1, "sending": 3}
        assert await repository.release_orphaned() == 3
        left = [d["possibly_sent"] async for d in database.deliveries.find({}).sort("_id", 1)]
        assert left == [False, True, True, True]


class TestLease:
    async def test_nothing_is_lost_while_its_lease_is_renewed_however_long_that_is(
        self, repository: Repository, database: Any
    ) -> None:
        lease = lease_of(database, repository)
        await lease.renew()
        assert lease.owner_for("webhook") == "n-1/1"
        await database.deliveries.insert_many([delivery(n) for n in range(3)])
        await repository.claim("s", "notice", str(lease.owner_for("webhook")), "c", NOW, 10)
        end = asyncio.get_running_loop().time() + 2 * LEASE.total_seconds()
        while asyncio.get_running_loop().time() < end:
            await lease.renew()
            assert await repository.release_orphaned() == 0
            await asyncio.sleep(0.1)

        async def released() -> bool:
            return await repository.release_orphaned() == 3

        await eventually(released)  # nobody renews it any more

    async def test_what_a_dead_one_held_is_due_when_an_attempt_of_its_channel_must_have_ended(
        self, repository: Repository, database: Any
    ) -> None:
        """Not when one of the slowest channel must have: a mail takes longer than a webhook."""
        dead, other = lease_of(database, repository), lease_of(database, repository, "n-2")
        await dead.renew()
        await database.deliveries.insert_many([delivery(1), delivery(2) | {"subscription": "mail"}])
        await repository.claim("s", "notice", str(dead.owner_for("webhook")), "c", NOW, 10)
        await repository.claim("mail", "notice", str(dead.owner_for("email")), "c", NOW, 10)

        async def released() -> bool:
            await other.renew()
            return await other.release_orphaned() == 1

        await eventually(released)
        assert await database.deliveries.find_one({"_id": "0001", "state": "due"})
        await database.leases.update_one({"_id": "dispatcher/n-1/slow"}, [{"$set": {"until": "$$NOW"}}])
        await eventually(released)
        assert await states(database) == {"due": 2}

    async def test_a_new_start_of_the_instance_takes_over_at_once_and_the_old_one_stops(
        self, repository: Repository, database: Any
    ) -> None:
        old, new = lease_of(database, repository), lease_of(database, repository)
        await old.renew()
        await database.deliveries.insert_many([delivery(1), delivery(2) | {"subscription": "mail"}])
        await repository.claim("mail", "notice", str(old.owner_for("email")), "c", NOW, 10)
        await repository.claim("s", "notice", str(old.owner_for("webhook")), "c", NOW, 10)
        await new.renew()
        assert new.owner_for("webhook") == "n-1/2"
        assert await new.release_orphaned() == 2
        await old.renew()
        assert old.owner_for("webhook") is old.owner_for("email") is None

    async def test_what_this_process_still_writes_down_is_not_lost_for_it(
        self, repository: Repository, database: Any
    ) -> None:
        lease = lease_of(database, repository)
        await database.deliveries.insert_one(delivery(1))
        await repository.claim("s", "notice", "n-1/7", "c", NOW, 10)
        lease.unrecorded["n-1/7"] += 1
        assert await lease.release_orphaned() == 0
        lease.unrecorded["n-1/7"] -= 1
        assert await lease.release_orphaned() == 1

    async def test_a_claim_in_doubt_is_let_go(self, repository: Repository, database: Any) -> None:
        lease = lease_of(database, repository)
        await lease.renew()
        await database.deliveries.insert_many([delivery(n) for n in range(4)])
        await repository.claim("s", "notice", str(lease.owner_for("webhook")), "known", NOW, 2)
        await repository.claim("s", "notice", str(lease.owner_for("webhook")), "answer lost", NOW, 2)
        lease.claim_unknown(str(lease.owner_for("webhook")), "answer lost")
        await lease.release_pending()
        assert await states(database) == {"due": 2, "sending": 2}


class TestReplicas:
    async def test_all_that_hold_the_lease_of_a_dispatcher_share_and_none_that_was_let_go(
        self, repository: Repository, database: Any
    ) -> None:
        await Lease(database, "another", "n-9").acquire()
        one, two = lease_of(database, repository), lease_of(database, repository, "n-2")
        await one.renew()
        assert one.share.count == 1
        await two.renew()
        assert (one.share.count, two.share.count) == (1, 2)
        await one.renew()
        assert one.share.count == 2
        failing: list[Any] = [
            {"_id": endpoint, "held_until": datetime(2026, 11, 2, tzinfo=UTC)} for endpoint in "abcdefgh"
        ]
        asked = [lease.asks(endpoint, timedelta(0)) for endpoint in failing for lease in (one, two)]
        assert asked.count(True) == len(failing)
        await two.end()
        await one.renew()
        assert one.share.count == 1

    async def test_one_that_was_killed_counts_until_its_lease_is_over(
        self, repository: Repository, database: Any
    ) -> None:
        one, killed = lease_of(database, repository), lease_of(database, repository, "n-2")
        await killed.renew()
        await one.renew()
        assert one.share.count == 2

        async def alone() -> bool:
            await one.renew()
            return one.share.count == 1

        await eventually(alone)


class TestADatabaseThatStandsStill:
    async def test_what_was_answered_meanwhile_is_written_down_later_and_nothing_is_sent_twice(
        self, own_stack: LocalStack
    ) -> None:
        """For longer than the lease lasts, and than a transaction lives."""
        setup = Setup(own_stack.kafka, own_stack.mongo_url, "still", "still.")
        stood_still = asyncio.Event()

        async def answers(request: Request) -> bytes:
            if len(partner.requests) == 5:
                own_stack.database.pause()
                asyncio.get_running_loop().call_later(9, _resume)
            return OK

        def _resume() -> None:
            own_stack.database.resume()
            stood_still.set()

        names = [f"p{n}" for n in range(60)]
        async with Partner(answers) as partner, setup.running() as app:
            await setup.publish(setup.agency("gjf"), *(person(name, "gjf") for name in names))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await setup.publish(*(match(name, "x") for name in names))
                await asyncio.wait_for(stood_still.wait(), 60)
                client = connect(own_stack.mongo_url)
                deliveries = client["still"].deliveries

                async def all_delivered() -> bool:
                    return bool(await deliveries.count_documents({"state": "delivered"}) == len(names))

                await eventually(all_delivered)
                client.close()
            came = Counter(request.headers["webhook-id"] for request in partner.requests)
            assert len(came) == len(names)
            assert set(came.values()) == {1}
