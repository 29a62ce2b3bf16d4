"""What the kit's moving parts tell, as metrics and as log lines about what an operator should know."""

from __future__ import annotations

import time

from shared.kit.base import metrics
from shared.kit.base.logs import logger

SAY_AGAIN_SECONDS = 30.0
_log = logger("kit")


class Observer:
    """Told on the event loop, with names, counts and seconds: never a value out of an event. The same trouble is said
    once in 30 s. Override what you want to know besides."""

    def __init__(self) -> None:
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
        metrics.events_set_apart.of(topic=topic, reason=reason).inc()
        self._say("record_set_apart", topic, reason, topic=topic, reason=reason)

    def batch(self, records: int, seconds: float) -> None:
        self._records.observe(records)
        self._seconds.observe(seconds)

    def fenced(self, topic: str) -> None:
        """Somebody else owns a partition now; this owner's transaction was undone."""
        self._say("fenced", topic, topic=topic)

    def retried(self, part: str, error: str) -> None:
        """Something failed that may work later (``error``: a class name)."""
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
        """A topic that is read has another id than before: it is read from its beginning."""
        _log.warning("topic_has_a_new_id", topic=topic)

    def cut_back(self, topic: str, partition: int) -> None:
        """A log ends before what was done of it: records were lost at the broker."""
        metrics.retries.of(kind="stream", reason="LogCutBack").inc()
        _log.error("log_was_cut_back", topic=topic, partition=partition)

    def _say(self, event: str, *about: str, **values: str) -> None:
        key = (event, "/".join(about))
        now = time.monotonic()
        if now - self._said.get(key, -SAY_AGAIN_SECONDS) >= SAY_AGAIN_SECONDS:
            self._said[key] = now
            _log.warning(event, **values)
