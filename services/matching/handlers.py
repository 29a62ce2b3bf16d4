"""What is heard: people, opportunities. An event not newer than what is held is dropped. What forbids: floors.py."""

from __future__ import annotations

from collections.abc import Iterable

from services.matching.documents import OPPORTUNITIES, PEOPLE
from services.matching.floors import as_permitted
from services.matching.service import Matching
from shared.access.floors import the_floors
from shared.events import Event, registry
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.stream import Stream

SERVICE = "matching"
TOPICS = ("people", "opportunities")


def handlers(matching: Matching) -> Stream:
    """The stream of this service. All types that carry the whole state have one handler, also those added later; a type
    with another model is passed over until it has a handler of its own."""
    stream = Stream(SERVICE, topics=TOPICS, alone=True)

    @stream.subscriber(*registry.carrying("people", Person), needs=_the_person)
    def person_told(event: Event[Person], work: UnitOfWork) -> None:
        held = work.get(PEOPLE, event.data.person)
        if held is None or held["sequence"] < (event.sequence or 0):
            matching.person_changed(as_permitted(event, work), work)

    @stream.subscriber(*registry.carrying("opportunities", Opportunity), needs=_the_opportunity)
    def opportunity_told(event: Event[Opportunity], work: UnitOfWork) -> None:
        held = work.get(OPPORTUNITIES, event.data.opportunity)
        if held is None or held["sequence"] < (event.sequence or 0):
            matching.opportunity_changed(event, work)

    return stream


def _the_person(event: Event[Person], work: UnitOfWork) -> Iterable[Need]:
    return [Need.by_id(PEOPLE, event.data.person), the_floors(event.data.person)]


def _the_opportunity(event: Event[Opportunity], work: UnitOfWork) -> Iterable[Need]:
    return [Need.by_id(OPPORTUNITIES, event.data.opportunity)]
