"""What the gauges say of what is open, of endpoints and of recalls; an attempt is counted when it was made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifications import metrics
from services.notifications.channel import Configuration, PushChannel
from services.notifications.documents import DELIVERIES, WEBHOOK, SubscriptionDocument
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.monitoring import Open, show_endpoints, show_open, show_unacknowledged, status_of
from shared.kit.base.metrics import REGISTRY
from tests.unit.notifications.world import World, agency_of, match_of, person_of

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CLASSES = {"gjf": "service", "khf": "service", "hana": "case"}


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def subscription(**changes: Any) -> SubscriptionDocument:
    document: Any = {"channel": "webhook", "state": "active", "failures": 0, "held_until": None} | changes
    return document


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"ieum_{name}", labels)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    for family in (metrics.undelivered, metrics.undelivered_oldest_seconds, metrics.endpoints):
        family.clear()


class TestEndpoints:
    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({}, "well"),
            ({"failures": 1}, "failing"),
            ({"failures": 4}, "failing"),
            ({"failures": 5}, "down"),
            ({"held_until": ago(-60)}, "held"),
            ({"held_until": ago(60)}, "well"),
            ({"failures": 1, "held_until": ago(-60)}, "failing"),
            ({"state": "disabled", "failures": 5}, "disabled"),
        ],
    )
    def test_are_named_by_how_they_answer(self, changes: dict[str, Any], status: str) -> None:
        assert status_of(subscription(**changes), NOW) == status

    def test_are_counted_with_a_zero_where_there_is_none(self) -> None:
        endpoints = [subscription(), subscription(failures=5), subscription(failures=5), subscription(channel="feed")]
        show_endpoints(endpoints, ("feed", "webhook"), NOW)
        assert value("endpoints", channel="webhook", status="down") == 2
        assert value("endpoints", channel="webhook", status="well") == 1
        assert value("endpoints", channel="webhook", status="failing") == 0
        assert value("endpoints", channel="feed", status="well") == 1
        show_endpoints([], ("feed", "webhook"), NOW)
        assert value("endpoints", channel="webhook", status="down") == 0


class TestOpen:
    def test_the_oldest_of_a_class_is_shown_recalls_apart(self) -> None:
        found = [
            Open("webhook", "gjf", "notice", 3, ago(40)),
            Open("webhook", "khf", "notice", 2, ago(90)),
            Open("webhook", "gjf", "recall", 1, ago(20)),
            Open("feed", "hana", "recall", 4, ago(300)),
        ]
        show_open(found, CLASSES, ("feed", "webhook"), NOW)
        of = {"channel": "webhook", "recipient_class": "service", "kind": "notice"}
        assert (value("undelivered", **of), value("undelivered_oldest_seconds", **of)) == (5, 90)
        of["kind"] = "recall"
        assert (value("undelivered", **of), value("undelivered_oldest_seconds", **of)) == (1, 20)
        of = {"channel": "feed", "recipient_class": "case", "kind": "recall"}
        assert (value("undelivered", **of), value("undelivered_oldest_seconds", **of)) == (4, 300)

    def test_once_all_is_well_everything_is_zero_again(self) -> None:
        show_open([Open("feed", "hana", "recall", 4, ago(300)), Open("old", "x", "notice", 1, None)], CLASSES, (), NOW)
        show_open([], CLASSES, ("feed",), NOW)
        of = {"channel": "feed", "recipient_class": "case", "kind": "recall"}
        assert (value("undelivered", **of), value("undelivered_oldest_seconds", **of)) == (0, 0)
        assert value("undelivered", channel="old", recipient_class="other", kind="notice") is None

    def test_ten_thousand_recipients_make_no_more_series_than_classes(self) -> None:
        show_open([Open("feed", f"agency-{n}", "notice", 1, NOW) for n in range(10_000)], {}, ("feed",), NOW)
        assert value("undelivered", channel="feed", recipient_class="other", kind="notice") == 10_000
        assert len(metrics.undelivered._children) == 5

    def test_recalls_that_nobody_acknowledged(self) -> None:
        show_unacknowledged([Open("any", "gjf", "recall", 2, ago(7_200))], CLASSES, NOW)
        assert value("recalls_unacknowledged", recipient_class="service") == 2
        assert value("recalls_unacknowledged_oldest_seconds", recipient_class="service") == 7_200
        show_unacknowledged([], CLASSES, NOW)
        assert value("recalls_unacknowledged_oldest_seconds", recipient_class="service") == 0


class _Answering(PushChannel):
    name = WEBHOOK

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(lambda *_: None)
        self._verdict = verdict

    async def configure(self, subscription: str, agency: str, url: str | None) -> Configuration:
        return Configuration()

    @property
    def longest(self) -> timedelta:
        return timedelta(0)

    async def attempt(self, endpoint: SubscriptionDocument, notice: str, body: bytes, now: datetime) -> Verdict:
        return self._verdict


@pytest.mark.parametrize(
    ("verdict", "outcome", "reason"),
    [
        (Verdict("delivered"), "delivered", "none"),
        (Verdict("delivered", "answered-with-a-page", doubtful=True), "doubtful", "answered-with-a-page"),
        (Verdict("again", "refused-503"), "again", "refused-503"),
        (Verdict("failed", "gone"), "failed", "gone"),
    ],
)
async def test_an_attempt_is_counted_once_it_was_made(verdict: Verdict, outcome: str, reason: str) -> None:
    of = {"channel": "webhook", "outcome": outcome, "reason": reason}
    before = value("delivery_attempts_total", **of) or 0
    assert await _Answering(verdict).send(subscription(), "n", b"", NOW) == verdict
    assert value("delivery_attempts_total", **of) == before + 1


class TestSince:
    def test_it_stays_however_often_a_delivery_is_put_off(self) -> None:
        world = World()
        world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
        world.subscribe("gjf", "webhook")
        world.hear(world.event("person-updated", person_of("a", ("gjf",)), "a", 1))
        world.hear(world.event("match-found", match_of("a", "x"), "a", 1))
        began = world.now
        for _ in range(2):
            (delivery,) = world.due()
            assert delivery["since"] == began
            world.attempt(delivery["_id"], Verdict("again", "refused-503"))
            world.now += timedelta(seconds=10)

    def test_of_what_is_posted_to_a_feed(self) -> None:
        world = World()
        world.hear(world.event("agency-registered", agency_of("gjf"), "gjf", 1))
        world.subscribe("gjf", "feed")
        world.hear(world.event("person-updated", person_of("a", ("gjf",)), "a", 1))
        world.hear(world.event("match-found", match_of("a", "x"), "a", 1))
        (entry,) = world.all(DELIVERIES)
        assert entry["since"] == world.now
