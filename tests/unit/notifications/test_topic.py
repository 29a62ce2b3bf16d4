"""A partner's own topic: when nobody can have one, and what an attempt comes to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    OutOfOrderSequenceNumber,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from services.notifications.channels import topic as module
from services.notifications.channels.credentials import Credentials
from services.notifications.channels.topic import NoTopic, OwnTopic
from services.notifications.documents import SubscriptionDocument
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.notice_envelope import cloudevent, encode
from shared.events.notices import EndpointTest, Recall
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.web.problems import Problem

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
KAFKA = KafkaSettings(bootstrap="127.0.0.1:1", instance="n-1", prefix="t.")
CREDENTIALS = Credentials(Sealer(b"k" * 32))
TARGET = "kafka:t.partners.gjf"
ALIAS = "a" * 32
BODY = encode(cloudevent(Recall(notice="0" * 32, alias=ALIAS, version=2, month="2026-11", ask="/people/x/matches")))


def endpoint() -> SubscriptionDocument:
    return {
        "_id": "s", "agency": "gjf", "channel": "topic", "state": "active", "reason": None, "held_until": None,
        "failures": 0, "target": CREDENTIALS.sealed_target("s", TARGET), "secrets": [],
    }  # fmt: skip


class Producer:
    """Answers every record as told."""

    def __init__(self, answer: Exception | None = None, hangs: bool = False) -> None:
        self.answer, self.hangs = answer, hangs
        self.sent: list[tuple[str, bytes, bytes, Any]] = []
        self.starts_with: Exception | None = None
        self.abandoned = False

    async def start(self) -> None:
        if self.starts_with is not None:
            raise self.starts_with

    async def send_and_wait(self, topic: str, value: bytes, *, key: bytes, headers: Any) -> None:
        self.sent.append((topic, key, value, headers))
        if self.hangs:
            await asyncio.Event().wait()
        if self.answer is not None:
            raise self.answer


Made = Callable[..., tuple[OwnTopic, list[Producer]]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    def make(*producers: Producer, missing: str | None = None) -> tuple[OwnTopic, list[Producer]]:
        left, used = list(producers), list[Producer]()

        def producer_of(kafka: KafkaSettings, topic: str) -> Producer:
            used.append(left.pop(0))
            return used[-1]

        async def look(producer: Producer, topic: str) -> None:
            if missing is not None:
                raise NoTopic(missing)

        async def abandon(producer: Producer, seconds: float) -> None:
            producer.abandoned = True

        monkeypatch.setattr(module, "producer_of", producer_of)
        monkeypatch.setattr(module, "_look", look)
        monkeypatch.setattr(module, "abandon", abandon)
        return OwnTopic(CREDENTIALS, lambda *_: None, KAFKA, timedelta(seconds=0.2)), used

    return make


async def attempt(channel: OwnTopic) -> Verdict:
    return await channel.attempt(endpoint(), "0" * 32, BODY, NOW)


async def test_nobody_has_a_topic_where_kafka_authenticates_nobody() -> None:
    channel = OwnTopic(CREDENTIALS, lambda *_: None, None, timedelta(seconds=1))
    with pytest.raises(Problem) as refused:
        await channel.configure("s", "gjf", None)
    assert (refused.value.details.status, refused.value.details.rule) == (422, "kafka-authenticates-nobody")
    assert not await channel.permitted(endpoint())
    assert await attempt(channel) == Verdict("again", "no-topics-here", possibly_sent=False)


async def test_its_name_is_not_for_the_partner_to_say(made: Made) -> None:
    channel, _ = made(Producer())
    with pytest.raises(Problem) as refused:
        await channel.configure("s", "gjf", "kafka:t.partners.other")
    assert refused.value.details.field == "/url"
    configured = await channel.configure("s", "gjf", None)
    assert (configured.secret, configured.secrets) == (None, [])
    assert CREDENTIALS.target_of({**endpoint(), "target": configured.target}) == TARGET


@pytest.mark.parametrize("reason", ["no-topic", "not-allowed"])
async def test_before_the_operator_has_made_it_nothing_begins(made: Made, reason: str) -> None:
    channel, _ = made(*(Producer() for _ in range(3)), missing=reason)
    with pytest.raises(Problem) as refused:
        await channel.configure("s", "gjf", None)
    assert (refused.value.details.status, refused.value.details.rule) == (409, reason)
    assert not await channel.permitted(endpoint())
    assert await attempt(channel) == Verdict("again", reason, possibly_sent=False)


async def test_a_record_is_the_body_under_its_alias(made: Made) -> None:
    channel, used = made(Producer())
    assert await attempt(channel) == Verdict("delivered", endpoint_healthy=True)
    test = encode(cloudevent(EndpointTest(notice="1" * 32, month="2026-11")))
    await channel.attempt(endpoint(), "1" * 32, test, NOW)
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert used[0].sent == [
        ("t.partners.gjf", ALIAS.encode(), BODY, headers),
        ("t.partners.gjf", b"1" * 32, test, headers),
    ]
    assert len(used) == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TopicAuthorizationFailedError(), Verdict("again", "not-allowed", possibly_sent=False)),
        (UnknownTopicOrPartitionError(), Verdict("again", "no-topic", possibly_sent=False)),
        (KafkaTimeoutError(), Verdict("again", "connection-lost")),
        (KafkaConnectionError(), Verdict("again", "connection-lost")),
        (NotEnoughReplicasError(), Verdict("again", "connection-lost")),
        (OutOfOrderSequenceNumber(), Verdict("again", "connection-lost")),
        (RuntimeError(), Verdict("again", "not-kafka")),
    ],
)
async def test_what_failed_is_tried_again_by_another_producer(made: Made, error: Exception, verdict: Verdict) -> None:
    channel, used = made(Producer(error), Producer())
    assert await attempt(channel) == verdict
    assert used[0].abandoned
    assert await attempt(channel) == Verdict("delivered", endpoint_healthy=True)


async def test_one_notice_that_is_too_large_says_nothing_of_the_topic(made: Made) -> None:
    channel, used = made(Producer(MessageSizeTooLargeError()))
    assert await attempt(channel) == Verdict("again", "too-large", endpoint_healthy=True, possibly_sent=False)
    assert not used[0].abandoned


async def test_what_is_not_answered_in_time_may_have_been_written(made: Made) -> None:
    channel, used = made(Producer(hangs=True))
    assert await attempt(channel) == Verdict("again", "timeout")
    assert used[0].abandoned


async def test_without_a_broker_nothing_was_sent(made: Made) -> None:
    away = Producer()
    away.starts_with = KafkaConnectionError()
    channel, _ = made(away, Producer())
    assert await attempt(channel) == Verdict("again", "no-connection", possibly_sent=False)
    assert away.abandoned
    assert await attempt(channel) == Verdict("delivered", endpoint_healthy=True)
