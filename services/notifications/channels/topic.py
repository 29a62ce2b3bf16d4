"""The channel ``topic``: a topic of the partner's own on our Apache Kafka, which it reads with credentials of its own.

We only write it: the operator makes topic, user and rights (``python -m deploy.rights.partner``), and this service has
no right to read or make any. A record is the CloudEvent in the structured mode of CloudEvents' Kafka binding, byte for
byte what a webhook is sent; its key is the alias, so that all of one thread lies in one partition, in order. Every
topic has a producer of its own (a bulkhead: a partition without a leader holds up no other partner's), and one that
did not answer in time is abandoned with what is in its buffers, so that nothing old leaves after a retry.

Delivered means written to all replicas in sync: the log is the partner's mailbox, and what lies there can be read until
the topic's retention ends. A recall follows behind what it takes back, and is done when it is acknowledged.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from datetime import datetime, timedelta

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from services.notifications.channel import Configuration, Due, PushChannel
from services.notifications.channels.credentials import Credentials
from services.notifications.documents import TOPIC, SubscriptionDocument
from services.notifications.domain.attempt_verdict import Verdict
from shared.kit.kafka.aiokafka_internals import abandon, topic_ids
from shared.kit.kafka.client import KAFKA_ERRORS
from shared.kit.kafka.producer import producer_of
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.web.problems import Problem

PARTNERS = "partners."  # before the agency: the topics of partners, and the right to write them
SCHEME = "kafka:"
CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
OPEN_SHARE = 0.5  # of an attempt's time, for connecting
_WRITE = 4  # code of Kafka's operation
_ABANDON_SECONDS = 0.5


class NoTopic(Exception):
    """It is not there, or not ours to write: a slug that says which."""


class OwnTopic(PushChannel):
    """``kafka`` None: the broker authenticates nobody, so that everybody could read; nobody can subscribe."""

    name = TOPIC

    def __init__(
        self,
        credentials: Credentials,
        on_due: Due,
        kafka: KafkaSettings | None,
        total: timedelta,
        spread: timedelta = timedelta(0),
    ) -> None:
        super().__init__(on_due, spread)
        self._credentials = credentials
        self._kafka = kafka
        self._total = total.total_seconds()
        self._producers: dict[str, AIOKafkaProducer] = {}
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def configure(self, subscription: str, agency: str, url: str | None) -> Configuration:
        """Its name is for us to say; that it is there, and ours to write, is looked at now."""
        if url is not None:
            raise Problem(
                422,
                "url-not-expected",
                "A topic has no URL of yours",
                field="/url",
                rule="unexpected",
                name="topic-has-no-url",
            )
        if self._kafka is None:
            raise Problem(
                422,
                "no-topics-here",
                "This service has no topics for partners",
                field="/channel",
                rule="kafka-authenticates-nobody",
            )
        target = f"{SCHEME}{self._kafka.physical(PARTNERS + agency)}"
        if (reason := await self._why_not(target)) is not None:
            raise Problem(409, "topic-not-ready", "Your topic cannot be written yet", field="/channel", rule=reason)
        return Configuration(self._credentials.sealed_target(subscription, target))

    async def permitted(self, endpoint: SubscriptionDocument) -> bool:
        """Whether the topic is there and ours to write. Nothing is written."""
        try:
            return await self._why_not(self._credentials.target_of(endpoint) or "") is None
        except Exception:  # a wrong key of ours
            return False

    @property
    def longest(self) -> timedelta:
        """One deadline."""
        return timedelta(seconds=self._total)

    async def attempt(self, endpoint: SubscriptionDocument, notice: str, body: bytes, now: datetime) -> Verdict:
        """Write one record, and wait until all replicas in sync have it."""
        if self._kafka is None:  # it was taken away: as if the partner were down
            return _not_sent("no-topics-here")
        try:
            topic = (self._credentials.target_of(endpoint) or "").removeprefix(SCHEME)
            key = json.loads(body)["data"].get("alias", notice).encode()  # a test event is about nobody
        except Exception:  # a wrong key of ours: the partner must not pay for it with a lost notice
            return _not_sent("secret")
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._total):
                producer = await self._open(self._kafka, topic)
                headers = [("content-type", CONTENT_TYPE.encode())]
                await producer.send_and_wait(topic, body, key=key, headers=headers)
            return Verdict("delivered", endpoint_healthy=True)
        except NoTopic as missing:
            return _not_sent(str(missing))
        except (MessageSizeTooLargeError, RecordListTooLargeError):  # it is this notice, not the topic
            return Verdict("again", "too-large", endpoint_healthy=True, possibly_sent=False)
        except Exception as error:  # whatever happens is an answer, else it would be sent for ever
            if producer is None:
                return _not_sent("no-connection")
            await self._abandon(topic, producer)
            return _not_written(error)

    async def close(self) -> None:
        """Let go of all connections. What is in a buffer has no answer, and is sent again."""
        await asyncio.gather(*(self._abandon(*each) for each in list(self._producers.items())))

    async def _why_not(self, target: str) -> str | None:
        """Why nothing can be written there; None: it can."""
        if self._kafka is None:
            return "no-topics-here"
        try:
            async with asyncio.timeout(self._total):
                topic = target.removeprefix(SCHEME)
                await _look(await self._open(self._kafka, topic), topic)  # also when it was open already
        except NoTopic as missing:
            return str(missing)
        except KAFKA_ERRORS:
            return "no-connection"
        return None

    async def _open(self, kafka: KafkaSettings, topic: str) -> AIOKafkaProducer:
        """The topic's producer, made now if there is none: only for a topic that is there and ours to write. Raises
        NoTopic, KafkaError, TimeoutError."""
        async with self._opening[topic]:
            if topic in self._producers:
                return self._producers[topic]
            producer = producer_of(kafka, topic)
            try:
                async with asyncio.timeout(self._total * OPEN_SHARE):
                    await producer.start()
                    await _look(producer, topic)
            except BaseException:
                await abandon(producer, _ABANDON_SECONDS)
                raise
            self._producers[topic] = producer
            return producer

    async def _abandon(self, topic: str, producer: AIOKafkaProducer) -> None:
        if self._producers.get(topic) is producer:
            del self._producers[topic]
            await abandon(producer, _ABANDON_SECONDS)


async def _look(producer: AIOKafkaProducer, topic: str) -> None:
    """Raises NoTopic, KafkaError."""
    found, hidden = await topic_ids(producer.client, [topic])
    if topic in hidden:
        raise NoTopic("not-allowed")
    if topic not in found:
        raise NoTopic("no-topic")
    operations = found[topic].operations
    if operations is not None and not operations >> _WRITE & 1:
        raise NoTopic("not-allowed")


def _not_sent(reason: str) -> Verdict:
    return Verdict("again", reason, possibly_sent=False)


def _not_written(error: Exception) -> Verdict:
    """A refusal says that nothing was written; after anything else it may have been."""
    if isinstance(error, TopicAuthorizationFailedError):
        return _not_sent("not-allowed")
    if isinstance(error, UnknownTopicOrPartitionError | InvalidTopicError):
        return _not_sent("no-topic")
    if isinstance(error, TimeoutError):
        return Verdict("again", "timeout")
    return Verdict("again", "connection-lost" if isinstance(error, KafkaError | OSError) else "not-kafka")
