"""Which endpoints are in trouble, by the bounds at which operators are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.notifications import endpoint_overview as bounds
from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.endpoint_overview import overview, unacknowledged_by_agency
from services.notifications.monitoring import Look, Open
from services.notifications.operators_api import EndpointShown

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ALERTS = Path(__file__).parents[3] / "deploy" / "prometheus" / "alerts.yml"


def ago(**age: float) -> datetime:
    return NOW - timedelta(**age)


def subscription(id: str = "s", **changes: Any) -> Any:
    document = {"_id": id, "agency": "gjf", "channel": "webhook", "state": "active", "reason": None, "failures": 0}
    return document | {"held_until": None} | changes


def look(
    *subscriptions: Any,
    undelivered: Sequence[Open] = (),
    unacknowledged: Sequence[Open] = (),
    doubtful: Sequence[Open] = (),
) -> Look:
    of = {each["_id"]: each for each in subscriptions}
    return Look(NOW, NOW + timedelta(days=100), of, undelivered, unacknowledged, doubtful)


def statuses(seen: Look) -> dict[str, list[str]]:
    return {each.id: list(each.statuses(seen)) for each in overview(seen)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"failures": 1}, ["failing"]),
        ({"failures": 4}, ["failing"]),
        ({"failures": 5}, ["down"]),
        ({"failures": 20, "state": "disabled"}, ["disabled"]),
        ({"failures": 20, "state": "paused"}, []),
        ({"state": "unconfirmed"}, []),
    ],
)
def test_how_it_answers(changes: dict[str, Any], expected: list[str]) -> None:
    assert statuses(look(subscription(**changes))) == {"s": expected}


@pytest.mark.parametrize(
    ("channel", "about", "seconds", "expected"),
    [
        ("webhook", "recall", 120, []),
        ("webhook", "recall", 121, ["waits"]),
        ("webhook", "notice", 900, []),
        ("webhook", "notice", 901, ["waits"]),
        ("feed", "recall", 600, []),
        ("feed", "recall", 601, ["unread"]),
        ("feed", "notice", 3_600, []),
        ("feed", "notice", 3_601, ["unread"]),
    ],
)
def test_what_has_not_arrived(channel: str, about: Any, seconds: float, expected: list[str]) -> None:
    opened = Open(channel, "gjf", about, 1, ago(seconds=seconds), None if channel == "feed" else "s")
    seen = look(subscription(channel=channel), undelivered=[opened])
    assert statuses(seen) == {"s": expected}


def test_the_bounds_are_those_of_the_alerts() -> None:
    said = dict(re.findall(r"alert: (\w+)\n\s+expr: (.+?)\n\s+(?:for|labels):", ALERTS.read_text(), re.S))
    for alert, bound in {
        "RecallWaits": bounds.RECALL_WAITS,
        "NoticesWait": bounds.NOTICE_WAITS,
        "RecallUnread": bounds.RECALL_UNREAD,
        "FeedUnread": bounds.NOTICE_UNREAD,
        "RecallNotAcknowledged": bounds.UNACKNOWLEDGED,
    }.items():
        assert said[alert].rpartition(">")[2].strip() == f"{bound.total_seconds():.0f}", alert


def test_recalls_that_were_not_acknowledged_count_by_the_clock_that_dated_them_also_of_one_that_is_gone() -> None:
    trusted = NOW + timedelta(days=100)
    young = Open("any", "gjf", "recall", 1, trusted - timedelta(minutes=60), "a")
    old = Open("any", "gjf", "recall", 2, trusted - timedelta(minutes=61), "b")
    seen = look(subscription("a"), unacknowledged=[young, old])
    assert statuses(seen) == {"a": [], "b": ["unacknowledged"]}
    [_, gone] = overview(seen)
    shown = EndpointShown.of(gone, gone.statuses(seen), Breaker())
    assert (shown.agency, shown.state, shown.channel, shown.unacknowledged.count) == ("gjf", "gone", None, 2)
    of_all = unacknowledged_by_agency(overview(seen))
    assert (of_all["gjf"].count, of_all["gjf"].since) == (3, old.since)


def test_of_several_piles_the_oldest_counts_recalls_apart() -> None:
    seen = look(
        subscription(failures=9, failing_since=ago(days=1)),
        undelivered=[
            Open("webhook", "gjf", "notice", 3, ago(minutes=9), "s"),
            Open("webhook", "gjf", "notice", 1, ago(minutes=20), "s"),
            Open("webhook", "gjf", "recall", 1, ago(minutes=1), "s"),
            Open("feed", "somebody-without-one", "recall", 1, ago(days=1)),
        ],
        doubtful=[Open("webhook", "gjf", "recall", 1, None, "s")],
    )
    [endpoint] = overview(seen)
    shown = EndpointShown.of(endpoint, endpoint.statuses(seen), Breaker()).model_dump()
    assert shown["statuses"] == ["down", "waits", "doubtful"]
    assert (shown["notices"], shown["recalls"]) == (
        {"count": 4, "oldest": ago(minutes=20)},
        {"count": 1, "oldest": ago(minutes=1)},
    )
    assert shown["ends_at"] == NOW + timedelta(days=4)
