"""Retries, holds, ends and rights, with the whole service running."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.local.timeouts import scaled
from services.notifications.delivery.pre_send_check import NOBODY_BELIEVES_SECONDS
from services.notifications.queries.delivery_queries import LEASES_OF_DISPATCHERS
from shared.kit.store.lease import Lease
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.parts import (
    OK,
    Client,
    Partner,
    Request,
    Setup,
    all_ended,
    answer_of,
    event,
    eventually,
    match,
    person,
    states,
    stored,
)
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration


class TestRetries:
    async def test_a_partner_that_fails_is_tried_again_with_the_same_id_until_it_takes_it(self, corner: Corner) -> None:
        answers = [answer_of(500), answer_of(404), None, answer_of(302, "location: /x"), OK]

        async def flapping(request: Request) -> bytes | None:
            return answers[min(len(partner.requests), len(answers)) - 1]

        async with Partner(flapping) as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"), corner.match("a", "x"))
            async with corner.client("gjf") as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: len(partner.requests) == 5)
                await eventually(lambda: _ended(corner))
                assert len({request.body for request in partner.requests}) == 1
                assert len({request.headers["webhook-id"] for request in partner.requests}) == 1
                partner.verify(made["secret"])
                (delivery,) = (await gjf.get("/deliveries")).json()["deliveries"]
                of_notice = {"notice": delivery["notice"]}
                for also, found in (
                    ({}, [delivery]),
                    ({"state": "delivered"}, [delivery]),
                    ({"subscription": delivery["subscription"]}, [delivery]),
                    ({"state": "failed"}, []),
                    ({"subscription": "0" * 32}, []),
                    ({"after": delivery["delivery"]}, []),
                    ({"notice": "0" * 32}, []),
                ):
                    shown = (await gjf.get("/deliveries", params=of_notice | also)).json()
                    assert shown == {"deliveries": found, "next": None}, also
                assert (delivery["state"], delivery["attempts"]) == ("delivered", 5)
                log = (await gjf.get(f"/deliveries/{delivery['delivery']}")).json()["log"]
                assert [a["reason"] for a in log] == ["refused-500", "refused-404", "connection-lost", "redirect", None]

    async def test_each_attempt_is_signed_at_its_own_time(self, setup: Setup) -> None:
        async def twice_busy(request: Request) -> bytes:
            return OK if len(partner.requests) > 2 else answer_of(503)

        async with setup.running(retry_schedule=(0.0, 1.5, 1.5)) as app, Partner(twice_busy) as partner:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: all_ended(app))
        times = [int(request.headers["webhook-timestamp"]) for request in partner.requests]
        assert len(set(times)) == 3
        assert times == sorted(times)
        assert len({request.headers["webhook-signature"] for request in partner.requests}) == 3
        partner.verify(made["secret"])

    async def test_a_used_up_schedule_is_told_and_can_be_tried_again_by_hand(self, setup: Setup) -> None:
        well = False

        async def answer(request: Request) -> bytes:
            return OK if well else answer_of(503)

        async with setup.running(retry_schedule=(0.0, 0.1)) as app, Partner(answer) as partner:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: all_ended(app))
                (failed,) = (await gjf.get("/deliveries", params={"state": "failed"})).json()["deliveries"]
                assert (failed["attempts"], failed["reason"]) == (2, "refused-503")
                well = True
                for _ in range(2):  # a double click
                    await gjf.post(f"/deliveries/{failed['delivery']}/retry")
                await eventually(lambda: all_ended(app))
                assert await states(app) == {"delivered": 1}
                assert len(partner.requests) == 3
                assert (await gjf.post(f"/deliveries/{failed['delivery']}/retry")).json()["state"] == "delivered"

    async def test_retry_after_holds_the_notices_of_the_whole_endpoint(self, corner: Corner) -> None:
        async def busy(request: Request) -> bytes:
            return answer_of(429, "Retry-After: 2") if len(partner.requests) == 1 else OK

        async with Partner(busy) as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"), corner.person("b", "gjf"))
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                await corner.publish(corner.match("a", "x"))
                await eventually(lambda: len(partner.requests) == 1)
                await eventually(lambda: _held(corner.app, agency=corner.own("gjf")))
                await corner.publish(corner.match("b", "x"), corner.match("a", "y"))
                await eventually(lambda: _ended(corner, 3))
                assert await states(corner.app, **corner.kept()) == {"delivered": 3}
                first, *others = partner.requests
                assert all(request.at - first.at >= 2.0 for request in others)

    async def test_retry_after_holds_notices_and_a_recall_only_for_a_part_of_it(self, setup: Setup) -> None:
        """The recall is refused, too, until the endpoint is down, and is asked again all the same; what is told beside
        it waits for as long as was asked."""
        refusing = True

        async def busy(request: Request) -> bytes:
            return answer_of(429, "Retry-After: 86400") if refusing else OK

        async with setup.running(retry_after_recall_max_seconds=0.3) as app, Partner(busy) as partner:
            refusing = False
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), person("b", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: all_ended(app))
                refusing = True
                await setup.publish(match("b", "x"))
                await eventually(lambda: _held(app))
                await setup.publish(match("b", "y"), person("a", sequence=2))
                for failures in (2, 6):
                    await eventually(lambda least=failures: stored(app, 1, "subscriptions", failures={"$gte": least}))
                refusing, before = False, len(partner.requests)
                await eventually(lambda: stored(app, 1, about="recall", state="delivered"))
                await eventually(lambda: stored(app, 1, "subscriptions", failures=0))
                assert await stored(app, 2, about="notice", state="due")
                shown = (await gjf.get("/deliveries", params={"state": "undelivered"})).json()["deliveries"]
                assert [each["because"] for each in shown] == ["endpoint-held"] * 2
                assert [each["type"] for each in partner.told[before:]] == ["recall"]
                (endpoint,) = await app.state.database.subscriptions.find({}).to_list(None)
                assert endpoint["held_until"] > datetime.now(UTC) + timedelta(hours=23)
                await gjf.post(f"/subscriptions/{endpoint['_id']}/pause")
                await gjf.post(f"/subscriptions/{endpoint['_id']}/resume")
                await eventually(lambda: all_ended(app, 4))

    async def test_a_recall_does_not_wait_for_a_notice_that_was_left_behind_and_is_held(self, setup: Setup) -> None:
        """Another replica was killed while that was under way, and the partner had asked for a day without notices."""
        async with Partner() as partner, setup.running() as app:
            database = app.state.database
            killed = Lease(database, f"{LEASES_OF_DISPATCHERS}killed-1", "killed-1", seconds=300)
            assert await killed.acquire()
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), person("b", "gjf"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                now = datetime.now(UTC)
                held = {"held_until": now + timedelta(days=1), "recall_at": now}
                await database.subscriptions.update_one({}, {"$set": held})
                await asyncio.sleep(scaled(2 * NOBODY_BELIEVES_SECONDS))
                await setup.publish(match("a", "x"), match("b", "x"))
                await eventually(lambda: stored(app, 2, about="notice", state="due", possibly_sent=False))
                left = {"state": "sending", "owner": f"killed-1/{killed.epoch}", "claim": "c", "possibly_sent": True}
                a = {"person": hexid("person", "a")}
                await database.deliveries.update_one(a, {"$set": left | {"possibly_sent_before": False}})
                await setup.publish(person("a", sequence=2))
                await eventually(lambda: stored(app, 1, about="recall", state="waiting"))
                await killed.release()
                await eventually(lambda: stored(app, 1, about="recall", state="delivered"))
                assert [each["type"] for each in partner.told] == ["recall"]
                assert await stored(app, 1, about="notice", state="dropped", reason="superseded")
                assert await stored(app, 1, about="notice", state="due"), "the other is held"

    async def test_what_was_left_behind_at_a_subscription_that_has_ended_does_not_stay_due(self, setup: Setup) -> None:
        """A killed replica held it while the subscription ended, until every look at its people was over."""
        async with Partner() as partner, setup.running() as app:
            database = app.state.database
            killed = Lease(database, f"{LEASES_OF_DISPATCHERS}killed-1", "killed-1", seconds=300)
            assert await killed.acquire()
            await setup.publish(setup.agency("gjf"), person("a", "gjf"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                address = f"/subscriptions/{made['subscription']}"
                await database.subscriptions.update_one(
                    {}, {"$set": {"held_until": datetime.now(UTC) + timedelta(days=1)}}
                )
                await asyncio.sleep(scaled(2 * NOBODY_BELIEVES_SECONDS))
                await setup.publish(match("a", "x"))
                await eventually(lambda: stored(app, 1, state="due", possibly_sent=False))
                left = {"state": "sending", "owner": f"killed-1/{killed.epoch}", "claim": "c", "possibly_sent": True}
                await database.deliveries.update_one({}, {"$set": left | {"possibly_sent_before": False}})
                assert (await gjf.delete(address)).status_code == 204
                await eventually(lambda: stored(app, 1, "resyncs", second_pass=True))
                await database.resyncs.delete_many({})
                await killed.release()
                await eventually(lambda: stored(app, 1, state="dropped", reason="unsubscribed"))
                shown = (await gjf.get("/deliveries", params={"state": "undelivered"})).json()["deliveries"]
                assert shown == []
        assert partner.requests == []

    async def test_410_disables_at_once_and_a_new_subscription_is_told_everything(self, corner: Corner) -> None:
        async def gone(request: Request) -> bytes:
            return answer_of(410)

        async with Partner(gone) as partner, Partner() as moved:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"))
            await corner.publish(corner.match("a", "x"), corner.match("a", "y"))
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: _ended(corner, 2))
                assert len(partner.requests) <= 2  # what was on its way when the first answer came
                (shown,) = (await gjf.get("/subscriptions")).json()["subscriptions"]
                assert (shown["state"], shown["reason"]) == ("disabled", "gone")
                await gjf.subscribed("webhook", moved.url)
                await eventually(lambda: len(holding(moved.told)) == 2)
                shown = (await gjf.get("/subscriptions")).json()["subscriptions"]
                assert {(each["state"], each["url"]) for each in shown} == {
                    ("disabled", partner.url),
                    ("active", moved.url),
                }

    async def test_one_opening_is_told_in_order_and_nothing_overtakes_a_recall(self, corner: Corner) -> None:
        async def slow(request: Request) -> bytes:
            await asyncio.sleep(0.05)
            return answer_of(500) if len(partner.requests) % 3 == 1 else OK

        async with Partner(slow) as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"))
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                openings = [f"o{n}" for n in range(6)]
                await corner.publish(*(corner.match("a", opening) for opening in openings))
                await eventually(lambda: _ended(corner, 6))
                await corner.publish(*(corner.match("a", opening, band="low", sequence=2) for opening in openings))
                await corner.publish(corner.person("a", sequence=2), corner.person("a", "gjf", sequence=3))
                await eventually(
                    lambda: any(e["type"] == "recall" for e in partner.told) and len(holding(partner.told)) == 6
                )
                await eventually(lambda: _ended(corner))
                told = [(e["type"], e["data"].get("opportunity"), e["data"]["version"]) for e in partner.told]
                recall = next(version for type, _, version in told if type == "recall")
                newer = [version > recall for _, _, version in told]
                assert newer == sorted(newer)
                for opening in openings:
                    versions = [
                        v for _, opportunity, v in told if opportunity == hexid("opportunity", corner.own(opening))
                    ]
                    assert sorted(versions) == versions
                assert len(holding(partner.told)) == 6


class TestConsentAtTheMomentOfSending:
    async def test_what_was_withdrawn_while_it_waited_for_a_retry_is_not_sent_and_is_recalled(
        self, setup: Setup
    ) -> None:
        well = False

        async def answer(request: Request) -> bytes:
            return OK if well else answer_of(500)

        async with setup.running(retry_schedule=(0.0, 3.0, 3.0)) as app, Partner(answer) as partner:
            await setup.publish(setup.agency("gjf"), person("a", "gjf"), match("a", "x"))
            async with Client(app, setup.tokens["gjf"]) as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: len(partner.requests) == 1)
                well = True
                await setup.publish(person("a", sequence=2))
                await eventually(lambda: all_ended(app, 2))
                assert [told["type"] for told in partner.told] == ["notice", "recall"]

    async def test_the_database_is_asked_and_not_the_event(self, corner: Corner) -> None:
        """The consent is gone from the database although no event has been reconciled: nothing may leave."""
        async with Partner() as partner:
            await corner.publish(corner.agency("gjf"), corner.person("a", "gjf"))
            async with corner.client("gjf") as gjf:
                made = await gjf.subscribed("webhook", partner.url)
                await corner.publish(corner.match("hold", "x"), corner.match("a", "x"))
                await eventually(lambda: len(partner.requests) == 1)
                database = corner.app.state.database
                this = {"_id": made["subscription"]}
                await database.subscriptions.update_one(this, {"$set": {"held_until": _soon(1.5)}})
                await corner.publish(corner.match("a", "y"))
                await eventually(lambda: corner.stored(2))
                a = {"_id": hexid("person", corner.own("a"))}
                await database.people.update_one(a, {"$set": {"consents": []}})
                await eventually(lambda: _ended(corner, 2))
                assert await corner.count(reason="consent-ended") == 1
                assert len(partner.requests) == 1


class TestHangingPartners:
    async def test_a_partner_that_hangs_holds_up_nobody_else(self, setup: Setup) -> None:
        async def hang(request: Request) -> bytes:
            await asyncio.sleep(60)
            return OK

        names = [f"p{n}" for n in range(20)]
        async with setup.running(deadline_seconds=20) as app, Partner(hang) as hanging, Partner() as well:
            await setup.publish(setup.agency("gjf"), setup.agency("hana", "case"))
            await setup.publish(*(person(name, "gjf", "hana") for name in names))
            async with Client(app, setup.tokens["gjf"]) as gjf, Client(app, setup.tokens["hana"]) as hana:
                await gjf.subscribed("webhook", hanging.url)
                await hana.subscribed("webhook", well.url)
                await setup.publish(*(match(name, "x") for name in names))
                await eventually(lambda: len(holding(well.told)) == 20)
                assert 1 <= len(hanging.requests) <= 8  # its own slots, and no answer yet
                assert await app.state.database.deliveries.count_documents({"state": "delivered"}) <= 20


class TestRightsThatEnd:
    async def test_an_agency_that_loses_its_right_is_told_to_forget_and_hears_no_more(self, corner: Corner) -> None:
        async with Partner() as partner:
            first = corner.agency("gjf")
            await corner.publish(first, corner.person("a", "gjf"), corner.match("a", "x"))
            async with corner.client("gjf") as gjf:
                await gjf.subscribed("webhook", partner.url)
                await eventually(lambda: len(partner.requests) == 1)
                data = first.data.model_copy(
                    update={"rights": first.data.rights.model_copy(update={"receives": False})}
                )
                await corner.publish(event("agency-changed", data, corner.own("gjf"), 2))
                await eventually(lambda: len(partner.requests) == 2)
                assert partner.told[-1]["type"] == "recall"
                await corner.publish(corner.match("a", "y"))
                await eventually(lambda: stored(corner.app, 2, "matches", person=hexid("person", corner.own("a"))))
                assert holding(partner.told) == set()


async def _ended(corner: Corner, count: int = 1) -> bool:
    return await all_ended(corner.app, count, **corner.kept())


async def _held(app: Any, **query: Any) -> bool:
    return bool(await app.state.database.subscriptions.count_documents({"held_until": {"$ne": None}, **query}))


def _soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
