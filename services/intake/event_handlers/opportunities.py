"""Events about a job or a programme: the advert as a whole replaces what was said before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from services.intake.dependencies import Dependencies
from services.intake.documents import OPPORTUNITIES, REFERENCES, Reference
from services.intake.domain.sequence_ordering import is_older, latest
from services.intake.domain.vacancy import Source, remembered
from services.intake.domain.vetting import Judgement, employer_key
from services.intake.event_handlers import new_advert_fast_path, tombstones
from services.intake.event_handlers.advert_index import meets_others
from services.intake.event_handlers.effect import DoorEvent, Effect
from services.intake.event_handlers.prepared_adverts import PreparedAdvert
from services.intake.event_handlers.vacancies import Vacancies
from services.intake.event_handlers.vacancy_needs import (
    merged_into,
    needs_of_merged,
    needs_of_opportunity,
    needs_of_same,
    stored,
)
from services.intake.identity import Family
from services.intake.opportunity_documents import StoredOpportunity
from shared.events import EventType
from shared.events.data_classification import Model
from shared.events.refusal import Refusal, Refused
from shared.events.topics.opportunities import (
    JOB_POSTED,
    PROGRAMME_OPENED,
    ClosedAtDoor,
    JobAtDoor,
    ProgrammeAtDoor,
    VettedAtDoor,
)
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.screening.findings import Findings

STORED = StoredOpportunity
_OPENING = (JOB_POSTED.name, PROGRAMME_OPENED.name)


def reference(event_type: EventType, data: Model) -> tuple[Family, str] | None:
    """Jobs and programmes each have references of their own."""
    if isinstance(data, VettedAtDoor):
        return None
    assert isinstance(data, JobAtDoor | ProgrammeAtDoor | ClosedAtDoor)
    return ("job" if event_type.name.startswith("job-") else "programme"), data.reference


def check_data(data: Model, findings: Findings) -> None:
    """Nothing that the client does not know, too."""


def needs(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Iterable[Need]:
    """The reference, then the opportunity, and what may be of the same vacancy."""
    data, advert = event.incoming.data, event.advert
    if isinstance(data, VettedAtDoor):
        return [*needs_of_opportunity(data.opportunity, work), *needs_of_merged(data.opportunity, work)]
    needs = [event.reference]
    if isinstance(data, ClosedAtDoor):
        needs.append(tombstones.tally_of(event, work))
    if advert is not None:
        needs += advert.needs
        if meets_others(advert.keys, event.agency, work) and advert.facts is not None:
            needs += needs_of_same(advert.facts, event.agency, work)
    if (known := work.get(REFERENCES, event.index)) is not None and "thing" in known:
        needs += needs_of_opportunity(known["thing"], work)
    return needs


def check(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Sequence[Refusal]:
    """Nothing."""
    return ()


def decide(event: DoorEvent, work: UnitOfWork, dependencies: Dependencies) -> Effect:
    """What becomes of the opportunity.

    An agency's closing is final but for one act: posting it again with a number above the one that closed it. Raises
    Refused for an unknown reference (a closing act leaves a tombstone then) and for what would open by the way.
    """
    data, advert = event.incoming.data, event.advert
    if isinstance(data, VettedAtDoor):
        return _vetted(data, Vacancies(work, dependencies), work)
    known = _known(event, work)
    if known.thing is None:
        if isinstance(data, ClosedAtDoor):
            return tombstones.keep(event, known, known.tombstone.with_end(event.sequence), work)
        if event.name not in _OPENING:
            raise Refused(Refusal("unknown-reference", "/data/reference"))
        assert advert is not None, "an advert in which nothing is wrong"
        effect = new_advert_fast_path.alone(event, advert, known, work, dependencies)
        return effect or _new(event, advert, known, Vacancies(work, dependencies), dependencies)
    vacancies = Vacancies(work, dependencies)
    held = vacancies.get(known.thing).source(event.index)
    if isinstance(data, ClosedAtDoor):
        return _closed(event, held, vacancies)
    assert advert is not None, "an advert in which nothing is wrong"
    if not held.open:
        return _opened_again(event, advert, held, vacancies)
    return _said_again(event, advert, held, vacancies)


def _new(
    event: DoorEvent, advert: PreparedAdvert, known: Reference, vacancies: Vacancies, dependencies: Dependencies
) -> Effect:
    words, number = advert.words, event.sequence
    remembered(words, advert.facts)
    source = Source(
        index=event.index,
        open=not known.tombstone.forbids(number),
        heard=vacancies.day,
        words=words,
        reference=dependencies.sealer.seal(advert.reference.encode(), OPPORTUNITIES, event.index, "reference"),
        sender=number,
        opened=number,
        ended=known.tombstone.end(number),
    )
    effect = vacancies.effect(vacancies.says(source, None), untold=True)
    if not source.open:  # closed from its first word on: nobody is told that it was open
        effect.answer["withheld"] = ["open"]
    return effect


def _closed(event: DoorEvent, held: Source, vacancies: Vacancies) -> Effect:
    """Only a later opening act stands against it: that the advert changed since says nothing."""
    number = event.sequence
    if is_older(number, held.opened):
        return Effect(vacancies.answer(held.words.opportunity), "superseded")
    ended = number if number is not None else latest(held.sender, held.opened)
    return _said(held, replace(held, open=False, ended=latest(ended, held.ended)), vacancies)


def _opened_again(event: DoorEvent, advert: PreparedAdvert, held: Source, vacancies: Vacancies) -> Effect:
    number = event.sequence
    if number is not None and held.ended is not None and number <= held.ended:
        return Effect(vacancies.answer(held.words.opportunity), "superseded")
    if held.ended_at is not None and event.incoming.time <= held.ended_at:
        return Effect(vacancies.answer(held.words.opportunity), "superseded")
    if event.name not in _OPENING or number is None:
        raise Refused(Refusal("opportunity-closed", "/data/reference"))
    return _said(held, replace(_worded(event, advert, held), open=True, opened=number), vacancies)


def _said_again(event: DoorEvent, advert: PreparedAdvert, held: Source, vacancies: Vacancies) -> Effect:
    """An open advert told anew: an update, or a posting that says it again."""
    number = event.sequence
    opened = latest(number, held.opened) if event.name in _OPENING else held.opened
    effect = _said(held, replace(_worded(event, advert, held), opened=opened), vacancies)
    if is_older(number, held.sender):
        effect.status = "superseded"
    return effect


def _worded(event: DoorEvent, advert: PreparedAdvert, held: Source) -> Source:
    """With the words that hold: these, or newer ones that came before."""
    if is_older(event.sequence, held.sender):
        return held
    words = advert.words.model_copy(update={"opportunity": held.words.opportunity})
    return replace(held, words=words, sender=latest(event.sequence, held.sender))


def _said(before: Source, after: Source, vacancies: Vacancies) -> Effect:
    """What this source says now, and what the vacancy is by all of them."""
    there = vacancies.says(replace(after, heard=vacancies.day), before.words.opportunity)
    return vacancies.effect(there, untold=(before.open, before.words) != (after.open, after.words))


def _vetted(data: VettedAtDoor, vacancies: Vacancies, work: UnitOfWork) -> Effect:
    """An operator's word, on the opportunity with all of its sources. Raises Refused for one that is another's by
    now."""
    held = stored(data.opportunity, work)
    if held is None:
        raise Refused(Refusal("unknown-opportunity", "/data/opportunity"))
    if (now := merged_into(held, work)) is not None:  # what is said of it there is for who looked at it there
        raise Refused(Refusal("opportunity-merged", "/data/opportunity", {"opportunity": now}))
    employer = employer_key(held.state.employer)
    vacancies.judge(held.id, Judgement(data.verdict, data.reason, True, employer, work.trusted))
    return vacancies.effect(held.id)


def _known(event: DoorEvent, work: UnitOfWork) -> Reference:
    return Reference.kept_in(event.index, work.get(REFERENCES, event.index))
