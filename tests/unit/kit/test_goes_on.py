"""The tasks that keep a service going outlive errors that nobody foresaw: each of them ends only when told to."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.kit.base.observer import Observer
from shared.kit.base.sealing import Sealer
from shared.kit.kafka.settings import KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store import outbox
from shared.kit.store.outbox import Outbox
from shared.kit.store.outbox_relay import OutboxRelay
from shared.kit.stream import session
from shared.kit.stream.quarantine import Quarantine
from shared.kit.stream.stream import Stream

pytestmark = pytest.mark.unit
CODEC = CloudEventCodec()
KAFKA = KafkaSettings(bootstrap="127.0.0.1:1", instance="test-1", watch_seconds=0.0)


class Failing:
    """Fails as nobody foresaw the first time; ``again`` is set by the second."""

    def __init__(self) -> None:
        self.calls = 0
        self.again = asyncio.Event()

    async def __call__(self, *_: Any, **__: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise AssertionError("a bug of a library")
        self.again.set()
        await asyncio.sleep(0.01)
        return {}


class Heard(Observer):
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def retried(self, part: str, error: str) -> None:
        self.said.append((part, error))


async def goes_on(begin: Callable[[], Awaitable[None]], failing: Failing) -> None:
    running = asyncio.ensure_future(begin())
    waiting = asyncio.ensure_future(failing.again.wait())
    await asyncio.wait([running, waiting], timeout=20, return_when=asyncio.FIRST_COMPLETED)
    assert waiting.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def database() -> Any:
    return defaultdict(object)


class TestGoesOn:
    async def test_the_watch_over_the_topics(self, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
        topics, failing = Topics(KAFKA, heard), Failing()
        monkeypatch.setattr(topics, "read", failing)
        await goes_on(topics._watch, failing)
        assert heard.said == [("topics", "AssertionError")]

    async def test_the_way_of_a_topic_out(self, heard: Heard, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        topics, failing = Topics(KAFKA, heard), Failing()
        topics.ids["people"] = "one"
        relay = OutboxRelay("people", database, topics, heard)
        monkeypatch.setattr(relay, "_serve", failing)
        await goes_on(relay._run, failing)
        assert heard.said == [("outbox", "AssertionError")]

    async def test_the_signs_of_life(self, heard: Heard, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbox, "HEARTBEAT_SECONDS", 0.0)
        kept, failing = Outbox(database, Topics(KAFKA), CODEC, heard), Failing()
        monkeypatch.setattr(kept, "_beat", failing)
        await goes_on(kept._keep_house, failing)
        assert heard.said[0] == ("outbox", "AssertionError")

    async def test_the_reading_of_topics(self, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
        failing = Failing()

        class Consumer:
            kafka = None

            def __init__(self, *_: Any) -> None:
                self.start = failing

            async def stop(self) -> None:
                raise AssertionError("a bug of a library")

        async def declared(topics: Any) -> dict[str, str]:
            return dict.fromkeys(topics, "one")

        monkeypatch.setattr(session, "Consumer", Consumer)
        topics = Topics(KAFKA, heard)
        topics.ids["people"] = "one"
        monkeypatch.setattr(topics, "declare", declared)
        reading = Stream("test", ["people"])
        store: Any = type("Store", (), {"database": type("Database", (defaultdict,), {"client": None})(object)})
        reading.bind(store, topics, Quarantine(store.database, Sealer(bytes(32)), "test", CODEC), CODEC, heard)
        reading._running = asyncio.create_task(reading._run())
        async with asyncio.timeout(20):
            await failing.again.wait()
            await reading.stop()  # while it is about to begin: what has begun is stopped, too
        assert heard.said == [("stream", "AssertionError")] * 2
