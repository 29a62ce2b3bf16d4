"""Consents that have ended lapse, each by itself: one that cannot be ended keeps nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from services.intake import consent_expiry
from services.intake.consent_expiry import ConsentExpiryJob
from services.intake.documents import PEOPLE
from services.intake.domain import consent_rules
from shared.events.topics.people import CONSENT_LAPSED
from tests.unit.intake.memory import House, example, today
from tests.unit.intake.test_operators import over

pytestmark = pytest.mark.unit
CONSENTS = [{"purpose": "matching", "until": today(5)}]


class Kept:
    """The reads of a repository, from a store in memory."""

    def __init__(self, house: House) -> None:
        self._store = house.store
        self.foretold = 0

    async def ended(self, today: str, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        return over(self._store.all(PEOPLE), today, after, limit)

    async def ending(self, first: str, last: str) -> tuple[int, int]:
        self.foretold += 1
        return 0, 0


@pytest.fixture
async def house() -> House:
    """Seven people whose only consent is over."""
    house = House()
    for number in range(7):
        await house.send("trainee-graduated", example("trainee-graduated", reference=f"R-{number}", consents=CONSENTS))
    house.later(6)
    return house


def job(house: House, kept: Kept | None = None) -> ConsentExpiryJob:
    return ConsentExpiryJob(cast(Any, house.store), cast(Any, kept or Kept(house)), house.dependencies)


def lapsed(house: House) -> set[str]:
    return {event.key for event in house.store.emitted if event.type == CONSENT_LAPSED.name}


@pytest.mark.parametrize("at_once", [2, 500])
async def test_one_that_cannot_be_ended_keeps_no_other_and_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(consent_expiry, "AT_ONCE", at_once)
    people = [row["_id"] for row in house.store.all(PEOPLE)]
    broken, true = set(people[:3]), consent_rules.lapse

    def fails(person: Any, day: Any) -> Any:
        if person.person in broken:
            raise AssertionError("a document that cannot be read")
        return true(person, day)

    monkeypatch.setattr(consent_rules, "lapse", fails)
    kept = Kept(house)
    with pytest.raises(AssertionError, match="cannot be read"):
        await job(house, kept).run(1, asyncio.Event())
    assert lapsed(house) == set(people) - broken
    assert kept.foretold == 1, "what fails there keeps nobody from being told ahead"
    monkeypatch.setattr(consent_rules, "lapse", true)
    assert await job(house).lapse() == 3
    assert lapsed(house) == set(people)
    assert await job(house).lapse() == 0


async def test_a_great_many_that_fail_keep_no_later_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is tried once in a turn, however many fail before it."""
    monkeypatch.setattr(consent_expiry, "AT_ONCE", 1)
    *broken, last = [id for _, id in over(house.store.all(PEOPLE), today(6), ("", ""), 100)]
    tried, true = list[str](), consent_rules.lapse

    def fails(person: Any, day: Any) -> Any:
        tried.append(person.person)
        if person.person in broken:
            raise AssertionError("nothing can be read")
        return true(person, day)

    monkeypatch.setattr(consent_rules, "lapse", fails)
    with pytest.raises(AssertionError):
        await job(house).lapse()
    assert lapsed(house) == {last}
    assert tried == [*broken, last]


async def test_one_whose_last_day_is_not_that_of_its_consents_is_tried_once_and_told(house: House) -> None:
    await job(house).lapse()
    house.store.put(PEOPLE, {**house.store.all(PEOPLE)[0], "ends": today(1)})
    with pytest.raises(ValueError, match="by its last day"):
        await asyncio.wait_for(job(house).lapse(), 60)


async def test_the_figure_is_told_once_a_day_however_often_the_loop_begins_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise AssertionError("nothing can be read")

    monkeypatch.setattr(consent_rules, "lapse", fails)
    kept = Kept(house)
    one = job(house, kept)
    for _ in range(3):
        with pytest.raises(AssertionError):
            await one.run(1, asyncio.Event())
    assert kept.foretold == 1


async def test_who_is_cancelled_tells_nothing_any_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(house)

    async def stopped(*_: Any) -> Any:
        raise asyncio.CancelledError

    monkeypatch.setattr(kept, "ended", stopped)
    with pytest.raises(asyncio.CancelledError):
        await job(house, kept).run(1, asyncio.Event())
    assert kept.foretold == 0
