"""Refused events are kept up to so many of one agency and day; what is more is answered in full, and counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from services.intake import metrics
from services.intake.documents import REFERENCES
from services.intake.queries import Journeys
from services.intake.schemas import Receipt
from services.intake.service import Door
from shared.kit.base.clock import Clock
from tests.unit.intake.memory import House, example, today
from tests.unit.intake.test_queries import Kept

pytestmark = pytest.mark.unit
MOST = 3


@pytest.fixture
def house() -> House:
    house = House()
    house.dependencies = replace(house.dependencies, most_rejections=MOST, clock=Clock(wall=lambda: house.store.now))
    house.door = Door(cast(Any, house.store), house.dependencies)
    return house


async def refused(house: House, count: int, by: str = "gjf", **attributes: Any) -> list[Receipt]:
    data = example("job-posted", closes=today(-1), employment="a:b")
    return await house.send_all([house.event("job-posted", data, by=by, **attributes) for _ in range(count)], by)


def kept(receipts: list[Receipt]) -> list[bool | None]:
    assert {len(receipt.problem.errors or ()) for receipt in receipts if receipt.problem is not None} == {2}
    return [None if receipt.problem is None else receipt.problem.kept for receipt in receipts]


async def test_what_is_more_is_answered_in_full_and_says_that_it_is_not_kept(house: House) -> None:
    counted = metrics.rejections_not_kept.of(agency="gjf")
    before = counted._value.get()
    assert kept(await refused(house, MOST + 2)) == [None] * MOST + [False] * 2
    assert len(house.store.all("rejections")) == MOST
    assert counted._value.get() - before == 2
    assert kept(await refused(house, 1)) == [False]


async def test_nobody_elses_and_no_accepted_event_is_touched(house: House) -> None:
    await refused(house, MOST + 1)
    assert kept(await refused(house, 1, by="khf")) == [None]
    assert (await house.send("job-posted", example("job-posted"), by="gjf")).status == "accepted"


async def test_the_next_day_begins_anew_and_the_tally_of_the_last_is_forgotten(house: House) -> None:
    await refused(house, MOST + 1)
    (tally,) = house.store.all(REFERENCES)
    assert tally["count"] == MOST
    assert timedelta(days=1) <= tally["until"] - house.store.now <= timedelta(days=2)
    house.store.now += timedelta(days=1)
    assert kept(await refused(house, 1)) == [None]


async def test_a_test_run_is_never_kept_and_counts_nothing(house: House) -> None:
    assert kept(await refused(house, MOST, testrun=True)) == [None] * MOST
    assert not house.store.all(REFERENCES)


async def test_the_list_of_rejections_says_whose_are_not_all_there(house: House) -> None:
    journeys = Journeys(cast(Any, Kept(house.store)), house.dependencies)
    await refused(house, MOST)
    await refused(house, 1, by="khf")
    assert (await journeys.rejections(house.callers["gjf"], 10, None)).full_today == ["gjf"]
    assert (await journeys.rejections(house.callers["khf"], 10, None)).full_today is None
    assert (await journeys.rejections(house.callers["ops"], 10, None)).full_today == ["gjf"]
    house.store.now += timedelta(days=1)
    assert (await journeys.rejections(house.callers["gjf"], 10, None)).full_today is None


async def test_how_long_it_is_kept_does_not_follow_a_calendar_that_was_moved(house: House) -> None:
    """What MongoDB deletes by age is dated by its own clock."""
    house.store.moved = timedelta(days=70)
    await refused(house, 1)
    (row,) = house.store.all("rejections")
    assert abs(house.store.now - row["at"] - house.store.moved) < timedelta(days=1)
