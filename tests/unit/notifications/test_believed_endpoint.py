"""For how long an endpoint is taken to be as a transaction has read it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from services.notifications.delivery.pre_send_check import BELIEVED_SECONDS, BelievedEndpoint, EndpointRead

pytestmark = pytest.mark.unit
OPEN: Any = {"_id": "s", "state": "active", "held_until": None}
HELD: Any = {**OPEN, "held_until": "later"}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moment, to be set."""
    moment = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: moment[0])
    return moment


def test_it_is_believed_for_a_moment_and_the_newest_that_was_learned(at: list[float]) -> None:
    believed = BelievedEndpoint()
    assert believed.now() is None
    assert believed.learn(EndpointRead(OPEN, 1_000.0))
    assert believed.learn(EndpointRead(HELD, 1_000.0))
    at[0] += BELIEVED_SECONDS / 2
    assert believed.now() == HELD
    at[0] += BELIEVED_SECONDS
    assert believed.now() is None


def test_what_was_read_before_an_answer_changed_it_is_not_believed(at: list[float]) -> None:
    believed = BelievedEndpoint()
    believed.learn(EndpointRead(OPEN, 1_000.0))
    believed.changes()
    assert believed.now() is None
    assert not believed.learn(EndpointRead(OPEN, 1_000.0))
    assert believed.now() is None
    at[0] += 0.01
    assert believed.learn(EndpointRead(HELD, 1_000.005))
    assert believed.now() == HELD
