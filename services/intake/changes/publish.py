"""From an effect to documents and events on the bus, and the same events again when a store has to be rebuilt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from services.intake.changes.effect import AGENCIES, OPPORTUNITIES, PEOPLE, Effect, Emission
from services.intake.changes.opportunities import opportunity_of
from services.intake.changes.people import person_of
from services.intake.domain.prohibitions import raised
from shared.access.agencies import held_agency
from shared.events import Event, registry
from shared.events.classes import Model
from shared.events.topics.people import CONSENT_LAPSED
from shared.events.topics.prohibitions import FLOOR_RAISED, Floors
from shared.kit.base.ids import Ids
from shared.kit.store.unit_of_work import Need, UnitOfWork

SOURCE = "/intake"


@dataclass(frozen=True, slots=True)
class Root:
    """What every event on the bus that follows from one acceptance has in common."""

    correlationid: str
    causationid: str
    time: datetime
    recordedtime: datetime
    actor: str | None = None
    traceparent: str | None = None


def publish(effect: Effect, root: Root, work: UnitOfWork, ids: Ids) -> None:
    """Save what changed and emit what follows. The thing keeps how its newest event was told (`last`)."""
    for emission in effect.emitted:
        work.emit(_event(emission, root, ids))
    for collection, document in effect.saves:
        work.save(collection, document)
    if effect.thing is not None:
        collection, document = effect.thing
        if effect.emitted:
            told = effect.emitted[-1].event_type
            document = {**document, "last": {"type": told.name, "version": told.version, **asdict(root)}}
            # a lapse forbids nothing that is not over everywhere by the calendar already; thousands in one night would
            # be the traffic that nothing may wait behind
            if collection == PEOPLE and told is not CONSENT_LAPSED and document["sequence"] > len(effect.emitted):
                document = _forbid(document, root, work, ids)
        work.save(collection, document)


def _forbid(document: dict[str, Any], root: Root, work: UnitOfWork, ids: Ids) -> dict[str, Any]:
    """The person's document with the floors that this change raises; they are told on a topic of their own, too."""
    person, before = document["_id"], work.get(PEOPLE, document["_id"])
    held = floors_of(document)
    floors = raised(held, before["state"], document["state"], document["sequence"]) if before else held
    if floors == held:
        return document
    document = {
        **document,
        "floors": {
            "sequence": document["sequence"],
            "state": floors.model_dump(mode="json", exclude_none=True),
            "last": asdict(root),
        },
    }
    work.emit(_event(Emission(FLOOR_RAISED, person, document["sequence"], floors), root, ids))
    return document


def floors_of(document: dict[str, Any]) -> Floors:
    """What is forbidden of a person's older states."""
    kept = document.get("floors")
    return Floors(person=document["_id"]) if kept is None else Floors.model_validate(kept["state"], strict=False)


def again(collection: str, id: str, ids: Ids) -> tuple[Any, Any]:
    """Needs and deed of a task that emits the current state of one thing again, and what is forbidden of older ones:
    the same events, ids and numbers."""

    def needs(work: UnitOfWork) -> Iterable[Need]:
        return [Need.by_id(collection, id)]

    def do(work: UnitOfWork) -> None:
        document = work.get(collection, id)
        if document is not None and "last" in document:
            last = dict(document["last"])
            event_type = registry.find(last.pop("type"), last.pop("version"))
            emission = Emission(event_type, id, document["sequence"], _STATES[collection](document))
            work.emit(_event(emission, Root(**last), ids))
        if document is not None and (kept := document.get("floors")) is not None:
            emission = Emission(FLOOR_RAISED, id, kept["sequence"], floors_of(document))
            work.emit(_event(emission, Root(**kept["last"]), ids))

    return needs, do


def _event(emission: Emission, root: Root, ids: Ids) -> Event[Model]:
    event_type = emission.event_type
    return Event(
        id=ids.derived(event_type.topic.name, emission.key, emission.sequence),
        source=SOURCE,
        type=event_type.name,
        version=event_type.version,
        time=root.time,
        key=emission.key,
        data=emission.state,
        sequence=emission.sequence,
        correlationid=root.correlationid,
        causationid=root.causationid,
        recordedtime=root.recordedtime,
        traceparent=root.traceparent,
        actor=root.actor,
    )


_STATES: dict[str, Any] = {PEOPLE: person_of, OPPORTUNITIES: opportunity_of, AGENCIES: held_agency}
