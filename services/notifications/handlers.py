"""What is heard: people, matches, agencies. Parse, ask the reconciler, keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.notifications.documents import (
    AGENCIES,
    MATCHES,
    PEOPLE,
    SWEEPS,
    Cause,
    match_document,
    person_document,
)
from services.notifications.domain.permission import receives
from services.notifications.fan_out.reconcile import Reconciler
from services.notifications.fan_out.sweeps import start_sweep
from shared.events import Event, registry
from shared.events.topics.agencies import Agency
from shared.events.topics.matches import Match
from shared.events.topics.people import Person
from shared.kit.agencies import agency_document
from shared.kit.stream import Stream
from shared.kit.work import Need, Work

TOPICS = ("people", "matches", "agencies")


def handlers(reconciler: Reconciler, swept: Callable[[], None]) -> Stream:
    """The stream of this service. ``swept`` is called when an agency's right to receive changed."""
    stream = Stream("notifications", topics=TOPICS)
    types = {topic: [t for t in registry if t.topic.name == topic] for topic in TOPICS}

    def of_person(event: Event[Person], work: Work) -> Iterator[Need]:
        named = {c.recipient for c in event.data.consents if c.purpose == "notice" and c.recipient}
        return reconciler.needs(work, event.data.person, named=named)

    @stream.on(*types["people"], needs=of_person)
    def person_told(event: Event[Person], work: Work) -> None:
        held = work.get(PEOPLE, event.data.person)
        if held is None or held["sequence"] < (event.sequence or 0):
            work.save(PEOPLE, person_document(event))
            reconciler.reconcile(work, event.data.person, Cause.of(event))

    def of_match(event: Event[Match], work: Work) -> Iterator[Need]:
        return reconciler.needs(work, event.data.person, match=event.data.match)

    @stream.on(*types["matches"], needs=of_match)
    def match_told(event: Event[Match], work: Work) -> None:
        held = work.get(MATCHES, event.data.match)
        if held is None or held["sequence"] < (event.sequence or 0):
            work.save(MATCHES, match_document(event))
            reconciler.reconcile(work, event.data.person, Cause.of(event), match=event.data.match)

    def of_agency(event: Event[Agency], work: Work) -> Iterator[Need]:
        yield Need.by_id(AGENCIES, event.data.agency)
        yield Need.by_id(SWEEPS, event.data.agency)

    @stream.on(*types["agencies"], needs=of_agency)
    def agency_told(event: Event[Agency], work: Work) -> None:
        held = work.get(AGENCIES, event.data.agency)
        if held is not None and held["sequence"] >= (event.sequence or 0):
            return
        document = agency_document(event.data, event.sequence or 0)
        work.save(AGENCIES, document)
        if held is None or _may_receive(held) != _may_receive(document):
            start_sweep(work, event.data.agency)
            work.after_commit(swept)

    return stream


def _may_receive(document: dict[str, object]) -> bool:
    state = document["state"]
    assert isinstance(state, dict)
    return receives(state["recipient_class"], bool(state["rights"].get("receives", False)))
