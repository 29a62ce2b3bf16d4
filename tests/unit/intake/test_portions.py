"""A large request is decided portion by portion: what is in memory and in one transaction does not grow with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest

from services.intake.portions import PORTION_BYTES, PORTION_EVENTS
from services.intake.request_admission import LARGE_BODY, Admitted
from services.intake.request_body import Received
from services.intake.schemas import Receipt
from services.intake.service import Door
from shared.events.http_binding import BATCH, STRUCTURED
from shared.events.refusal import Refused
from shared.kit.base.clock import Clock
from shared.kit.store.store import Unavailable
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.quotas import Quotas
from tests.unit.intake.memory import House, admission, example

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
    received = Received(BATCH, (), f"[{text}{end}".encode())
    with pytest.raises(Refused):
        async with admission(most=1_000).admit(received, house.callers["gjf"], Quotas(EdgeSettings())):
            raise AssertionError("admitted")
    assert portions == []


async def test_what_is_put_off_is_put_off_in_every_portion(house: House) -> None:
    late = [3, PORTION_EVENTS + 3]
    events: list[Any] = adverts(house, PORTION_EVENTS + 10)
    receipts = await house.door.take(Admitted(events, len(events), late=frozenset(late)), house.callers["gjf"])
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
        await house.door.take(Admitted(iter(()), PORTION_EVENTS + 1), house.callers["gjf"])
    assert not house.store.emitted


async def test_a_request_reads_the_clock_once_however_many_events_it_has(house: House) -> None:
    class Counting(Clock):
        read = 0

        def _readings(self) -> tuple[datetime, datetime, datetime]:
            self.read += 1
            return super()._readings()

    clock = Counting()
    door = Door(cast(Any, house.store), replace(house.dependencies, clock=clock))
    await door.take(Admitted(adverts(house, PORTION_EVENTS + 1), PORTION_EVENTS + 1), house.callers["gjf"])
    assert clock.read == 1


async def test_large_bodies_of_one_key_are_one_at_a_time_and_nobody_elses(house: House) -> None:
    known, working, most, order = admission(), 0, 0, []
    quotas = Quotas(EdgeSettings())
    gjf, khf = house.callers["gjf"], house.callers["khf"]

    async def work(name: str, caller: Any, size: int) -> None:
        nonlocal working, most
        async with known.turn(Received(STRUCTURED, (), bytes(size)), caller, quotas):
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
