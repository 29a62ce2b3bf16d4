"""Which of the recalls that a version before has delivered are awaited from now on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.notifications import earlier_recalls
from services.notifications.documents import DELIVERIES, THREADS
from services.notifications.earlier_recalls import INDEX, PIECE, EarlierRecalls
from services.notifications.outcome_events import NOTHING_LEFT
from tests.unit.notifications.test_recalls import Told

pytestmark = pytest.mark.unit


def recalled(times: int) -> Told:
    """So many times told of and recalled, the last time for good."""
    told = Told()
    for n in range(times):
        if n:
            told.world.now += timedelta(hours=1)
            told.consent(True)
            told.match(f"y{n}")
            told.finish()
        told.consent(False)
        told.finish()
    return told


def recalls(told: Told) -> list[dict[str, Any]]:
    return sorted(told.world.all(DELIVERIES, about="recall"), key=lambda each: int(each["version"]))


def look(told: Told) -> int:
    """As a version before has left them, then looked at."""
    for each in recalls(told):
        if "unacknowledged_since" in each:
            each["ended"] = each.pop("unacknowledged_since")
            told.world.store.put(DELIVERIES.name, each)
    nothing: Any = None
    database: Any = defaultdict(lambda: None)
    job = EarlierRecalls(database, nothing, told.world.ids)
    piece: Any = [{"_id": each["_id"], "thread": each["thread"]} for each in recalls(told)]
    found: int = told.world.perform(job.waiting(piece))
    assert told.world.perform(job.waiting(piece)) == 0, "twice is once"
    return found


def awaited(told: Told) -> list[bool]:
    return ["unacknowledged_since" in each for each in recalls(told)]


def test_all_that_nobody_answered_for_are_since_they_arrived() -> None:
    told = recalled(2)
    arrived = [each["unacknowledged_since"] for each in recalls(told)]
    assert look(told) == 2
    assert [each["unacknowledged_since"] for each in recalls(told)] == arrived
    assert not any("ended" in each for each in recalls(told))


async def test_those_that_were_acknowledged_are_not_nor_those_before_the_last_that_was() -> None:
    told = recalled(2)
    await told.acknowledge(recalls(told)[1]["notice"])
    assert look(told) == 0
    assert awaited(told) == [False, False]


async def test_who_acknowledged_an_older_one_is_asked_for_the_newer() -> None:
    told = recalled(2)
    await told.acknowledge(recalls(told)[0]["notice"])
    assert look(told) == 1
    assert awaited(told) == [False, True]


def test_one_before_a_recall_that_was_taken_back_because_nothing_had_left_is_awaited() -> None:
    told = recalled(2)
    (thread,) = told.world.all(THREADS)
    thread["recall"]["taken"] = True
    told.world.store.put(THREADS.name, thread)
    needless = recalls(told)[1] | {"state": "dropped", "reason": NOTHING_LEFT, "ended": told.world.now}
    del needless["unacknowledged_since"]
    told.world.store.put(DELIVERIES.name, needless)
    assert look(told) == 1
    assert awaited(told) == [True, False]


async def test_what_was_obeyed_under_another_alias_answers_for_none() -> None:
    told = recalled(1)
    told.consent(True, "b")
    told.match("y")
    told.finish()
    told.consent(False, "b")
    told.finish()
    await told.acknowledge(recalls(told)[1]["notice"])
    assert look(told) == 1
    assert awaited(told) == [True, False]


async def test_in_doubt_it_is_awaited_and_ends_once_it_is_acknowledged() -> None:
    """Of one that was answered for by neither itself nor the last one nobody knows any more."""
    told = recalled(3)
    first, second, _ = recalls(told)
    second |= {"acknowledged": True, "ended": second.pop("unacknowledged_since")}
    told.world.store.put(DELIVERIES.name, second)
    assert look(told) == 2
    assert awaited(told) == [True, False, True]
    await told.acknowledge(first["notice"])
    assert awaited(told) == [False, False, True]


class Many:
    """A collection with recalls of a version before, and the store; the process is to end at one of the pieces."""

    def __init__(self, ends_at: int) -> None:
        self.stopping, self.pieces, self.indexes, self._ends_at = asyncio.Event(), 0, {INDEX}, ends_at

    async def index_information(self) -> set[str]:
        """What there is."""
        return self.indexes

    async def drop_index(self, name: str) -> None:
        """It goes."""
        self.indexes.remove(name)

    async def find(self, *_: Any, **__: Any) -> AsyncIterator[dict[str, str]]:
        """Three pieces of them."""
        for number in range(3 * PIECE):
            yield {"_id": str(number), "thread": "t"}

    async def submit(self, _: Any) -> int:
        """One piece."""
        self.pieces += 1
        if self.pieces == self._ends_at:
            self.stopping.set()
        return PIECE


@pytest.mark.parametrize(("ends_at", "pieces"), [(1, 1), (5, 5), (7, 6)])
async def test_the_end_waits_for_one_piece_and_the_index_stays_until_all_were_looked_at_twice(
    ends_at: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earlier_recalls, "OLDER_REPLICAS_SECONDS", 0.01)
    many: Any = Many(ends_at)
    database: Any = {DELIVERIES.name: many}
    await EarlierRecalls(database, many, Told().world.ids).run(many.stopping)
    assert (many.pieces, INDEX in many.indexes) == (pieces, ends_at < 7)
