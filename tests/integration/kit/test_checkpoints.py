"""One owner per partition, and what becomes of the one before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from shared.kit.kafka.records import Partition
from shared.kit.store.mongo import Client, connect
from shared.kit.store.store import Operation, Store
from shared.kit.store.transaction_io import TransactionIO
from shared.kit.stream.backlog import Position
from shared.kit.stream.checkpoints import Fenced, PartitionCheckpoints

pytestmark = pytest.mark.integration
PARTITION = Partition("people", 0)
LOG, OTHER_LOG = "a" * 32, "b" * 32


class Owner:
    """A process that may own partitions."""

    def __init__(self, database: Any, name: str) -> None:
        self.store = Store(database)
        self.claims = PartitionCheckpoints(database, "group", name)

    async def start(self) -> Owner:
        await self.store.start()
        return self

    async def claim(self, log: str = LOG) -> Any:
        return await self.claims.claim(PARTITION, log, self.store.session_id)

    async def do(self, offset: int, ahead: frozenset[int] = frozenset()) -> None:
        task: Operation[None] = Operation(lambda work: (), lambda work: work.save("done", {"_id": str(offset)}))
        offsets = {PARTITION: Position(offset, ahead)}
        await self.store.perform([task], in_transaction=lambda _: self.claims.advance(offsets))
        self.claims.advanced(offsets)


class TestClaims:
    async def test_a_successor_goes_on_where_the_predecessor_committed(self, database: Any) -> None:
        first = await Owner(database, "1").start()
        assert (await first.claim()).position == (-1, frozenset())
        await first.do(41)
        second = await Owner(database, "2").start()
        claim = await second.claim()
        assert (claim.position.offset, claim.epoch) == (41, 2)
        await second.do(42)

    async def test_a_successor_knows_what_was_done_ahead(self, database: Any) -> None:
        first = await Owner(database, "1").start()
        await first.claim()
        await first.do(2, frozenset({4, 5, 21}))
        claim = await (await Owner(database, "2").start()).claim()
        assert claim.position == (2, {4, 5, 21})

    async def test_who_does_not_know_what_was_done_ahead_commits_nothing(self, database: Any) -> None:
        owner = await Owner(database, "1").start()
        await owner.claim()
        await owner.do(2, frozenset({4}))
        moved = Position(2, frozenset({4, 5})).as_bits()
        await database.checkpoints.update_one({}, {"$set": {"ahead": moved}})
        with pytest.raises(Fenced):
            await owner.do(2, frozenset({4, 6}))
        assert (await database.checkpoints.find_one({}))["ahead"] == moved

    async def test_who_was_succeeded_can_commit_nothing_more(self, database: Any) -> None:
        first, second = await Owner(database, "1").start(), await Owner(database, "2").start()
        await first.claim()
        await second.claim()
        with pytest.raises(Fenced):
            await first.do(0)
        assert await database.done.count_documents({}) == 0

    async def test_who_does_not_know_how_far_it_came_commits_nothing(self, database: Any) -> None:
        """The same owner and epoch: a commit whose answer was lost has moved it, and this process has not heard."""
        owner = await Owner(database, "1").start()
        await owner.claim()
        await owner.do(41)
        await database.checkpoints.update_one({}, {"$set": {"offset": 50}})
        with pytest.raises(Fenced):
            await owner.do(45)
        assert [done["_id"] async for done in database.done.find()] == ["41"]
        assert (await database.checkpoints.find_one({}))["offset"] == 50

    async def test_each_partition_has_a_checkpoint_of_its_own(self, database: Any) -> None:
        owner, other = await Owner(database, "1").start(), Partition("people", 1)
        await owner.claim()
        await owner.claims.claim(other, LOG, owner.store.session_id)
        for partition, offset in ((other, 5), (PARTITION, 3)):
            offsets = {partition: Position(offset)}
            await owner.store.perform([], in_transaction=lambda _, at=offsets: owner.claims.advance(at))
            owner.claims.advanced(offsets)
        wanted = {PARTITION: 3, other: 5, Partition("people", 2): -1}
        assert await owner.claims.done(dict.fromkeys(wanted, LOG)) == wanted
        assert await owner.claims.done({PARTITION: OTHER_LOG}) == {PARTITION: -1}

    async def test_a_log_that_begins_again_is_nobody_elses(self, database: Any) -> None:
        owner, other = await Owner(database, "1").start(), Partition("people", 1)
        await owner.claims.claim(other, LOG, owner.store.session_id)
        held = await owner.claim()
        await owner.do(41)
        await owner.claims.begin_again(PARTITION, held)
        kept = {each["_id"]: (each["epoch"], each["offset"]) async for each in database.checkpoints.find()}
        assert kept == {f"group/people/{LOG}/0": (2, -1), f"group/people/{LOG}/1": (1, -1)}
        await owner.do(0)
        await (await Owner(database, "2").start()).claim()
        with pytest.raises(Fenced):
            await owner.claims.begin_again(PARTITION, held)

    async def test_a_claim_is_written_down_with_who_made_it(self, database: Any) -> None:
        await (await Owner(database, "1").start()).claim()
        second = await Owner(database, "2").start()
        await second.claim()
        kept = await database.checkpoints.find_one({})
        assert (kept["owner"], kept["session"], kept["epoch"]) == ("2", second.store.session_id, 2)

    async def test_a_dropped_claim_commits_nothing(self, database: Any) -> None:
        owner = await Owner(database, "1").start()
        await owner.claim()
        owner.claims.drop([PARTITION])
        with pytest.raises(Fenced):
            await owner.do(0)

    async def test_another_log_of_the_same_name_begins_at_its_beginning(self, database: Any) -> None:
        owner = await Owner(database, "1").start()
        await owner.claims.claim(Partition("agencies", 0), "c" * 32, owner.store.session_id)
        await owner.claim()
        await owner.do(41)
        owner.claims.drop()
        assert (await owner.claim(OTHER_LOG)).position.offset == -1
        old = await database.checkpoints.find_one({"topic_id": LOG})
        assert old["expires"] is not None
        other = await database.checkpoints.find_one({"topic": "agencies"})
        assert other.get("expires") is None, "another topic's"

    async def test_a_log_that_is_back_is_kept_and_the_one_between_is_not(self, database: Any) -> None:
        owner = await Owner(database, "1").start()
        for log in (LOG, OTHER_LOG, LOG):
            owner.claims.drop()
            await owner.claim(log)
        expires = {d["topic_id"]: d.get("expires") async for d in database.checkpoints.find()}
        assert expires[LOG] is None
        assert expires[OTHER_LOG] is not None

    async def test_the_open_transaction_of_a_dead_owner_is_ended(self, database: Any, mongo_url: str) -> None:
        client: Client = connect(mongo_url)  # a process of its own: this one will not answer any more
        dead = await Owner(client[database.name], "1").start()
        await dead.claim()
        await dead.do(0)
        session: Any = dead.store._session
        await client.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": 60})
        try:
            session.start_transaction()
            await client[database.name].done.insert_one({"_id": "half"}, session=session)
            TransactionIO(client[database.name], session).write(
                [], [], [], lambda _: dead.claims.advance({PARTITION: Position(1)})
            )
            heir = await Owner(database, "2").start()
            async with asyncio.timeout(30):  # half of what the dead transaction would block
                assert (await heir.claim()).position.offset == 0
                await heir.do(1)
            with pytest.raises(PyMongoError):
                await session.commit_transaction()
        finally:
            await client.admin.command({"setParameter": 1, "transactionLifetimeLimitSeconds": 5})
            client.close()
        assert await database.done.find_one({"_id": "half"}) is None
        assert await database.done.find_one({"_id": "1"}) is not None
