"""The stream of what forbids: read by every replica, whatever its other streams do and whoever holds a lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from shared.access.agencies import AGENCIES, agency_document
from shared.access.metrics import took_effect
from shared.access.prohibition_floors import raise_floors, the_floors
from shared.events import Event, registry
from shared.events.topics.agencies import AGENCY_CHANGED, AGENCY_REGISTERED, Agency
from shared.events.topics.prohibitions import FLOOR_RAISED, Floors
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.stream import Stream

TOPICS = tuple(topic.name for topic in registry.topics.values() if topic.urgent)


def urgent_stream(service: str) -> Stream:
    """The stream, still without handlers."""
    return Stream(service, TOPICS, everywhere=True)


def follow_prohibitions(
    stream: Stream, raised: Callable[[], None] = lambda: None, about: Callable[[str], None] = lambda person: None
) -> None:
    """Register the handler that keeps the floors. ``raised`` is called once they are stored, whichever replica was
    quicker: it may not be the one that follows; and ``about`` with the person."""

    @stream.subscriber(FLOOR_RAISED, needs=lambda event, work: [the_floors(event.data.person)])
    def floor_raised(event: Event[Floors], work: UnitOfWork) -> None:
        raise_floors(event, work)
        work.after_commit(lambda: about(event.data.person))
        work.after_commit(raised)


def follow_agencies(stream: Stream) -> None:
    """Register the handler that keeps this service's agencies as their events say."""

    @stream.subscriber(AGENCY_REGISTERED, AGENCY_CHANGED, needs=_the_agency)
    def agency_told(event: Event[Agency], work: UnitOfWork) -> None:
        held = work.get(AGENCIES, event.data.agency)
        sequence = event.sequence or 0
        if held is None or held["sequence"] < sequence:
            work.save(AGENCIES, agency_document(event.data, sequence))
            took_effect(work, event.recordedtime, "agency")


def _the_agency(event: Event[Any], work: UnitOfWork) -> Iterable[Need]:
    return [Need.by_id(AGENCIES, event.data.agency)]
