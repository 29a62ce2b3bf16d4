"""What the moving parts of the kit tell, as metrics and log lines; and where the service stands, every few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from shared.kit.base import metrics
from shared.kit.base.logs import logger
from shared.kit.base.observer import Observer
from shared.kit.base.supervise import wait_or_stop
from shared.kit.store.outbox import Outbox
from shared.kit.stream.stream import Stream
from shared.kit.web.probes import Watchdog

SAY_AGAIN_SECONDS = 30.0
SAMPLE_SECONDS = 2.0
SAMPLES_PER_QUESTION = 5  # every so many samples the database is asked
_log = logger("kit")


class Metering(Observer):
    """Counts everything; writes down what an operator should know. The same trouble is said once in 30 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}
        self._records = metrics.batch_records.of()
        self._seconds = metrics.batch_seconds.of()
        self._retries = metrics.transaction_retries.of()

    def consumed(self, topic: str, event_type: str, count: int) -> None:
        """Events of a type were handled and committed."""
        metrics.events_consumed.of(topic=topic, type=event_type).inc(count)

    def passed_over(self, topic: str, event_type: str, count: int) -> None:
        """Events without a handler here, or flagged as a test run, went by without effect."""
        metrics.events_passed_over.of(topic=topic, type=event_type).inc(count)

    def set_apart(self, topic: str, reason: str) -> None:
        """One record was set apart in quarantine."""
        metrics.events_set_apart.of(topic=topic, reason=reason).inc()
        self._say("record_set_apart", topic, reason, topic=topic, reason=reason)

    def batch(self, records: int, seconds: float) -> None:
        """One batch of records was committed."""
        self._records.observe(records)
        self._seconds.observe(seconds)

    def fenced(self, topic: str) -> None:
        """Somebody else owns a partition now."""
        self._say("fenced", topic, topic=topic)

    def retried(self, part: str, error: str) -> None:
        """Something failed that may work later."""
        metrics.retries.of(kind=part, reason=error).inc()
        if part == "store":
            self._retries.inc()
        self._say("trying_again", part, error, loop=part, error=error)

    def published(self, topic: str, rows: int) -> None:
        """Rows of the outbox are known to be in the topic that exists now."""
        metrics.outbox_rows_published.of(topic=topic).inc(rows)

    def republished(self, topic: str, rows: int) -> None:
        """Rows that an earlier topic of this name had swallowed were sent again."""
        _log.warning("topic_was_lost_and_republished", topic=topic, rows=rows)

    def reopened(self, topic: str) -> None:
        """A topic that is read has another id than before."""
        _log.warning("topic_has_a_new_id", topic=topic)

    def cut_back(self, topic: str, partition: int) -> None:
        """A log ends before what was done of it: records were lost at the broker."""
        metrics.retries.of(kind="stream", reason="LogCutBack").inc()
        _log.error("log_was_cut_back", topic=topic, partition=partition)

    def _say(self, event: str, *about: str, **values: str) -> None:
        key = (event, "/".join(about))
        now = self._clock()
        if now - self._said.get(key, -SAY_AGAIN_SECONDS) >= SAY_AGAIN_SECONDS:
            self._said[key] = now
            _log.warning(event, **values)


async def sample_gauges(streams: Sequence[Stream], outbox: Outbox, watchdog: Watchdog, stopping: asyncio.Event) -> None:
    """Until ``stopping``: lag per partition and the outbox's backlog into metrics, positions to the watchdog."""
    samples = 0
    while not await wait_or_stop(stopping, SAMPLE_SECONDS):
        note_progress(streams, watchdog)
        if samples % SAMPLES_PER_QUESTION == 0:
            state = await outbox.state()
            metrics.outbox_rows.of().set(state.rows)
            metrics.outbox_oldest_seconds.of().set(state.oldest_seconds)
        samples += 1


def note_progress(streams: Sequence[Stream], watchdog: Watchdog) -> None:
    """One sample of the streams, without asking anybody."""
    positions: dict[tuple[str, int], tuple[int, int]] = {}
    metrics.consumer_lag.clear()  # a partition that went to another replica is not ours to report
    for stream in streams:
        for each in stream.progress().partitions:
            metrics.consumer_lag.of(topic=each.topic, partition=each.partition).set(each.lag)
            positions[each.topic, each.partition] = (each.done + 1, each.done + 1 + each.lag)
    watchdog.note(positions)
