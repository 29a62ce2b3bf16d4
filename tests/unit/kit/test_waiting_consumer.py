"""What FastStream's loop sees of a consumer: batches, never an empty one, and the end."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError

from shared.kit.kafka import consumer as consumer_module
from shared.kit.kafka.aiokafka_internals import Heard
from shared.kit.kafka.consumer import _waiting_consumer
from shared.kit.kafka.settings import KafkaSettings

pytestmark = pytest.mark.unit
PEOPLE = TopicPartition("people", 0)


class Polled:
    def __init__(self, **arguments: Any) -> None:
        self.arguments, self.asked = arguments, list[dict[str, Any]]()
        self.held = False
        self._answers: list[Any] = [{}, {}, {PEOPLE: ["a record"]}, {PEOPLE: ["another"]}, {}, ConsumerStoppedError()]
        self.told = 0

    async def commit(self) -> None:
        self.told += 1

    async def getmany(self, **how: Any) -> Any:
        assert not self.held, "what is asked for is fetched"
        self.asked.append(how)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def partitions(monkeypatch: pytest.MonkeyPatch) -> list[Heard]:
    """What the consumer has heard of its partitions; a test may change it."""
    found = [Heard(1_000, 5, 5), Heard(1_000, 0, None)]

    def held(consumer: Any, now: bool) -> None:
        consumer.held = now

    monkeypatch.setattr(consumer_module, "consumer_of", Polled)
    monkeypatch.setattr(consumer_module, "heard", lambda consumer: found)
    monkeypatch.setattr(consumer_module, "hold_fetches", partial(held, now=True))
    monkeypatch.setattr(consumer_module, "resume_fetches", partial(held, now=False))
    monkeypatch.setattr(consumer_module, "wait_at_most", lambda consumer, milliseconds: None)
    return found


@pytest.mark.usefixtures("partitions")
async def test_polls_until_there_are_records_and_ends_when_the_consumer_does(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    monkeypatch.setattr(consumer_module, "wait_at_most", lambda consumer, milliseconds: waits.append(milliseconds))
    lay_ready: list[bool] = []
    made: Any = _waiting_consumer(settings_of(idempotent=False), lay_ready.append, group_id="g")
    assert made.arguments == {"group_id": "g"}
    assert await made.getmany(timeout_ms=7, max_records=3) == {PEOPLE: ["a record"]}
    assert made.asked == [{"timeout_ms": n, "max_records": 3} for n in (0, 7, 7)]
    assert waits == [100, 10], "short while records come"
    assert await made.getmany(timeout_ms=7, max_records=3) == {PEOPLE: ["another"]}
    assert lay_ready == [False, True]
    with pytest.raises(ConsumerStoppedError):
        await made.getmany(timeout_ms=7, max_records=3)


@pytest.mark.parametrize(
    ("last", "held"),
    [
        (Heard(1_000, 7, 7), True),
        (Heard(1_000, 8, 7), False),
        (Heard(None, None, 7), False),
        (Heard(1, 7, None), False),
    ],
)
async def test_fetches_nothing_beside_a_batch_that_is_all_there_is(
    partitions: list[Heard], last: Heard, held: bool
) -> None:
    partitions.append(last)
    made: Any = _waiting_consumer(settings_of(idempotent=True), lambda lay_ready: None)
    for _ in range(2):
        await made.getmany(timeout_ms=7, max_records=3)
        assert made.held is held


@pytest.mark.usefixtures("partitions")
async def test_tells_the_position_once_a_second_and_what_is_left_when_nothing_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, told = [100.0], list[int]()
    monkeypatch.setattr(consumer_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    made: Any = _waiting_consumer(settings_of(idempotent=False), lambda lay_ready: None, group_id="g")
    for seconds in (0.0, 0.5, 0.4, 0.2, 0.9):
        clock[0] += seconds
        await made.commit()
        told.append(made.told)
    assert told == [1, 1, 1, 2, 2]
    clock[0] += 0.5
    await made.getmany(timeout_ms=7, max_records=3)
    assert made.told == 3, "an empty answer is the moment for the rest"


@pytest.mark.parametrize(("idempotent", "milliseconds", "busy"), [(True, 1_000, 500), (False, 100, 10)])
def test_a_fetch_waits_longer_where_the_broker_answers_as_soon_as_something_comes(
    idempotent: bool, milliseconds: int, busy: int
) -> None:
    settings = settings_of(idempotent)
    assert (settings.fetch_wait_ms, settings.busy_fetch_wait_ms) == (milliseconds, busy)


def settings_of(idempotent: bool) -> KafkaSettings:
    return KafkaSettings(bootstrap="127.0.0.1:1", instance="me", idempotent=idempotent)
