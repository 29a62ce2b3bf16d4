"""Metrics: labels from a list, values that cannot be a person, series that do not grow with people."""

from __future__ import annotations

import secrets

import pytest
from prometheus_client import CollectorRegistry, Counter

from shared.kit.base import metrics
from shared.kit.base.ids import random_id

pytestmark = pytest.mark.unit


def series() -> int:
    return sum(len(metric.samples) for metric in metrics.REGISTRY.collect())


class TestLabels:
    def test_of_every_metric_are_on_the_list(self) -> None:
        used = set()
        for metric in metrics.REGISTRY.collect():
            for sample in metric.samples:
                used |= set(sample.labels) - {"le"}
        families = [item for item in vars(metrics).values() if isinstance(item, metrics.Family)]
        assert len(families) >= 20
        assert used | {label for family in families for label in family._labels} <= metrics.LABELS

    @pytest.mark.parametrize("label", ["person", "alias", "event", "id", "url", "path", "name"])
    def test_others_cannot_be_defined(self, label: str) -> None:
        with pytest.raises(ValueError, match="not allowed"):
            metrics.Family(Counter("x", "x", [label], registry=CollectorRegistry()), [label])

    def test_have_to_be_named_all(self) -> None:
        with pytest.raises(ValueError, match="labels are"):
            metrics.events_set_apart.of(topic="people")

    def test_every_name_begins_with_ieum(self) -> None:
        names = {metric.name for metric in metrics.REGISTRY.collect()}
        assert {name for name in names if not name.startswith(("ieum_", "process_"))} == set()


class TestSeries:
    def test_do_not_grow_with_people(self) -> None:
        for _ in range(10):
            metrics.http_limited.of(reason=random_id()).inc()
        few = series()
        for _ in range(10_000):
            metrics.http_limited.of(reason=random_id()).inc()
        assert series() == few
        assert len(metrics.http_limited._children) < 100

    @pytest.mark.parametrize("value", ["김철수", "+82 10 0000", "a\nb", "", "x" * 100, "a@b.kr", "0a" * 16])
    def test_values_that_are_no_words_are_other(self, value: str) -> None:
        assert metrics.http_limited.of(reason=value) is metrics.http_limited.of(reason="other")

    def test_are_capped_per_metric(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metrics, "_MOST_SERIES", 3)
        family = metrics.Family(Counter("y", "y", ["reason"], registry=CollectorRegistry()), ["reason"])
        children = {id(family.of(reason=f"r-{number}-{secrets.token_hex(2)}")) for number in range(50)}
        assert len(children) == 4  # three of their own, and "other"

    def test_a_child_is_held(self) -> None:
        assert metrics.http_requests.of(code="200") is metrics.http_requests.of(code="200")

    def test_the_order_of_labels_does_not_matter(self) -> None:
        one = metrics.events_consumed.of(topic="people", type="person-left")
        assert metrics.events_consumed.of(type="person-left", topic="people") is one

    def test_a_cleared_gauge_starts_again(self) -> None:
        metrics.consumer_lag.of(topic="people", partition=3).set(7)
        metrics.consumer_lag.clear()
        assert metrics.REGISTRY.get_sample_value("ieum_consumer_lag", {"topic": "people", "partition": "3"}) is None
        metrics.consumer_lag.of(topic="people", partition=3).set(1)
        assert metrics.REGISTRY.get_sample_value("ieum_consumer_lag", {"topic": "people", "partition": "3"}) == 1
