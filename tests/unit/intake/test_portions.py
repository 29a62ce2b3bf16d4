"""A large request is decided portion by portion: what is in memory and in one transaction does not grow with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from services.intake.admission import LARGE_BODY, Large
from services.intake.answers import Receipt
from services.intake.service import PORTION_BYTES, PORTION_EVENTS
from shared.events.incoming import BATCH, split
from shared.events.refusal import Refused
from shared.kit.store.store import Unavailable
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def portions(house: House, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each transaction had so far."""
    seen: list[int] = []
    submit = house.store.submit_all

    async def counting(tasks: Sequence[Any], *, ahead: bool = False) -> Any:
        seen.append(len(tasks))
        return await submit(tasks, ahead=ahead)

    monkeypatch.setattr(house.store, "submit_all", counting)
    return seen


def adverts(house: House, count: int, **attributes: Any) -> list[dict[str, Any]]:
    return [
        house.event("job-posted", example("job-posted", reference=f"J-{n}"), by="gjf", **attributes)
        for n in range(count)
    ]


async def test_many_events_are_many_transactions_and_one_answer_in_order(house: House, portions: list[int]) -> None:
    events = adverts(house, 2 * PORTION_EVENTS + 1)
    receipts = await house.send_all(events, by="gjf")
    assert portions == [PORTION_EVENTS, PORTION_EVENTS, 1]
    assert [receipt.id for receipt in receipts] == [event["id"] for event in events]
    assert {receipt.status for receipt in receipts} == {"accepted"}
    assert len({receipt.receipt for receipt in receipts}) == len(events)


async def test_a_full_portion_that_is_all_is_the_only_one(house: House, portions: list[int]) -> None:
    await house.send_all(adverts(house, PORTION_EVENTS, testrun=True), by="gjf")
    assert portions == [PORTION_EVENTS]


async def test_large_events_are_few_in_one_transaction(house: House, portions: list[int]) -> None:
    course = {"title": "가" * 80}
    data = example("person-updated", courses=[course] * 50)
    content = 80 * len("\\uac00") * 50
    events = [house.event("person-updated", data) for _ in range(60)]
    await house.send_all(events)
    most = PORTION_BYTES // content + 1
    assert 1 < max(portions) <= most
    assert sum(portions) == 60


@pytest.mark.parametrize("end", [",", ",7", "]]", ', {"id": "a", "id": "b"}]'])
async def test_what_breaks_behind_the_first_portion_leaves_nothing(house: House, portions: list[int], end: str) -> None:
    text = ",".join(map(json.dumps, adverts(house, PORTION_EVENTS + 50)))
    with pytest.raises(Refused):
        await house.door.take(split(BATCH, [], f"[{text}{end}".encode()), house.callers["gjf"])
    assert portions == []
    assert not house.store.emitted


async def test_too_many_behind_the_first_portion_leave_nothing(house: House, portions: list[int]) -> None:
    with pytest.raises(Refused):
        await house.door.take(adverts(house, PORTION_EVENTS + 2), house.callers["gjf"], PORTION_EVENTS + 1)
    assert portions == []


async def test_admission_is_asked_once_for_all_of_it(house: House) -> None:
    asked: list[Sequence[str | None]] = []
    late = [3, PORTION_EVENTS + 3]

    async def admit(types: Sequence[str | None]) -> tuple[bool, list[int]]:
        asked.append(types)
        return False, late

    events: list[Any] = adverts(house, PORTION_EVENTS + 10)
    events[PORTION_EVENTS + 5] = {"type": "made-up"}
    receipts = await house.door.take(events, house.callers["gjf"], admit=admit)
    assert [list(types) for types in asked] == [[event["type"] for event in events[:-5]] + [None] + ["job-posted"] * 4]
    assert [n for n, receipt in enumerate(receipts) if receipt.status == "failed"] == late


async def test_after_an_outage_in_the_middle_all_of_it_is_sent_again_and_kept_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, calls = house.store.submit_all, 0

    async def failing(tasks: Sequence[Any], *, ahead: bool = False) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Unavailable("AutoReconnect")
        return await submit(tasks, ahead=ahead)

    monkeypatch.setattr(house.store, "submit_all", failing)
    events = adverts(house, 2 * PORTION_EVENTS)
    with pytest.raises(Unavailable):
        await house.send_all(events, by="gjf")
    assert len(house.store.emitted) == PORTION_EVENTS
    receipts: list[Receipt] = await house.send_all(events, by="gjf")
    assert [receipt.status for receipt in receipts] == ["duplicate"] * PORTION_EVENTS + ["accepted"] * PORTION_EVENTS
    assert len(house.store.emitted) == 2 * PORTION_EVENTS


async def test_what_can_be_gone_through_only_once_is_never_answered_in_part(house: House) -> None:
    with pytest.raises(RuntimeError):
        await house.door.take(iter(adverts(house, PORTION_EVENTS + 1)), house.callers["gjf"])


async def test_large_bodies_of_one_key_are_one_at_a_time_and_nobody_elses(house: House) -> None:
    large, working, most, order = Large(), 0, 0, []
    gjf, khf = house.callers["gjf"], house.callers["khf"]

    async def work(name: str, caller: Any, size: int) -> None:
        nonlocal working, most
        async with large.turn(caller, size):
            working += name == "gjf"
            most = max(most, working)
            order.append(name)
            for _ in range(5):
                await asyncio.sleep(0)
            working -= name == "gjf"

    own = [work("gjf", gjf, LARGE_BODY + 1) for _ in range(3)]
    await asyncio.gather(*own, work("khf", khf, LARGE_BODY + 1), work("small", gjf, LARGE_BODY))
    assert most == 1
    assert order == ["gjf", "khf", "small", "gjf", "gjf"]
