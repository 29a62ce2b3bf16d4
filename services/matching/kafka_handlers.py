"""Kafka subscribers: people and opportunities, for the active matcher; prohibitions and agencies, for every replica.

An event that is not newer than what is held is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from services.matching.documents import StoredOpening, StoredPerson
from services.matching.prohibition_follow_up import as_permitted
from services.matching.service import Matching
from shared.access.prohibition_floors import the_floors
from shared.access.prohibitions_stream import follow_agencies, follow_prohibitions, urgent_stream
from shared.events import Event, registry
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.stream import Stream

SERVICE = "matching"
TOPICS = ("people", "opportunities")


def matching_stream(matching: Matching) -> Stream:
    """What the active matcher consumes. All types that carry the whole state have one handler, also those added later;
    a type with another model is passed over until it has a handler of its own."""
    stream = Stream(SERVICE, topics=TOPICS, alone=True)

    def person_needs(event: Event[Person], work: UnitOfWork) -> Iterable[Need]:
        yield the_floors(event.data.person)
        yield from matching.needs_of_person(as_permitted(event, work).data, work)

    @stream.subscriber(*registry.carrying("people", Person), needs=person_needs)
    def on_person(event: Event[Person], work: UnitOfWork) -> None:
        stored = StoredPerson.find(work, event.data.person)
        if stored is None or stored.sequence < (event.sequence or 0):
            matching.person_changed(as_permitted(event, work), work)

    @stream.subscriber(*registry.carrying("opportunities", Opportunity), needs=_opportunity)
    def on_opportunity(event: Event[Opportunity], work: UnitOfWork) -> None:
        stored = StoredOpening.find(work, event.data.opportunity)
        if stored is None or stored.sequence < (event.sequence or 0):
            matching.opportunity_changed(event, work)

    return stream


def prohibitions_stream(on_raised: Callable[[], None]) -> Stream:
    """What forbids, and who may do what; ``on_raised`` is called when this replica has stored a higher floor."""
    stream = urgent_stream(SERVICE)
    follow_prohibitions(stream, on_raised)
    follow_agencies(stream)
    return stream


def _opportunity(event: Event[Opportunity], work: UnitOfWork) -> Iterable[Need]:
    return [StoredOpening.need(event.data.opportunity)]
