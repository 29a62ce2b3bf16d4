"""How what one transaction has emitted becomes rows: by topic, in order, none too large, ids that only grow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.kit.base.clock import Clock
from shared.kit.kafka.records import Outgoing
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store import outbox as module
from shared.kit.store.outbox import Outbox

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
LATER_CLOCK = int(NOW.timestamp() * 1e9)


@pytest.fixture
def outbox() -> Outbox:
    class Database(dict[str, Any]):
        def __missing__(self, name: str) -> None:
            return None

    database: Any = Database()
    topics = Topics(KafkaSettings(bootstrap="127.0.0.1:1", instance="test-1"))
    return Outbox(database, topics, CloudEventCodec(), clock=Clock(wall=lambda: NOW))


def record(topic: str, n: int, size: int = 10) -> Outgoing:
    return Outgoing(topic, b"k", bytes([n]) * (size - 5), [("h", b"abc")])  # key, name and value of the header: 5


def said(row: dict[str, Any]) -> list[int]:
    return [event["v"][0] for event in row["events"]]


def test_each_topic_has_rows_of_its_own_in_the_order_of_what_was_said(outbox: Outbox) -> None:
    rows = outbox.rows([record("a", 1), record("b", 2), record("a", 3)], NOW)
    assert [(row["topic"], said(row)) for row in rows] == [("a", [1, 3]), ("b", [2])]
    assert all(row["owner"] == "test-1" and row["topic_id"] is None and row["created"] == NOW for row in rows)
    assert rows[0]["events"][0] == {"k": b"k", "v": b"\1" * 5, "h": [("h", b"abc")]}


def test_no_row_is_larger_than_it_may_be_unless_one_event_is(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_ROW", 30)
    sizes = [10, 10, 10, 1 + 10, 20, 40, 10]
    rows = outbox.rows([record("a", n, size) for n, size in enumerate(sizes)], NOW)
    assert [said(row) for row in rows] == [[0, 1, 2], [3], [4], [5], [6]]


def test_ids_grow_although_the_clock_stands_still_or_goes_back(outbox: Outbox) -> None:
    first = [row["_id"] for row in outbox.rows([record("a", 1), record("b", 2)], NOW)]
    assert first == [f"{LATER_CLOCK:020d}/test-1", f"{LATER_CLOCK + 1:020d}/test-1"]
    outbox._last = LATER_CLOCK + 10**9  # a predecessor whose clock was ahead
    (row,) = outbox.rows([record("a", 3)], NOW)
    assert row["_id"] == f"{LATER_CLOCK + 10**9 + 1:020d}/test-1"


def test_nothing_said_is_no_row(outbox: Outbox) -> None:
    assert outbox.rows([], NOW) == []
