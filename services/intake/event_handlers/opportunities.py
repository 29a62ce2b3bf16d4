"""Events about a job or a programme: the advert as a whole replaces what was said before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from services.intake.dependencies import Dependencies
from services.intake.documents import OPPORTUNITIES, REFERENCES, Reference, StoredOpportunity
from services.intake.domain import advert_rules
from services.intake.domain.findings import Findings
from services.intake.domain.sequence_ordering import is_older, latest
from services.intake.event_handlers import tombstones
from services.intake.event_handlers.effect import DoorEvent, Effect, Emission, Features
from services.intake.identity import Family
from shared.events import EventType
from shared.events.data_classification import Model
from shared.events.refusal import Refusal, Refused
from shared.events.topics.opportunities import (
    JOB_CLOSED,
    JOB_POSTED,
    PROGRAMME_CLOSED,
    PROGRAMME_OPENED,
    ClosedAtDoor,
    JobAtDoor,
    Opportunity,
    ProgrammeAtDoor,
)
from shared.kit.base.ids import random_id
from shared.kit.store.unit_of_work import Need, UnitOfWork

STORED = StoredOpportunity
_OPENING = (JOB_POSTED.name, PROGRAMME_OPENED.name)


def reference(event_type: EventType, data: Model) -> tuple[Family, str] | None:
    """Jobs and programmes each have references of their own."""
    assert isinstance(data, JobAtDoor | ProgrammeAtDoor | ClosedAtDoor)
    return ("job" if event_type.name.startswith("job-") else "programme"), data.reference


def features(data: Model, findings: Findings, today: date) -> Features:
    """The advert, as far as the bus may carry it; what is wrong is added to `findings`."""
    return advert_rules.advert_of(data, findings, today) if isinstance(data, JobAtDoor | ProgrammeAtDoor) else {}


def needs(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Iterable[Need]:
    """The reference, then the opportunity."""
    known = _known(event, work)
    yield Need.by_id(REFERENCES, known.id)
    if isinstance(event.incoming.data, ClosedAtDoor):
        yield tombstones.tally_of(event, work)
    if known.thing is not None:
        yield Need.by_id(OPPORTUNITIES, known.thing)


def check(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Sequence[Refusal]:
    """Nothing."""
    return ()


def decide(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Effect:
    """What becomes of the opportunity.

    Closing is final but for one act: posting it again with a number above the one that closed it. Raises Refused for an
    unknown reference (a closing act leaves a tombstone then) and for what would open by the way.
    """
    data = event.incoming.data
    known = _known(event, work)
    if known.thing is None:
        if isinstance(data, ClosedAtDoor):
            return tombstones.keep(event, known, known.tombstone.with_end(event.sequence), work)
        if event.name not in _OPENING:
            raise Refused(Refusal("unknown-reference", "/data/reference"))
        return _new(event, known, dependencies)
    document = work.get(OPPORTUNITIES, known.thing)
    assert document is not None, "a reference without its opportunity"
    held = StoredOpportunity.kept_in(document)
    if isinstance(data, ClosedAtDoor):
        return _closed(event, held)
    if held.state.status == "closed":
        return _opened_again(event, held)
    return _said_again(event, held)


def _new(event: DoorEvent, known: Reference, dependencies: Dependencies) -> Effect:
    new, number = random_id(), event.sequence
    ended_before = known.tombstone.forbids(number)
    after = advert_rules.opened(new, event.agency, dict(event.features))
    held = StoredOpportunity(
        id=new,
        sequence=0,
        owner=event.agency,
        state=after,
        reference=dependencies.sealer.seal(_data(event).reference.encode(), OPPORTUNITIES, new, "reference"),
        sender=number,
        opened=number,
        ended=known.tombstone.end(number),
    )
    if ended_before:  # closed from its first word on: nobody is told that it was open
        effect = _changed(event, held, None, advert_rules.closed(after), _closing(event))
        effect.answer["withheld"] = ["open"]
    else:
        effect = _changed(event, held, None, after)
    effect.saves.append((REFERENCES, Reference(known.id, new).document()))
    return effect


def _closed(event: DoorEvent, held: StoredOpportunity) -> Effect:
    """Only a later opening act stands against it: that the advert changed since says nothing."""
    number = event.sequence
    if is_older(number, held.opened):
        return Effect({"opportunity": held.id}, "superseded")
    ended = number if number is not None else latest(held.sender, held.opened)
    return _changed(event, replace(held, ended=latest(ended, held.ended)), held.state, advert_rules.closed(held.state))


def _opened_again(event: DoorEvent, held: StoredOpportunity) -> Effect:
    number = event.sequence
    if number is not None and held.ended is not None and number <= held.ended:
        return Effect({"opportunity": held.id}, "superseded")
    if event.name not in _OPENING or number is None:
        raise Refused(Refusal("opportunity-closed", "/data/reference"))
    after = _advert(event, held).model_copy(update={"status": "open"})
    return _changed(event, replace(held, sender=latest(number, held.sender), opened=number), held.state, after)


def _said_again(event: DoorEvent, held: StoredOpportunity) -> Effect:
    """An open advert told anew: an update, or a posting that says it again."""
    number, first = event.sequence, event.name in _OPENING
    after = _advert(event, held)
    opened = latest(number, held.opened) if first else held.opened
    effect = _changed(event, replace(held, sender=latest(number, held.sender), opened=opened), held.state, after)
    if is_older(number, held.sender):
        effect.status = "superseded"
    elif first and after == held.state:
        effect.status = "duplicate"
    return effect


def _advert(event: DoorEvent, held: StoredOpportunity) -> Opportunity:
    """The advert that holds: this one, or a newer one that came before."""
    if is_older(event.sequence, held.sender):
        return held.state
    return advert_rules.opened(held.id, event.agency, dict(event.features))


def _changed(
    event: DoorEvent,
    held: StoredOpportunity,
    before: Opportunity | None,
    after: Opportunity,
    said: EventType | None = None,
) -> Effect:
    sequence = held.sequence if after == before else held.sequence + 1
    emitted = [] if after == before else [Emission(said or event.incoming.event_type, held.id, sequence, after)]
    return Effect({"opportunity": held.id}, thing=replace(held, sequence=sequence, state=after), emitted=emitted)


def _closing(event: DoorEvent) -> EventType:
    return JOB_CLOSED if event.name.startswith("job-") else PROGRAMME_CLOSED


def _known(event: DoorEvent, work: UnitOfWork) -> Reference:
    return Reference.kept_in(event.index, work.get(REFERENCES, event.index))


def _data(event: DoorEvent) -> JobAtDoor | ProgrammeAtDoor | ClosedAtDoor:
    data = event.incoming.data
    assert isinstance(data, JobAtDoor | ProgrammeAtDoor | ClosedAtDoor)
    return data
