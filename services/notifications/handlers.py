"""What is heard: people and matches on one stream; what forbids and agencies on another, which waits for nobody. Parse,
ask the reconciler, keep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from services.notifications.documents import AGENCIES, MATCHES, PEOPLE, RESYNCS
from services.notifications.fan_out.reconcile import Reconciler
from services.notifications.fan_out.resync import request_resync
from services.notifications.mappers import Causation, agency_receives, match_document, person_document
from shared.access.agencies import agency_document, took_effect
from shared.access.floors import Following, Raised, follow_prohibitions, road_of_prohibitions
from shared.events import Event, registry
from shared.events.topics.agencies import Agency
from shared.events.topics.matches import Match
from shared.events.topics.people import Person
from shared.kit.base.observe import Observer
from shared.kit.store.mongo import Database
from shared.kit.store.store import Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.stream import Stream

SERVICE = "notifications"
TOPICS = ("people", "matches")


class Handlers:
    """One method per topic, and beside it what it needs. ``resync_requested``: an agency's right changed."""

    def __init__(self, reconciler: Reconciler, resync_requested: Callable[[], None]) -> None:
        self._reconciler = reconciler
        self._resync_requested = resync_requested

    def stream(self) -> Stream:
        """People and matches. A type that is added and carries the whole state is heard without a change here; one
        with another model is passed over until it has a handler of its own."""
        stream = Stream(SERVICE, topics=TOPICS)
        stream.subscriber(*registry.carrying("people", Person), needs=self.needs_of_person)(self.on_person)
        stream.subscriber(*registry.carrying("matches", Match), needs=self.needs_of_match)(self.on_match)
        return stream

    def prohibitions(self, raised: Callable[[], None]) -> Stream:
        """What forbids, and agencies; ``raised`` is called when this replica has stored a higher floor. What follows
        from a floor is done behind it, in the store of all else (`following`): hearing the next waits for none of it.
        """
        stream = road_of_prohibitions(SERVICE)
        follow_prohibitions(stream, raised)
        stream.subscriber(*registry.carrying("agencies", Agency), needs=self.needs_of_agency)(self.on_agency)
        return stream

    def following(self, database: Database, store: Store, asked: asyncio.Event, observer: Observer) -> Following:
        """Recalls for those whose floors were raised."""

        def do(work: UnitOfWork, person: str, raised: Raised) -> None:
            self._reconciler.reconcile(work, person, Causation(raised.event, raised.correlationid, raised.recordedtime))

        return Following(database, store, self._reconciler.needs, do, asked, observer)

    def needs_of_person(self, event: Event[Person], work: UnitOfWork) -> Iterator[Need]:
        """What `on_person` reads."""
        named = {c.recipient for c in event.data.consents if c.purpose == "notice" and c.recipient}
        return self._reconciler.needs(work, event.data.person, named=named)

    def on_person(self, event: Event[Person], work: UnitOfWork) -> None:
        """A person is now like this."""
        held = PEOPLE.get(work, event.data.person)
        if held is None or held["sequence"] < (event.sequence or 0):
            PEOPLE.save(work, person_document(event))
            self._reconciler.reconcile(work, event.data.person, Causation.of(event))

    def needs_of_match(self, event: Event[Match], work: UnitOfWork) -> Iterator[Need]:
        """What `on_match` reads."""
        return self._reconciler.needs(work, event.data.person, match=event.data)

    def on_match(self, event: Event[Match], work: UnitOfWork) -> None:
        """A match is now like this. Before its person or consent is known it is kept and says nothing."""
        held = MATCHES.get(work, event.data.match)
        if held is None or held["sequence"] < (event.sequence or 0):
            MATCHES.save(work, match_document(event, work.trusted))
            self._reconciler.reconcile(work, event.data.person, Causation.of(event), match=event.data)

    def needs_of_agency(self, event: Event[Agency], work: UnitOfWork) -> Iterator[Need]:
        """What `on_agency` reads."""
        yield AGENCIES.by_id(event.data.agency)
        yield RESYNCS.by_id(event.data.agency)

    def on_agency(self, event: Event[Agency], work: UnitOfWork) -> None:
        """An agency is now like this; if it may now receive, or no longer, everybody is looked at again."""
        held = AGENCIES.get(work, event.data.agency)
        if held is not None and held["sequence"] >= (event.sequence or 0):
            return
        document = agency_document(event.data, event.sequence or 0)
        AGENCIES.save(work, document)
        took_effect(work, event.recordedtime, "agency")
        if held is None or agency_receives(held) != agency_receives(document):
            request_resync(work, event.data.agency)
            work.after_commit(self._resync_requested)
