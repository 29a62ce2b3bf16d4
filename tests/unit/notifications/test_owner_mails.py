"""When the owner of an endpoint is told that it fails, and that it is well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications.channels.mail.owner_alerts import Step, next_steps

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def endpoint(failures: int = 0, state: str = "active", channel: str = "webhook") -> Any:
    return {"_id": "s", "agency": "gjf", "channel": channel, "state": state, "failures": failures}


def trouble(minutes: float, told: str | None = None) -> Any:
    return {"_id": "s", "since": NOW - timedelta(minutes=minutes), "told": told}


def steps(endpoints: list[Any], kept: Any = None) -> list[Step]:
    return next_steps(endpoints, {"s": kept} if kept else {}, NOW)


def test_a_trouble_is_noted_at_once_and_told_after_five_minutes_once() -> None:
    assert steps([endpoint(1)]) == [Step("s", trouble(0))]
    assert steps([endpoint(2)], trouble(4.9)) == []
    assert steps([endpoint(5)], trouble(5)) == [Step("s", trouble(5, "failing"), "failing")]
    assert steps([endpoint(5)], trouble(600, "failing")) == []


def test_what_was_told_is_taken_back_and_what_was_not_is_forgotten() -> None:
    assert steps([endpoint()], trouble(7, "failing")) == [Step("s", None, "well")]
    assert steps([endpoint()], trouble(3)) == [Step("s", None)]
    assert steps([endpoint()]) == []


def test_an_endpoint_that_was_disabled_is_told_at_once() -> None:
    assert steps([endpoint(state="disabled")]) == [Step("s", trouble(0, "disabled"), "disabled")]
    assert steps([endpoint(state="disabled")], trouble(9, "failing")) == [Step("s", trouble(9, "disabled"), "disabled")]
    assert steps([endpoint(state="disabled")], trouble(9, "disabled")) == []


def test_nobody_is_told_by_mail_that_mail_does_not_arrive() -> None:
    assert steps([endpoint(5, channel="email")]) == []


def test_a_subscription_that_has_gone_is_forgotten() -> None:
    assert steps([], trouble(9, "failing")) == [Step("s", None)]
