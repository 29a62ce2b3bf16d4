"""Kafka subscribers: people and matches on one stream; what forbids and agencies on another, which waits for nobody.

An event that is not newer than what is held is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from services.notifications.documents import AGENCIES, MATCHES, PEOPLE, RESYNCS
from services.notifications.fan_out.reconcile import Reconciler
from services.notifications.mappers import Causation, agency_receives, match_document, person_document
from services.notifications.resync_request import request_resync
from shared.access.agencies import agency_document
from shared.access.metrics import took_effect
from shared.access.prohibition_floors import FloorFollowUp, Raised
from shared.access.prohibitions_stream import follow_prohibitions, urgent_stream
from shared.events import Event, registry
from shared.events.topics.agencies import Agency
from shared.events.topics.matches import Match
from shared.events.topics.people import Person
from shared.kit.base.observer import Observer
from shared.kit.store.mongo import Database
from shared.kit.store.store import Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.session import Flows
from shared.kit.stream.stream import Stream

SERVICE = "notifications"
TOPICS = ("people", "matches")


def notifications_stream(reconciler: Reconciler, flows: Flows | None = None) -> Stream:
    """All types that carry the whole state have one handler, also those added later; a type with another model is
    passed over until it has a handler of its own."""
    stream = Stream(SERVICE, topics=TOPICS, flows=flows)

    def needs_of_person(event: Event[Person], work: UnitOfWork) -> Iterator[Need]:
        named = {c.recipient for c in event.data.consents if c.purpose == "notice" and c.recipient}
        return reconciler.needs(work, event.data.person, named=named)

    @stream.subscriber(*registry.carrying("people", Person), needs=needs_of_person)
    def on_person(event: Event[Person], work: UnitOfWork) -> None:
        held = PEOPLE.get(work, event.data.person)
        if held is None or held["sequence"] < (event.sequence or 0):
            PEOPLE.save(work, person_document(event))
            reconciler.reconcile(work, event.data.person, Causation.of(event))

    def needs_of_match(event: Event[Match], work: UnitOfWork) -> Iterator[Need]:
        return reconciler.needs(work, event.data.person, match=event.data)

    @stream.subscriber(*registry.carrying("matches", Match), needs=needs_of_match)
    def on_match(event: Event[Match], work: UnitOfWork) -> None:
        """Before its person or consent is known it is kept and says nothing."""
        held = MATCHES.get(work, event.data.match, shared=True)
        if held is None or held["sequence"] < (event.sequence or 0):
            kept = match_document(event, work.trusted)
            MATCHES.save(work, kept)
            reconciler.reconcile(work, event.data.person, Causation.of(event), match=kept)

    return stream


def prohibitions_stream(
    on_raised: Callable[[], None],
    resync_requested: Callable[[], None],
    about: Callable[[str], None] = lambda who: None,
) -> Stream:
    """What forbids, and who may receive. ``on_raised``: this replica has stored a higher floor; what follows from it is
    done behind it (`floor_follow_up`). ``resync_requested``: an agency's right has changed. ``about``: which person or
    agency it was."""
    stream = urgent_stream(SERVICE)
    follow_prohibitions(stream, on_raised, about)

    def needs_of_agency(event: Event[Agency], work: UnitOfWork) -> Iterator[Need]:
        yield AGENCIES.by_id(event.data.agency)
        yield RESYNCS.by_id(event.data.agency)

    @stream.subscriber(*registry.carrying("agencies", Agency), needs=needs_of_agency)
    def on_agency(event: Event[Agency], work: UnitOfWork) -> None:
        """If it may now receive, or no longer, everybody who concerns it is reconciled."""
        held = AGENCIES.get(work, event.data.agency)
        work.after_commit(lambda: about(event.data.agency))
        if held is not None and held["sequence"] >= (event.sequence or 0):  # another replica was quicker
            return
        document = agency_document(event.data, event.sequence or 0)
        AGENCIES.save(work, document)
        took_effect(work, event.recordedtime, "agency")
        if held is None or agency_receives(held) != agency_receives(document):
            request_resync(work, event.data.agency)
            work.after_commit(resync_requested)

    return stream


def floor_follow_up(
    reconciler: Reconciler, database: Database, store: Store, on_raised: asyncio.Event, observer: Observer
) -> FloorFollowUp:
    """Recalls for those whose floors were raised, in the store of all else: hearing the next waits for none of it."""

    def do(work: UnitOfWork, person: str, raised: Raised) -> None:
        reconciler.reconcile(work, person, Causation(raised.event, raised.correlationid, raised.recordedtime))

    return FloorFollowUp(database, store, reconciler.needs, do, on_raised, observer)
