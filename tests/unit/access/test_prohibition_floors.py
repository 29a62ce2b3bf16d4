"""How floors are kept: they only rise, and what follows from one is done once, after those of others that work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import bson
import pytest

from deploy.local.timeouts import scaled
from shared.access import prohibition_floors
from shared.access.prohibition_floors import (
    FLOORS,
    FloorFollowUp,
    Raised,
    floors_of,
    raise_floors,
    the_floors,
)
from shared.access.prohibitions_stream import follow_prohibitions, urgent_stream
from shared.events import Event
from shared.events.topics.prohibitions import FLOOR_RAISED, Floor, Floors
from shared.kit.base.observer import Observer
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 10, tzinfo=UTC)
SOMEBODY = "0f" * 16


def raised(below: int, purpose: str = "matching", whole: int = 0) -> Event[Floors]:
    floors = Floors(person=SOMEBODY, whole=whole, consents=(Floor(purpose=purpose, below=below),))
    return Event(
        id=f"e-{below}-{purpose}", source="/intake", type=FLOOR_RAISED.name, version=1, time=NOW, key=SOMEBODY,
        data=floors, sequence=below, correlationid="c",
    )  # fmt: skip


class Database:
    """One collection of floors, and how tasks are done on it."""

    def __init__(self) -> None:
        self.floors: dict[str, dict[str, Any]] = {}

    def perform(self, task: Operation[Any], now: datetime = NOW) -> Any:
        work = UnitOfWork(now)
        held = self.floors.values()
        work.loaded(FLOORS, "_id", [SOMEBODY], (bson.encode(each) for each in held))
        try:
            result = task.do(work)
        except Exception as error:
            work = UnitOfWork(now)
            work.loaded(FLOORS, "_id", [SOMEBODY], (bson.encode(each) for each in held))
            assert task.otherwise is not None
            task.otherwise(work, error)
            result = error
        for id, raw, _, _ in work.changes().get(FLOORS, ()):
            assert raw is not None
            self.floors[id] = bson.decode(raw, bson.CodecOptions(tz_aware=True))
        return result

    def hear(self, event: Event[Floors]) -> bool:
        """Whether any floor is higher now."""
        before = dict(self.floors)
        self.perform(Operation(lambda work: [the_floors(SOMEBODY)], lambda work: raise_floors(event, work)))
        return self.floors != before


class TestRaising:
    def test_who_follows_is_woken_also_by_what_another_replica_has_stored_already(self) -> None:
        stream, woken = urgent_stream("matching"), 0

        def wake() -> None:
            nonlocal woken
            woken += 1

        follow_prohibitions(stream, wake)
        database, handler = Database(), stream._routes._handlers["floor-raised"][0]
        for _ in range(2):
            work = UnitOfWork(NOW)
            work.loaded(FLOORS, "_id", [SOMEBODY], (bson.encode(each) for each in database.floors.values()))
            handler(raised(7), work)
            for call in work.calls:
                call()
            database.hear(raised(7))
        assert woken == 2

    def test_keeps_the_highest_of_each(self) -> None:
        database = Database()
        heard = [
            raised(7),
            raised(5),
            raised(9, "notice"),
            raised(7),
            raised(8),
            raised(1, whole=3),
            raised(2, whole=3),
        ]
        assert [database.hear(event) for event in heard] == [True, False, True, False, True, True, False]
        kept = floors_of(database.floors[SOMEBODY])
        assert {(floor.purpose, floor.below) for floor in kept.consents} == {("matching", 8), ("notice", 9)}
        assert kept.whole == 3

    def test_marks_what_follows_as_due_and_a_repeat_does_not(self) -> None:
        database = Database()
        database.hear(raised(7))
        assert database.floors[SOMEBODY]["due"] == NOW
        del database.floors[SOMEBODY]["due"]
        database.hear(raised(7))
        assert "due" not in database.floors[SOMEBODY]

    def test_nobody_is_forbidden_anything_without_a_document(self) -> None:
        assert not floors_of(None).forbid(0, "matching", None)


class Done:
    """What was done of which person; fails while told to."""

    def __init__(self) -> None:
        self.done: list[Raised] = []
        self.fails = False

    def __call__(self, work: UnitOfWork, person: str, cause: Raised) -> None:
        if self.fails:
            raise ValueError
        self.done.append(cause)


def following(done: Done) -> FloorFollowUp:
    class Nobody:
        async def perform(self, tasks: Sequence[Operation[None]], /) -> Sequence[Exception | None]:
            raise AssertionError

    database: Any = {FLOORS: None}
    return FloorFollowUp(cast(Any, database), Nobody(), lambda work, person: (), done, asyncio.Event(), Observer())


class TestFollowing:
    def test_hands_on_the_cause_and_is_done_once(self) -> None:
        database, done = Database(), Done()
        database.hear(raised(7))
        for _ in range(2):
            database.perform(following(done).task(SOMEBODY))
        assert done.done == [Raised("e-7-matching", "c", None, None)]
        assert "due" not in database.floors[SOMEBODY]

    def test_what_fails_stays_due_behind_what_is_due_already(self) -> None:
        database, done = Database(), Done()
        database.hear(raised(7))
        done.fails = True
        assert isinstance(database.perform(following(done).task(SOMEBODY), LATER), ValueError)
        assert database.floors[SOMEBODY]["due"] == LATER
        done.fails = False
        database.perform(following(done).task(SOMEBODY), LATER)
        assert len(done.done) == 1

    def test_nothing_follows_for_somebody_of_whom_nothing_is_due(self) -> None:
        database, done = Database(), Done()
        database.perform(following(done).task(SOMEBODY))
        assert done.done == []

    async def test_one_that_waits_ends_when_the_service_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(prohibition_floors, "LOOK_SECONDS", 3_600.0)
        looked, stopping, follow_up = asyncio.Event(), asyncio.Event(), following(Done())

        async def nothing_due() -> tuple[int, int]:
            looked.set()
            return 0, 0

        monkeypatch.setattr(follow_up, "step", nothing_due)
        running = asyncio.create_task(follow_up.run(stopping))
        async with asyncio.timeout(scaled(10)):
            await looked.wait()
            await asyncio.sleep(0)
            stopping.set()
            await running
