"""From an effect to documents and events on the bus, and the same events again when a store has to be rebuilt."""

from __future__ import annotations

from dataclasses import replace

from services.intake.documents import StoredPerson
from services.intake.domain.raised_prohibitions import raised
from services.intake.event_handlers.effect import Effect, Emission, Thing
from services.intake.last_published import Causation, KeptFloors, LastPublished, told
from shared.events import Event, registry
from shared.events.data_classification import Model
from shared.events.envelope import Dumped
from shared.events.topics.people import CONSENT_LAPSED
from shared.events.topics.prohibitions import FLOOR_RAISED, Floors
from shared.kit.base.ids import Ids
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork

SOURCE = "/intake"


def publish(effect: Effect, causation: Causation, work: UnitOfWork, ids: Ids) -> None:
    """Save what changed and emit what follows. A thing keeps how its newest event was told (`last`)."""
    for emission in effect.emitted:
        work.emit(_event(emission, causation, ids))
    for collection, document in effect.saves:
        work.save(collection, document)
    for thing in (*(() if effect.thing is None else (effect.thing,)), *effect.others):
        types = [emission.event_type for emission in effect.emitted if emission.key == thing.id]
        document, is_new = thing.document(), False
        if types:
            # a lapse forbids nothing that is not over everywhere by the calendar already; thousands in one night would
            # be the traffic that nothing may wait behind
            is_new = thing.sequence == len(types)
            if isinstance(thing, StoredPerson) and not is_new and types[-1] is not CONSENT_LAPSED:
                document = _forbid(thing, causation, work, ids).document()
            document |= told(LastPublished.by(types[-1], causation))
        work.save(thing.COLLECTION, document, new=is_new)


def _forbid(person: StoredPerson, causation: Causation, work: UnitOfWork, ids: Ids) -> StoredPerson:
    """The person with the floors that this change raises; they are told on a topic of their own, too."""
    document = work.get(StoredPerson.COLLECTION, person.id)
    assert document is not None, "a person who was known before"
    held = Floors(person=person.id) if person.floors is None else person.floors.state
    floors = raised(held, StoredPerson.kept_in(document).state, person.state, person.sequence)
    if floors == held:
        return person
    work.emit(_event(Emission(FLOOR_RAISED, person.id, person.sequence, floors), causation, ids))
    return replace(person, floors=KeptFloors(person.sequence, floors, causation))


def again(kind: type[Thing], id: str, ids: Ids) -> Operation[None]:
    """Emit the current state of one thing again, and what is forbidden of older ones: the same events, ids, numbers."""

    def do(work: UnitOfWork) -> None:
        document = work.get(kind.COLLECTION, id)
        thing = None if document is None else kind.kept_in(document)
        if thing is not None and thing.last is not None:
            event_type = registry.find(thing.last.type, thing.last.version)
            work.emit(_event(Emission(event_type, id, thing.sequence, thing.state), thing.last.causation, ids))
        if isinstance(thing, StoredPerson) and (kept := thing.floors) is not None:
            work.emit(_event(Emission(FLOOR_RAISED, id, kept.sequence, kept.state), kept.causation, ids))

    return Operation(lambda work: [Need.by_id(kind.COLLECTION, id)], do)


def _event(emission: Emission, causation: Causation, ids: Ids) -> Event[Model | Dumped]:
    event_type = emission.event_type
    return Event(
        id=ids.derived(event_type.topic.name, emission.key, emission.sequence),
        source=SOURCE,
        type=event_type.name,
        version=event_type.version,
        time=causation.time,
        key=emission.key,
        data=emission.state,
        sequence=emission.sequence,
        correlationid=causation.correlationid,
        causationid=causation.causationid,
        recordedtime=causation.recordedtime,
        traceparent=causation.traceparent,
        actor=causation.actor,
    )
