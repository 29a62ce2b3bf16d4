"""Why a delivery is where it is, how far an attempt came, and what is told of neither."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications.channels.webhook_signing import is_secret
from services.notifications.domain.attempt_phase import phase_of
from services.notifications.recovery.delivery_explanation import because, next_attempt
from services.notifications.recovery.schemas import AttemptShown, DeliveryShown

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
OPEN: Any = {"state": "active", "held_until": None, "failures": 0}
HELD: Any = {**OPEN, "held_until": SOON, "failures": 5, "failing_since": NOW}
HELD_HERE: Any = {**HELD, "failing_since": None}  # by trouble with our own mail server
PAUSED: Any = {**OPEN, "state": "paused"}
ASKED: Any = {**OPEN, "held_until": NOW + timedelta(days=1), "recall_at": SOON}  # to wait for a day


def delivery(state: str, **more: Any) -> Any:
    return {"state": state, "about": "notice", "channel": "webhook", "attempts": 0, "due": NOW, **more}


@pytest.mark.parametrize(
    ("kept", "endpoint", "why"),
    [
        (delivery("delivered"), OPEN, "delivered"),
        (delivery("dropped"), OPEN, "not-needed"),
        (delivery("failed"), None, "given-up"),
        (delivery("posted", channel="feed"), OPEN, "to-be-fetched"),
        (delivery("served", channel="feed"), OPEN, "to-be-fetched"),
        (delivery("sending"), OPEN, "being-sent"),
        (delivery("due"), None, "no-subscription"),
        (delivery("due"), PAUSED, "subscription-closed"),
        (delivery("waiting"), {**OPEN, "state": "disabled"}, "subscription-closed"),
        (delivery("waiting"), OPEN, "behind-another"),
        (delivery("due"), HELD, "endpoint-held"),
        (delivery("due"), HELD_HERE, "held-here"),
        (delivery("due", channel="email", attempts=1, due=SOON), HELD_HERE, "held-here"),
        (delivery("due", about="recall"), ASKED, "endpoint-held"),
        (delivery("due", about="recall"), {**ASKED, "recall_at": NOW}, "in-turn"),
        (delivery("due"), {**ASKED, "recall_at": NOW}, "endpoint-held"),
        (delivery("due", due=SOON, attempts=1), OPEN, "waits-for-retry"),
        (delivery("due", due=SOON), OPEN, "not-before"),
        (delivery("due"), {**OPEN, "held_until": NOW}, "in-turn"),
    ],
)
def test_the_one_thing_that_decides(kept: Any, endpoint: Any, why: str) -> None:
    assert because(kept, endpoint, NOW) == why


def test_when_it_may_leave_next() -> None:
    assert next_attempt(delivery("due", due=SOON), OPEN) == SOON
    assert next_attempt(delivery("due"), HELD) == SOON
    assert next_attempt(delivery("due"), ASKED) == ASKED["held_until"]
    assert next_attempt(delivery("due", about="recall"), ASKED) == SOON
    assert next_attempt(delivery("due"), PAUSED) is None
    assert next_attempt(delivery("waiting"), OPEN) is None


@pytest.mark.parametrize(
    ("reason", "phase"),
    [
        (None, None),
        ("no-connection", "connect"),
        ("url", "connect"),
        ("tls", "tls"),
        ("timeout", "first-byte"),
        ("refused-503", "answer"),
        ("connection-lost", "first-byte"),
        ("gone", "answer"),
        ("mail-451", "answer"),
        ("mail-server", None),
        ("no-mail-server", None),
    ],
)
def test_how_far_it_came(reason: str | None, phase: str | None) -> None:
    assert phase_of(reason) == phase


def test_how_long_is_told_only_where_a_connection_stood() -> None:
    kept: Any = {"number": 1, "at": NOW, "outcome": "again", "reason": "no-connection", "milliseconds": 7}
    assert AttemptShown.of(kept).milliseconds is None
    assert AttemptShown.of({**kept, "reason": "failed-here"}).milliseconds is None
    assert AttemptShown.of({**kept, "reason": "mail-server"}).milliseconds is None
    assert AttemptShown.of({**kept, "reason": "refused-500"}).milliseconds == 7


def test_when_we_learned_of_what_is_in_a_feed_is_not_told() -> None:
    known = {"_id": "d", "notice": "n", "alias": "a", "subscription": "s", "about": "notice"}
    kept: Any = {**known, **delivery("posted", channel="feed", since=NOW), "reason": None, "acknowledged": False}
    assert DeliveryShown.of(kept, OPEN, NOW).created is None
    assert DeliveryShown.of({**kept, "channel": "webhook", "state": "due"}, OPEN, NOW).created == NOW


@pytest.mark.parametrize(
    ("text", "will_do"),
    [
        ("whsec_vytnK7DYkG2ZYWQLoTMfB02MhjRoceoAZpMyhhoyhDs=", True),
        ("whsec_" + "A" * 44, False),
        ("whsec_" + "QUJD" * 4, False),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", False),
        ("whsec_not base64 at all, not at all", False),
        ("whsec_", False),
        ("", False),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", True),
    ],
)
def test_which_secrets_of_its_own_a_partner_may_bring(text: str, will_do: bool) -> None:
    assert is_secret(text) is will_do
