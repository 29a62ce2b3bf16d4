"""Attempts of one delivery are numbered through all of its life, whatever its schedule does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.delivery.transitions import MOST_LOGGED
from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.recovery.schemas import AttemptShown, DeliveryShown
from tests.unit.notifications.test_recovery import REFUSED, TAKEN, Recovering

pytestmark = pytest.mark.unit
BUSY = Verdict("again", "refused-503")


def shown(case: Recovering) -> tuple[list[int], int]:
    """The numbers in its log, and how many attempts are shown in all."""
    (delivery,) = case.world.all(DELIVERIES)
    log = [AttemptShown.of(each).number for each in delivery["log"]]
    return log, DeliveryShown.of(delivery, None, case.world.now).attempts


@pytest.mark.parametrize("end", [TAKEN, REFUSED], ids=["delivered", "failed"])
async def test_what_its_recipient_asks_for_again_counts_on(end: Verdict) -> None:
    case = Recovering()
    case.deliver(BUSY)
    case.world.now += timedelta(days=1)
    case.deliver(end)
    assert shown(case) == ([1, 2], 2)
    for number in (3, 4):
        case.world.now += timedelta(minutes=1)
        await case.resend.resend("gjf", case.world.all(DELIVERIES)[0]["_id"])
        assert shown(case)[1] == number - 1, "before it is tried again"
        case.deliver(TAKEN)
        assert shown(case) == (list(range(1, number + 1)), number)


def test_a_probe_which_uses_up_nothing_of_its_schedule_has_a_number_of_its_own() -> None:
    case = Recovering()
    case.deliver(BUSY)
    (delivery,) = case.world.all(DELIVERIES)
    probe = {"planned": delivery["due"], "due": case.world.now, "probe": True}
    case.world.store.put(DELIVERIES.name, {**delivery, **probe})
    case.deliver(BUSY)
    assert case.world.all(DELIVERIES)[0]["attempts"] == 1
    case.world.now += timedelta(days=1)
    case.deliver(TAKEN)
    assert shown(case) == ([1, 2, 3], 3)


def test_one_that_was_let_go_and_answers_after_the_next_has_the_next_number() -> None:
    case = Recovering()
    (delivery,) = case.world.due()
    endpoint: Any = case.world.all(SUBSCRIPTIONS)[0]
    late = case.world.claim(delivery["_id"])
    case.world.release(delivery["_id"])
    case.deliver(BUSY)
    case.world.perform(case.world.transitions.after_attempt(late, BUSY, timedelta(0), 0.0, endpoint))
    assert shown(case) == ([1, 2], 2)


def test_a_long_log_forgets_the_first_and_counts_on() -> None:
    case = Recovering()
    (delivery,) = case.world.due()
    log = [
        {"number": n, "outcome": "again", "reason": None, "milliseconds": 1, "at": case.world.now}
        for n in range(1, MOST_LOGGED + 1)
    ]
    case.world.store.put(DELIVERIES.name, {**delivery, "log": log})
    case.deliver(TAKEN)
    assert shown(case) == (list(range(2, MOST_LOGGED + 2)), MOST_LOGGED + 1)
