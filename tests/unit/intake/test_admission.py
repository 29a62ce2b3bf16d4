"""What forbids is never put off because of other traffic of the same key."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.admission import FORBIDS, admission
from services.intake.answers import Receipt
from services.intake.service import Arrival
from shared.events import registry
from shared.kit import quotas
from shared.kit.edge import EdgeSettings
from shared.kit.problems import Problem
from shared.kit.quotas import Quotas
from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit
ADVERT, WITHDRAWAL = "job-posted", "consent-withdrawn"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "LONGEST_DELAY", 0.0)


async def asked(known: Quotas, *types: str | None) -> tuple[bool, list[int]]:
    """Whether these go ahead, and which are put off."""
    caller: Any = type("Caller", (), {"key_id": "gjf-1"})()
    arrivals = {n: Arrival(None, None, each, False, None, {}, ()) for n, each in enumerate(types)}
    ahead, late = await admission(known, caller)(arrivals)
    return ahead, list(late)


async def test_withdrawals_go_ahead_when_the_adverts_of_the_key_are_too_many() -> None:
    known = Quotas(EdgeSettings(limit_events="1/5"))
    assert await asked(known, *[ADVERT] * 5) == (False, [])
    with pytest.raises(Problem) as raised:
        await asked(known, ADVERT)
    assert (raised.value.status, raised.value.body["rule"]) == (429, "events")
    assert await asked(known, *[WITHDRAWAL] * 3) == (True, [])


async def test_a_batch_of_both_loses_its_adverts_alone_and_what_is_left_goes_ahead() -> None:
    known = Quotas(EdgeSettings(limit_events="1/2"))
    assert await asked(known, ADVERT, WITHDRAWAL, ADVERT) == (False, [])
    assert await asked(known, ADVERT, WITHDRAWAL, ADVERT) == (True, [0, 2])


async def test_what_forbids_has_a_limit_of_its_own() -> None:
    with pytest.raises(Problem) as raised:
        await asked(Quotas(EdgeSettings(limit_forbids="1/2")), *[WITHDRAWAL] * 3)
    assert raised.value.body["rule"] == "forbids"


async def test_what_cannot_be_read_counts_as_an_event() -> None:
    known = Quotas(EdgeSettings(limit_events="1/1"))
    await asked(known, None)
    with pytest.raises(Problem):
        await asked(known, None)


def test_what_forbids_is_in_the_contract() -> None:
    doors = {known.name for known in registry if known.door is not None}
    assert doors >= FORBIDS


async def test_what_is_put_off_is_said_to_each_and_is_not_kept() -> None:
    house = House()

    async def second_is_late(arrivals: Any) -> tuple[bool, list[int]]:
        return False, [1]

    events = [
        {
            "specversion": "1.0", "id": f"e-{number}", "source": "/agencies/gjf", "type": "job-posted",
            "time": "2026-11-20T09:00:00+09:00", "data": example("job-posted", reference=f"J-{number}"),
        }
        for number in range(2)
    ]  # fmt: skip
    first, second = await house.door.take(events, house.callers["gjf"], admit=second_is_late)
    assert (first.status, second.status) == ("accepted", "failed")
    assert (second.id, second.receipt) == ("e-1", None)
    assert second.problem is not None
    assert (second.problem.status, second.problem.rule) == (429, "too-many-at-a-time")
    again: Receipt
    [again] = await house.door.take(events[1:], house.callers["gjf"])
    assert again.status == "accepted"
