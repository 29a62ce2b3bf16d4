"""What is too large for one transaction: whoever shares it with somebody large is not held to account for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from shared.events import Event
from shared.events.topics.deliveries import Delivery
from shared.kit.store.store import Operation, Store, TooLargeTogether, Unavailable
from shared.kit.store.unit_of_work import TooLarge, UnitOfWork
from shared.kit.stream.quarantine import COLLECTION as QUARANTINE
from tests.integration.kit.parts import Service, count, delivery, hex_id, publish, until
from tests.integration.kit.stores import Memory, add

pytestmark = pytest.mark.integration
LIMIT = 1_000_000  # bytes that this server lets one transaction write


@pytest_asyncio.fixture(loop_scope="session")
async def store(database: Any) -> AsyncIterator[Store]:
    """Of a server that takes little at a time (one whose memory is small says TransactionTooLargeForCache)."""
    before = await database.client.admin.command({"getParameter": 1, "transactionSizeLimitBytes": 1})
    made = Store(database, patience=20.0)
    await made.start()
    await database.client.admin.command({"setParameter": 1, "transactionSizeLimitBytes": LIMIT})
    yield made
    limit = before["transactionSizeLimitBytes"]
    await database.client.admin.command({"setParameter": 1, "transactionSizeLimitBytes": limit})
    await made.stop()


def writes(id: str, size: int, *, otherwise: int | None = None) -> Operation[str]:
    def do(work: UnitOfWork) -> str:
        work.save("large", {"_id": id, "text": "x" * size}, new=True)
        return id

    def instead(work: UnitOfWork, error: Exception) -> None:
        work.save("large", {"_id": id, "why": type(error).__name__, "text": "x" * (otherwise or 0)}, new=True)

    return Operation(lambda work: (), do, None if otherwise is None else instead)


async def kept(store: Store) -> list[str]:
    return sorted([document["_id"] async for document in store.database.large.find({}, {"_id": 1})])


class TestSubmit:
    async def test_many_that_are_too_large_together_are_done_in_several_transactions(self, store: Store) -> None:
        names = [f"{n:02}" for n in range(40)]
        assert await asyncio.gather(*(store.submit(writes(name, LIMIT // 9)) for name in names)) == names
        assert await kept(store) == names

    async def test_one_that_is_too_large_is_refused_alone(self, store: Store) -> None:
        sent = [writes("00", 10), writes("01", 2 * LIMIT), *(writes(f"{n:02}", 10) for n in range(2, 30))]
        first, refused, *others = await asyncio.gather(*map(store.submit, sent), return_exceptions=True)
        assert isinstance(refused, TooLarge)
        assert [first, *others] == await kept(store) == [f"{n:02}" for n in range(30) if n != 1]

    async def test_what_belongs_together_keeps_its_order_over_several_transactions(self, store: Store) -> None:
        sent: list[Operation[Any]] = [
            add("a", 0),
            *(writes(f"{n:02}", LIMIT // 9) for n in range(20)),
            add("a"),
            add("a"),
        ]
        results = await store.submit_all(sent)
        assert results == [0, *(f"{n:02}" for n in range(20)), 1, 2]

    async def test_a_view_follows_what_was_done(self, store: Store) -> None:
        memory = Memory()
        store.enlist(memory)

        def noting(n: int) -> Operation[None]:
            def do(work: UnitOfWork) -> None:
                memory.pending.append(f"{n:02}")
                writes(f"{n:02}", LIMIT // 9).do(work)

            return Operation(lambda work: (), do)

        await asyncio.gather(*(store.submit(noting(n)) for n in range(20)))
        assert memory.kept == await kept(store) == [f"{n:02}" for n in range(20)]

    async def test_the_bound_leaves_to_the_next_what_has_no_room(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So that the server's limit is not what decides: a transaction that it refuses has cost all of its work."""
        monkeypatch.setattr("shared.kit.store.store.GROUP_BYTES", LIMIT // 2)
        refused: list[str] = []
        monkeypatch.setattr(store._observer, "retried", lambda part, error: refused.append(error))
        names = [f"{n:02}" for n in range(40)]
        assert await asyncio.gather(*(store.submit(writes(name, LIMIT // 9)) for name in names)) == names
        assert await kept(store) == names
        assert refused == []


class TestPerform:
    async def test_several_that_are_too_large_together_fail_at_once_and_write_nothing(self, store: Store) -> None:
        with pytest.raises(TooLargeTogether) as raised:
            await store.perform([writes(f"{n}", LIMIT // 3) for n in range(6)])
        assert raised.value.too_much
        assert await kept(store) == []

    async def test_one_that_is_too_large_is_set_apart_in_the_transaction(self, store: Store) -> None:
        (refused,) = await store.perform([writes("a", 2 * LIMIT, otherwise=0)])
        assert isinstance(refused, TooLarge)
        assert await store.database.large.find_one() == {"_id": "a", "why": "TooLarge", "text": ""}

    async def test_where_even_that_is_too_large_nothing_is_written(self, store: Store) -> None:
        with pytest.raises(Unavailable):
            await store.perform([writes("a", 2 * LIMIT, otherwise=2 * LIMIT)])
        with pytest.raises(Unavailable):
            await store.submit(writes("a", 2 * LIMIT, otherwise=2 * LIMIT))
        assert await kept(store) == []

    async def test_nobody_is_too_large_for_what_goes_along(self, store: Store) -> None:
        told: list[Any] = []

        class Along:
            def take(self, *, company: bool) -> list[Operation[Any]]:
                return [writes("b", LIMIT * 2 // 3)]

            def done(self, results: Any) -> None:
                told.append(results)

        store.take_along(Along())
        assert await store.perform([writes("a", LIMIT * 2 // 3)]) == ["a"]
        assert [type(each) for each in told] == [TooLargeTogether]
        assert await kept(store) == ["a"]

    @pytest.mark.parametrize("parts", [1, 3], ids=["one", "several together"])
    async def test_what_goes_along_with_what_is_too_large_without_it_is_not_told_that_it_was_too_much(
        self, store: Store, parts: int
    ) -> None:
        told: list[Any] = []

        class Along:
            def take(self, *, company: bool) -> list[Operation[Any]]:
                return [writes("b", 10)]

            def done(self, results: Any) -> None:
                told.append(results)

        store.take_along(Along())
        large = [writes(f"{n}", 2 * LIMIT // parts) for n in range(parts)]
        results = await asyncio.gather(store.perform(large), return_exceptions=True)
        assert isinstance(results[0], TooLargeTogether) if parts > 1 else True
        assert [(type(each), each.too_much) for each in told] == [(Unavailable, False)]
        assert await kept(store) == []


async def test_a_record_that_is_too_large_for_a_transaction_is_set_apart_and_those_beside_it_are_done(
    kafka: str, mongo_url: str
) -> None:
    """And not read again for ever, with all that comes behind it."""

    def handler(event: Event[Delivery], work: UnitOfWork) -> None:
        count(event, work)
        if event.id == hex_id("event", 7):
            writes("large", 2 * LIMIT).do(work)

    made = Service(kafka, mongo_url, f"test_{hex_id('large')[:12]}", f"t{hex_id('large')[:8]}.", handler=handler)
    await made.start()
    admin = made.client.admin
    before = await admin.command({"getParameter": 1, "transactionSizeLimitBytes": 1})
    await admin.command({"setParameter": 1, "transactionSizeLimitBytes": LIMIT})
    try:
        await publish(kafka, made.settings.physical("deliveries"), [delivery(n) for n in range(20)])
        others = {hex_id("event", n) for n in range(20) if n != 7}

        async def done() -> bool:
            times = await made.times()
            return (
                all(times.get(each) == 1 for each in others) and await made.database[QUARANTINE].count_documents({}) > 0
            )

        await until(done)
        (apart,) = await made.database[QUARANTINE].find().to_list(None)
        assert (apart["reason"], apart["field"]) == ("handler-failed", "TooLarge")
        assert await made.database.large.count_documents({}) == 0
    finally:
        limit = before["transactionSizeLimitBytes"]
        await admin.command({"setParameter": 1, "transactionSizeLimitBytes": limit})
        await made.client.drop_database(made.database.name)
        await made.stop()
