"""What raised floors do to people held here. Every replica stores floors at once, and reads ask for them each time
(queries.py). The active matcher cuts down what it holds as soon as they are stored, without waiting for the person's
new state, and takes no older state for more than it still allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from services.matching.documents import StoredPerson
from services.matching.domain.apply_prohibitions import permitted
from services.matching.fenced_store import FencedStore
from services.matching.publisher import SOURCE
from services.matching.service import Matching
from shared.access.prohibition_floors import FLOORS, FloorFollowUp, Raised, floors_of
from shared.events import Event
from shared.events.topics.people import PERSON_UPDATED, Person
from shared.kit.base.observer import Observer
from shared.kit.store.unit_of_work import Need, UnitOfWork


def as_permitted(event: Event[Person], work: UnitOfWork) -> Event[Person]:
    """The event with as much as its state still allows. Needs the person's floors."""
    floors = floors_of(work.get(FLOORS, event.data.person))
    return replace(event, data=permitted(event.data, event.sequence or 0, floors))


def floor_follow_up(
    matching: Matching, store: FencedStore, on_raised: asyncio.Event, observer: Observer
) -> FloorFollowUp:
    """Floors that were raised: the state that is held is cut down to what it still allows. Its number stays: the
    person's next state is as new as ever."""

    def needs(work: UnitOfWork, person: str) -> Iterable[Need]:
        yield StoredPerson.need(person)
        if (stored := StoredPerson.find(work, person)) is not None:
            floors = floors_of(work.get(FLOORS, person))
            yield from matching.needs_of_person(permitted(stored.person, stored.sequence, floors), work)

    def do(work: UnitOfWork, person: str, raised: Raised) -> None:
        stored = StoredPerson.find(work, person)
        if stored is None:
            return
        before = stored.person
        event: Event[Person] = Event(
            id=raised.event,
            source=SOURCE,
            type=PERSON_UPDATED.name,
            version=PERSON_UPDATED.version,
            time=work.now,
            key=person,
            data=before,
            sequence=stored.sequence,
            correlationid=raised.correlationid,
            recordedtime=raised.recordedtime,
            traceparent=raised.traceparent,
        )
        after = as_permitted(event, work)
        if after.data != before:
            matching.person_changed(after, work)

    return FloorFollowUp(store.database, store, needs, do, on_raised, observer)
