"""When the owner of an endpoint is told that it fails, and that it is well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications.channels.mail.owner_alerts import Step, next_steps
from services.notifications.domain.circuit_breaker import Breaker

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BREAKER = Breaker(give_up_after=timedelta(days=5))


def endpoint(failures: int = 0, state: str = "active", channel: str = "webhook") -> Any:
    return {"_id": "s", "agency": "gjf", "channel": channel, "state": state, "failures": failures}


def trouble(minutes: float, told: str | None = None) -> Any:
    return {"_id": "s", "since": NOW - timedelta(minutes=minutes), "told": told}


def steps(endpoints: list[Any], kept: Any = None) -> list[Step]:
    return next_steps(endpoints, {"s": kept} if kept else {}, BREAKER, NOW)


def test_a_trouble_is_noted_at_once_and_told_after_five_minutes_once() -> None:
    assert steps([endpoint(1)]) == [Step("s", trouble(0))]
    assert steps([endpoint(2)], trouble(4.9)) == []
    assert steps([endpoint(5)], trouble(5)) == [Step("s", trouble(5, "failing"), "failing")]
    assert steps([endpoint(5)], trouble(600, "failing")) == []


def test_what_was_told_is_taken_back_and_what_was_not_is_forgotten() -> None:
    assert steps([endpoint()], trouble(7, "failing")) == [Step("s", None, "well")]
    assert steps([endpoint()], trouble(3)) == [Step("s", None)]
    assert steps([endpoint()]) == []


@pytest.mark.parametrize("told", [None, "failing", "disabled"])
@pytest.mark.parametrize("failures", [0, 1, 20])
@pytest.mark.parametrize("state", ["paused", "unconfirmed"])
def test_one_that_is_not_asked_is_neither_well_nor_in_new_trouble(state: str, failures: int, told: str | None) -> None:
    assert steps([endpoint(failures, state)], trouble(60, told)) == []
    assert steps([endpoint(failures, state)]) == []


@pytest.mark.parametrize("state", ["paused", "unconfirmed"])
def test_after_a_pause_its_trouble_goes_on_or_is_taken_back_as_it_stands_then(state: str) -> None:
    kept = trouble(60, "failing")
    assert steps([endpoint(3, state)], kept) == []
    assert steps([endpoint(3)], kept) == []
    assert steps([endpoint()], kept) == [Step("s", None, "well")]
    assert steps([endpoint(state="disabled")], kept) == [Step("s", trouble(60, "disabled"), "disabled")]


def test_an_endpoint_that_was_disabled_is_told_at_once() -> None:
    assert steps([endpoint(state="disabled")]) == [Step("s", trouble(0, "disabled"), "disabled")]
    assert steps([endpoint(state="disabled")], trouble(9, "failing")) == [Step("s", trouble(9, "disabled"), "disabled")]
    assert steps([endpoint(state="disabled")], trouble(9, "disabled")) == []


class TestADayBeforeItsEnd:
    @staticmethod
    def failing(days: float, failures: int = 20) -> Any:
        return endpoint(failures) | {"failing_since": NOW - timedelta(days=days)}

    def test_it_is_told_once_more_and_once(self) -> None:
        kept = trouble(5_000, "failing")
        assert steps([self.failing(3.99)], kept) == []
        assert steps([self.failing(4)], kept) == [Step("s", trouble(5_000, "ending"), "ending")]
        assert steps([self.failing(4.9)], trouble(5_000, "ending")) == []

    def test_who_was_told_nothing_yet_is_told_that_alone(self) -> None:
        assert steps([self.failing(4.5)], trouble(5)) == [Step("s", trouble(5, "ending"), "ending")]
        assert steps([self.failing(4.5)], trouble(4)) == []

    def test_then_it_is_well_or_has_ended(self) -> None:
        kept = trouble(5_000, "ending")
        assert steps([endpoint()], kept) == [Step("s", None, "well")]
        ended = self.failing(5) | {"state": "disabled"}
        assert steps([ended], kept) == [Step("s", trouble(5_000, "disabled"), "disabled")]

    def test_a_new_outage_that_was_not_seen_to_begin_is_told_with_its_own_end(self) -> None:
        assert steps([self.failing(0.1)], trouble(5_000, "ending")) == [Step("s", trouble(5_000, "failing"), "failing")]

    def test_without_an_outage_nothing_ends(self) -> None:
        assert steps([self.failing(30, failures=4)], trouble(5_000, "failing")) == []


def test_nobody_is_told_by_mail_that_mail_does_not_arrive() -> None:
    assert steps([endpoint(5, channel="email")]) == []


def test_a_subscription_that_has_gone_is_forgotten() -> None:
    assert steps([], trouble(9, "failing")) == [Step("s", None)]
