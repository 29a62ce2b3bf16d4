"""Events about a job or a programme: the advert as a whole replaces what was said before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from services.intake.dependencies import Dependencies
from services.intake.documents import OPPORTUNITIES, REFERENCES, Reference, StoredOpportunity
from services.intake.domain import advert_rules
from services.intake.domain.findings import Findings
from services.intake.domain.same_advert import Facts, Said, compared, still_open
from services.intake.domain.sequence_ordering import is_older, latest
from services.intake.event_handlers import one_advert, tombstones
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
    """The reference, then the opportunity; what may be of the same vacancy, and what it is a source of."""
    known, facts = _known(event, work), event.facts
    yield Need.by_id(REFERENCES, known.id)
    if isinstance(event.incoming.data, ClosedAtDoor):
        yield tombstones.tally_of(event, work)
    yield from one_advert.needs(facts)
    if known.thing is None:
        if facts is not None and (same := one_advert.found(facts, event.agency, work)[0]) is not None:
            yield Need.by_id(OPPORTUNITIES, same)
        return
    yield Need.by_id(OPPORTUNITIES, known.thing)
    if (held := work.parsed(OPPORTUNITIES, known.thing, StoredOpportunity.kept_in)) is not None:
        yield from one_advert.needs(Facts.of(vars(held.state)))
        if held.same_as is not None:
            yield Need.by_id(OPPORTUNITIES, held.same_as)
            if (first := work.parsed(OPPORTUNITIES, held.same_as, StoredOpportunity.kept_in)) is not None:
                yield from one_advert.needs(Facts.of(vars(first.state)))  # listed anew when it opens or closes by this


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
        return _new(event, known, work, dependencies)
    held = _held(known.thing, work)
    if isinstance(data, ClosedAtDoor):
        return _closed(event, held, work)
    if not held.said.open:
        return _opened_again(event, held, work)
    return _said_again(event, held, work)


def _new(event: DoorEvent, known: Reference, work: UnitOfWork, dependencies: Dependencies) -> Effect:
    """Of a vacancy that another agency has brought it is a further source; what only may be the same stays apart."""
    new, number = random_id(), event.sequence
    is_open, facts = not known.tombstone.forbids(number), event.facts
    said = Said(event.agency, is_open)
    held = StoredOpportunity(
        id=new,
        sequence=0,
        owner=event.agency,
        state=_with_status(advert_rules.opened(new, event.agency, dict(event.features)), is_open),
        said=said,
        reference=dependencies.sealer.seal(_data(event).reference.encode(), OPPORTUNITIES, new, "reference"),
        sender=number,
        opened=number,
        ended=known.tombstone.end(number),
    )
    same, doubtful = one_advert.found(facts, event.agency, work) if is_open and facts is not None else (None, [])
    first = None if same is None else _held(same, work)
    if first is not None and all(source.agency != event.agency for source in first.sources.values()):
        source = replace(held, sequence=1, same_as=first.id)
        effect = Effect({"opportunity": first.id}, thing=replace(first, sources={**first.sources, new: said}))
        effect.saves.append((OPPORTUNITIES, source.document()))
    else:
        effect = _changed(event, held, held.state, is_open, work, None if is_open else _closing(event))
        if not is_open:  # closed from its first word on: nobody is told that it was open
            effect.answer["withheld"] = ["open"]
        for other in doubtful if facts is not None else ():
            pair = [event.agency, one_advert.agency_of(other, facts, work)] if facts is not None else []
            effect.saves.append(one_advert.question(new, other, pair, work, dependencies.ids))
    effect.saves.append((REFERENCES, Reference(known.id, new).document()))
    return effect


def _closed(event: DoorEvent, held: StoredOpportunity, work: UnitOfWork) -> Effect:
    """Only a later opening act stands against it: that the advert changed since says nothing."""
    number = event.sequence
    if is_older(number, held.opened):
        return Effect(_answer(held), "superseded")
    ended = number if number is not None else latest(held.sender, held.opened)
    return _changed(event, replace(held, ended=latest(ended, held.ended)), held.state, False, work)


def _opened_again(event: DoorEvent, held: StoredOpportunity, work: UnitOfWork) -> Effect:
    number = event.sequence
    if number is not None and held.ended is not None and number <= held.ended:
        return Effect(_answer(held), "superseded")
    if event.name not in _OPENING or number is None:
        raise Refused(Refusal("opportunity-closed", "/data/reference"))
    after = replace(held, sender=latest(number, held.sender), opened=number)
    return _changed(event, after, _advert(event, held), True, work)


def _said_again(event: DoorEvent, held: StoredOpportunity, work: UnitOfWork) -> Effect:
    """An open advert told anew: an update, or a posting that says it again."""
    number, first = event.sequence, event.name in _OPENING
    after = _advert(event, held)
    opened = latest(number, held.opened) if first else held.opened
    newer = replace(held, sender=latest(number, held.sender), opened=opened)
    effect = _changed(event, newer, after, True, work)
    if is_older(number, held.sender):
        effect.status = "superseded"
    elif first and _with_status(after, True) == _with_status(held.state, True):
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
    advert: Opportunity,
    is_open: bool,
    work: UnitOfWork,
    told_as: EventType | None = None,
) -> Effect:
    """What this source says now, and what the vacancy is by all of them."""
    said_before, held = held.said, replace(held, said=replace(held.said, open=is_open))
    if held.same_as is not None:
        return _of_a_source(event, held, _with_status(advert, is_open), _held(held.same_as, work), work)
    after = _with_status(advert, still_open([held.said, *held.sources.values()]))
    before = held.state if held.sequence else None
    sequence = held.sequence if after == before else held.sequence + 1
    emitted = [] if after == before else [Emission(told_as or event.incoming.event_type, held.id, sequence, after)]
    new = replace(held, sequence=sequence, state=after)
    effect = Effect(_answer(held), thing=new, emitted=emitted, untold=said_before != held.said)
    if emitted:
        effect.saves += _listed(held, before, after, work)
    return effect


def _of_a_source(
    event: DoorEvent, held: StoredOpportunity, after: Opportunity, first: StoredOpportunity, work: UnitOfWork
) -> Effect:
    """Nobody is told what a further source says, but when the vacancy opens or closes by it, or it is no longer the
    same: then it is told as one of its own."""
    others = {id: said for id, said in first.sources.items() if id != held.id}
    one, other = Facts.of(vars(after)), Facts.of(vars(first.state))
    apart = one is None or other is None or compared(one, other) == "different"
    alone = still_open([first.said, *others.values()]) == (first.state.status == "open")
    if apart and alone and held.said.open:
        mine = replace(held, same_as=None, sequence=held.sequence + 1, state=after)
        effect = Effect(_answer(mine), thing=mine, emitted=[Emission(JOB_POSTED, mine.id, mine.sequence, after)])
        effect.saves = [(OPPORTUNITIES, replace(first, sources=others).document()), *_listed(mine, None, after, work)]
        return effect
    if after == held.state and first.sources.get(held.id) == held.said:
        return Effect(_answer(held), thing=held)
    sources = {**others, held.id: held.said}
    told = _with_status(first.state, still_open([first.said, *sources.values()]))
    effect = Effect(_answer(held), thing=replace(first, sources=sources))
    effect.saves.append((OPPORTUNITIES, replace(held, sequence=held.sequence + 1, state=after).document()))
    if told != first.state:
        kind = JOB_POSTED if told.status == "open" else JOB_CLOSED
        effect.emitted = [Emission(kind, first.id, first.sequence + 1, told)]
        effect.thing = replace(first, sources=sources, state=told, sequence=first.sequence + 1)
        effect.saves += _listed(first, first.state, told, work)
    return effect


def _listed(
    held: StoredOpportunity, before: Opportunity | None, after: Opportunity, work: UnitOfWork
) -> Iterable[one_advert.Save]:
    if held.state.kind != advert_rules.JOB:
        return ()
    now = Facts.of(vars(after))
    was = now if before is None else Facts.of(vars(before))
    return one_advert.listed(held.id, held.owner, was, now if after.status == "open" else None, work)


def _with_status(advert: Opportunity, is_open: bool) -> Opportunity:
    status = "open" if is_open else "closed"
    return advert if advert.status == status else advert.model_copy(update={"status": status})


def _answer(held: StoredOpportunity) -> dict[str, Any]:
    return {"opportunity": held.same_as or held.id}


def _held(id: str, work: UnitOfWork) -> StoredOpportunity:
    held = work.parsed(OPPORTUNITIES, id, StoredOpportunity.kept_in)
    assert held is not None, "a reference without its opportunity"
    return held


def _closing(event: DoorEvent) -> EventType:
    return JOB_CLOSED if event.name.startswith("job-") else PROGRAMME_CLOSED


def _known(event: DoorEvent, work: UnitOfWork) -> Reference:
    return Reference.kept_in(event.index, work.get(REFERENCES, event.index))


def _data(event: DoorEvent) -> JobAtDoor | ProgrammeAtDoor | ClosedAtDoor:
    data = event.incoming.data
    assert isinstance(data, JobAtDoor | ProgrammeAtDoor | ClosedAtDoor)
    return data
