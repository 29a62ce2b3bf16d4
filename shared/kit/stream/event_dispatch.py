"""Which handler a record goes to, and what becomes of it when it fails: the part of a stream that does no IO."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from shared.kit.kafka.records import Bad, DecodedEvent, EventCodec, EventType, Origin, Record
from shared.kit.store.mongo import Document
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.quarantine import COLLECTION as QUARANTINE
from shared.kit.stream.quarantine import Quarantine

Needs = Callable[[Any, UnitOfWork], Iterable[Need]]  # the first: an event as the codec decodes it
Handler = Callable[[Any, UnitOfWork], None]


class _StillBad(Exception):
    def __init__(self, bad: Bad) -> None:
        super().__init__(bad.reason)
        self.bad = bad


class Routes:
    """Handlers by type, all versions of a type to one. ``quarantine`` and ``codec`` are set before a record comes."""

    quarantine: Quarantine
    codec: EventCodec

    def __init__(self, service: str, topics: Sequence[str]) -> None:
        self._service = service
        self._topics = topics
        self._handlers: dict[str, tuple[Handler, Needs]] = {}

    def add(self, type: EventType, handler: Handler, needs: Needs) -> None:
        """Raises ValueError for a type that is not on a topic read here, or has a handler already."""
        if type.topic.name not in self._topics:
            raise ValueError(f"{type.name} is on {type.topic.name}, which {self._service} does not read")
        if type.name in self._handlers:
            raise ValueError(f"{type.name} has a handler already")
        self._handlers[type.name] = (handler, needs)

    def passes_over(self, event: DecodedEvent | Bad) -> bool:
        """Sound, but without effect here: no handler, or a test run."""
        return not isinstance(event, Bad) and (event.testrun or event.type not in self._handlers)

    def operation(self, event: DecodedEvent | Bad, origin: Origin, record: Record) -> Operation[None]:
        """What is done for a record: a sound event is handled; a bad one, or one whose handler fails, is set apart."""

        def set_apart(work: UnitOfWork, error: Exception) -> None:
            self.quarantine.set_apart(work, record, origin, bad_of(error, event.type))

        return Operation(partial(self._needs, event), partial(self._handle, event), set_apart)

    def again(self, id: str) -> Operation[bool]:
        """One quarantined record's second chance, as if it came now: a test run has no effect. False when it is not
        apart any more, or of a topic that is not read here. When it fails again, it stays apart with the reason of
        now."""

        def apart(work: UnitOfWork) -> Document | None:
            document = work.get(QUARANTINE, id)
            mine = document is not None and document["state"] == "apart" and document["topic"] in self._topics
            return document if mine else None

        def needs(work: UnitOfWork) -> Iterable[Need]:
            yield Need.by_id(QUARANTINE, id)
            if (document := apart(work)) is not None:
                yield from self._needs(self._taken_out(document), work)

        def do(work: UnitOfWork) -> bool:
            if (document := apart(work)) is None:
                return False
            self._handle(self._taken_out(document), work)
            del document["sealed"]
            work.save(QUARANTINE, {**document, "state": "replayed", "replayed": work.now})
            return True

        def otherwise(work: UnitOfWork, error: Exception) -> None:
            if (document := apart(work)) is not None:
                bad = bad_of(error, document["type"])
                attempts = document["attempts"] + 1
                work.save(QUARANTINE, {**document, "reason": bad.reason, "field": bad.field, "attempts": attempts})

        return Operation(needs, do, otherwise)

    def _needs(self, event: DecodedEvent | Bad, work: UnitOfWork) -> Iterable[Need]:
        handled = not isinstance(event, Bad) and not self.passes_over(event)
        return self._handlers[event.type][1](event, work) if handled else ()

    def _handle(self, event: DecodedEvent | Bad, work: UnitOfWork) -> None:
        if isinstance(event, Bad):
            raise _StillBad(event)
        if not self.passes_over(event):
            self._handlers[event.type][0](event, work)

    def _taken_out(self, document: Document) -> DecodedEvent | Bad:
        if document["sealed"] is None:
            return Bad(document["reason"], document["field"], document["type"])
        event: DecodedEvent | Bad = self.codec.decode(self.quarantine.taken_out(document), document["topic"])
        return event


def bad_of(error: Exception, event_type: str) -> Bad:
    """Why it failed: of an error of a handler its class, no word of its text."""
    return error.bad if isinstance(error, _StillBad) else Bad("handler-failed", type(error).__name__, event_type)
