"""The topics as the broker has them now: ids, declaration, partition counts.

A topic's id is the only thing that says "this is another log than before": a broker that lost its log (the embedded one
at every start, a restored cluster, a deleted topic) comes back with the same names and new ids.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaClient, errors
from aiokafka.admin import NewTopic

from shared.kit.base.backoff import Backoff
from shared.kit.base.observer import Observer
from shared.kit.base.supervise import end_all
from shared.kit.kafka.aiokafka_internals import Found, topic_ids
from shared.kit.kafka.client import KAFKA_ERRORS, admin_client, bootstrapped
from shared.kit.kafka.settings import KafkaSettings

_ASK_SECONDS = 5.0
_REFUSED = (errors.TopicAuthorizationFailedError.errno, errors.ClusterAuthorizationFailedError.errno)


class WrongPartitionCount(Exception):
    """A topic has another number of partitions than declared: keys would change partition and lose their order.

    Measured: 152 of 10,000 events lost through ``sequence``. Nobody may write it until an operator has mended it.
    """


class Topics:
    """Knows the ids of the topics it was asked about, and notices within about a second when one changes.

    Names are without prefix. Promises: ``ids`` holds only ids that were read from the broker, with the partition count
    asserted; ``changed`` returns when an id is another one. Does not promise that an id is still true a moment later:
    who needs that reads before and after (see outbox).

    ``hidden``: topics that the broker does not let us see; ``refused``: those it did not let us make. They are their
    owner's to make, and asked for again until they are there.
    """

    def __init__(self, kafka: KafkaSettings, observer: Observer | None = None) -> None:
        self.kafka = kafka
        self.ids: dict[str, str] = {}
        self.wrong: dict[str, int] = {}
        self.hidden: set[str] = set()
        self.refused: set[str] = set()
        self.operations: dict[str, int | None] = {}
        self._observer = observer or Observer()
        self._watched: set[str] = set()
        self._retention: dict[str, int] = {}
        self._news = asyncio.Event()
        self._client: AIOKafkaClient | None = None
        self._turn = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None

    async def start(self, topics: Iterable[str], retention_ms: Mapping[str, int] | None = None) -> None:
        """Declare the topics, assert their partition counts, read their ids and keep watching them. May be called again
        with more topics.

        Raises KafkaError when the broker does not answer, WrongPartitionCount when a count differs.
        """
        self._watched |= set(topics)
        self._retention |= dict(retention_ms or {})
        await self.declare(self._watched)
        if self.wrong:
            raise WrongPartitionCount(
                ", ".join(f"{topic} has {n}, not {self.kafka.partitions}" for topic, n in sorted(self.wrong.items()))
            )
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch(), name="topics")

    async def stop(self) -> None:
        if self._watcher is not None:
            await end_all([self._watcher])
            self._watcher = None
        await self._forget_client()

    async def read(self, topics: Iterable[str] | None = None) -> dict[str, str]:
        """Ask the broker now for the ids. A topic that does not exist or is wrong is missing. Raises KafkaError."""
        async with self._turn:
            return await self._read(sorted(self._watched if topics is None else set(topics)))

    async def ping(self) -> None:
        """Raises KafkaError (or TimeoutError) when no broker answers within 5 s."""
        await self.read([])

    async def changed(self, topic: str, id: str | None) -> str:
        """Wait until the topic's id is known and another than this one; returns it."""
        while (now := self.ids.get(topic)) is None or now == id:
            news = self._news
            await news.wait()
        return now

    async def declare(self, topics: Iterable[str]) -> dict[str, str]:
        """Make the topics that are missing, then read them. Subscribing or producing first would make them too, but
        with the broker's own partition count."""
        wanted = sorted(set(topics))
        found = await self.read(wanted)
        missing = [topic for topic in wanted if topic not in {*found, *self.wrong, *self.hidden}]
        if missing:
            self.refused = (self.refused - set(missing)) | await self._create(missing)
            missing = [topic for topic in missing if topic not in self.refused]
            backoff = Backoff(0.05, 0.5)
            while missing and backoff.attempts < 20:  # a cluster tells its nodes one after the other
                found = await self.read(wanted)
                missing = [topic for topic in missing if topic not in found and topic not in self.wrong]
                if missing:
                    await backoff.wait()
        return found

    async def _create(self, topics: list[str]) -> set[str]:
        """Returns those that we have no right to make."""
        refused = set()
        async with asyncio.timeout(_ASK_SECONDS * 3), admin_client(self.kafka) as admin:
            answer: Any = await admin.create_topics([self._new(topic) for topic in topics])
        for name, code, *_ in answer.topic_errors:
            if code in _REFUSED:
                refused.add(self.kafka.logical(name))
            elif code not in (0, errors.TopicAlreadyExistsError.errno):
                raise errors.for_code(code)
        return refused

    def _new(self, topic: str) -> NewTopic:
        retention = self._retention.get(topic)
        # the broker's own time: by a sender's clock that is wrong a log would be cleaned at once, or refuse everything
        configs = {"message.timestamp.type": "LogAppendTime"}
        if retention is not None:
            configs["retention.ms"] = str(retention)
        return NewTopic(
            self.kafka.physical(topic), self.kafka.partitions, self.kafka.replication, topic_configs=configs
        )

    async def _read(self, topics: list[str]) -> dict[str, str]:
        names = {self.kafka.physical(topic): topic for topic in topics}
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                if self._client is None:
                    self._client = await bootstrapped(self.kafka, int(_ASK_SECONDS * 1000))
                answer, hidden = await topic_ids(self._client, sorted(names))
        except (*KAFKA_ERRORS, StopIteration, IndexError) as error:
            await self._forget_client()  # a broker that came back may be another node: begin anew
            if isinstance(error, KAFKA_ERRORS):
                raise
            raise errors.NodeNotReadyError("no broker known") from None
        self.hidden = self.hidden - set(topics) | {names[name] for name in hidden if name in names}
        if hidden:
            self._observer.retried("topics", errors.TopicAuthorizationFailedError.__name__)
        return self._take(topics, {names[name]: found for name, found in answer.items() if name in names})

    def _take(self, topics: list[str], found: dict[str, Found]) -> dict[str, str]:
        sound = {}
        for topic in topics:
            id, partitions, self.operations[topic] = found.get(topic, (None, 0, None))
            self.wrong.pop(topic, None)
            if self.ids.get(topic) != id or partitions != self.kafka.partitions:
                self.ids.pop(topic, None)  # nobody may go on as if it were still there
            if id is not None and partitions != self.kafka.partitions:
                self.wrong[topic] = partitions
                self._observer.retried("topics", WrongPartitionCount.__name__)
            elif id is not None:
                sound[topic] = id
                if topic in self._watched and topic not in self.ids:
                    self.ids[topic] = id
                    self._news.set()
                    self._news = asyncio.Event()
        return sound

    async def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(*KAFKA_ERRORS):
                async with asyncio.timeout(1.0):
                    await client.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.kafka.watch_seconds)
            try:
                found = await self.read()
                if len(found) + len(self.wrong) + len(self.hidden) < len(self._watched):
                    await self.declare(self._watched)
            except Exception as error:  # also what nobody foresaw: without this task no new id is ever noticed
                self._observer.retried("topics", type(error).__name__)
