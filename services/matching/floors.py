"""Prohibitions in matching. Every replica hears them at once, also one that stands by or loads, and reads ask for them
each time (window.py). The active matcher lets go of what they forbid as soon as they are stored, without waiting for
the person's new state, and takes no older state for more than it still allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from services.matching.documents import PEOPLE, held_person
from services.matching.domain.permitted import permitted
from services.matching.fence import FencedStore
from services.matching.service import Matching
from shared.access.floors import FLOORS, Following, Raised, floors_of, follow_prohibitions, road_of_prohibitions
from shared.access.keys import follow_agencies
from shared.events import Event
from shared.events.topics.people import PERSON_UPDATED, Person
from shared.kit.base.observe import Observer
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.stream import Stream


def prohibitions(service: str, raised: Callable[[], None] = lambda: None) -> Stream:
    """The stream of what forbids; ``raised`` is called when this replica has stored a higher floor."""
    stream = road_of_prohibitions(service)
    follow_prohibitions(stream, raised)
    follow_agencies(stream)
    return stream


def as_permitted(event: Event[Person], work: UnitOfWork) -> Event[Person]:
    """The event with as much as its state still allows. Needs the person's floors."""
    floors = floors_of(work.get(FLOORS, event.data.person))
    return replace(event, data=permitted(event.data, event.sequence or 0, floors))


def following(matching: Matching, store: FencedStore, asked: asyncio.Event, observer: Observer) -> Following:
    """What the active matcher does about floors that were raised: the state that it holds is cut down to what it still
    allows. Its number stays: the person's next state is as new as ever."""

    def needs(work: UnitOfWork, person: str) -> Iterable[Need]:
        return [Need.by_id(PEOPLE, person)]

    def do(work: UnitOfWork, person: str, raised: Raised) -> None:
        held = work.get(PEOPLE, person)
        if held is None:
            return
        before = held_person(held)
        event: Event[Person] = Event(
            id=raised.event,
            source="/services/matching",
            type=PERSON_UPDATED.name,
            version=PERSON_UPDATED.version,
            time=work.now,
            key=person,
            data=before,
            sequence=held["sequence"],
            correlationid=raised.correlationid,
            recordedtime=raised.recordedtime,
            traceparent=raised.traceparent,
        )
        after = as_permitted(event, work)
        if after.data != before:
            matching.person_changed(after, work)

    return Following(store.database, store, needs, do, asked, observer)
