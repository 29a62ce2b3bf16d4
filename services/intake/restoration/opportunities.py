"""Opportunities as they were told since the copy: told anew by what is still known of their sources.

Whose advert came after the copy cannot be found again by a reference: the opportunity is told as closed, and its agency
posts it anew. What was closed, held or refused since stays so until somebody says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from services.intake.dependencies import Dependencies
from services.intake.documents import OPPORTUNITIES, dumped
from services.intake.domain.vacancy import facts_of
from services.intake.domain.vetting import Judgement, employer_key
from services.intake.event_handlers.effect import Effect, Emission
from services.intake.event_handlers.publish import publish
from services.intake.event_handlers.vacancies import Vacancies, told_as
from services.intake.event_handlers.vacancy_needs import (
    needs_of_opportunity,
    needs_of_same,
    needs_of_words,
    stored,
)
from services.intake.last_published import Causation, LastPublished
from services.intake.opportunity_documents import StoredOpportunity, with_status
from services.intake.restoration.own_topics import latest_time
from services.intake.restoration.to_do import TO_DO, ToDo
from shared.events import Event
from shared.events.topics.opportunities import Opportunity
from shared.kit.base.ids import random_id
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork


def state_told(event: Event[Any]) -> Operation[None]:
    """An opportunity's state was told: from here on it is numbered from above that."""
    told: Opportunity = event.data
    id, number = told.opportunity, event.sequence or 0

    def do(work: UnitOfWork) -> None:
        held = stored(id, work)
        if held is None:
            last = LastPublished.by(event.event_type, Causation.of(event))
            held = StoredOpportunity(id=id, sequence=number, state=told, sources=(), last=last)
        elif number <= held.sequence:
            return
        elif not held.sources:
            held = replace(held, sequence=number, state=told)
        work.save(OPPORTUNITIES, replace(held, sequence=number).document())
        TO_DO.save(work, ToDo(_id=_name(id), state=dumped(told), at=latest_time(event)))

    return Operation(lambda work: [Need.by_id(OPPORTUNITIES, id), TO_DO.by_id(_name(id))], do)


def said_anew(id: str, dependencies: Dependencies) -> Operation[None]:
    """What is to be said of an opportunity, under the next number."""

    def needs(work: UnitOfWork) -> Iterable[Need]:
        yield TO_DO.by_id(_name(id))
        yield from needs_of_opportunity(id, work)
        if (to_do := TO_DO.get(work, _name(id), shared=True)) is not None:
            told = _told(to_do)
            yield from needs_of_words(told)
            if (facts := facts_of(told)) is not None:
                yield from needs_of_same(facts, told.owner, work)

    def do(work: UnitOfWork) -> None:
        to_do, held = TO_DO.get(work, _name(id)), stored(id, work)
        if to_do is None or held is None:
            return
        TO_DO.delete(work, _name(id))
        effect = _closed(held) if not held.sources else _by_its_sources(held, to_do, Vacancies(work, dependencies))
        causation = Causation(correlationid=random_id(), causationid=random_id(), time=work.now, recordedtime=work.now)
        publish(effect, causation, work, dependencies.ids)

    return Operation(needs, do)


def _closed(held: StoredOpportunity) -> Effect:
    state = with_status(held.state, "closed", held.state.vetting)
    if state == held.state:
        return Effect({}, others=[held])
    after = replace(held, sequence=held.sequence + 1, state=state)
    return Effect({}, others=[after], emitted=[Emission(told_as(held.state, state), held.id, after.sequence, state)])


def _by_its_sources(held: StoredOpportunity, to_do: ToDo, vacancies: Vacancies) -> Effect:
    """The source whose words were told says these now, or none of them is open any more. Told in any case: what the
    others hold is not what is known here."""
    told, id = _told(to_do), held.id
    if told.vetting is not None and told.vetting.verdict != "checked":
        moment, employer = to_do["at"], employer_key(told.employer)
        vacancies.judge(id, Judgement(told.vetting.verdict, told.vetting.reason, True, employer, moment))
    elif told.status == "closed":
        for source in held.sources:
            if source.open:
                vacancies.says(replace(source, open=False, ended_at=to_do["at"]), id)
    else:
        said = next((each for each in held.sources if each.agency == told.owner), None)
        if said is not None:
            vacancies.says(replace(said, open=True, words=with_status(told, "open", None)), id)
    effect = vacancies.effect(id)
    if all(emission.key != id for emission in effect.emitted):
        after = replace(vacancies.get(id), sequence=held.sequence + 1)
        effect.others = [*(each for each in effect.others if each.id != id), after]
        kind = told_as(None, after.state)
        effect.emitted.append(Emission(kind, id, after.sequence, after.state))
    return effect


def _told(to_do: ToDo) -> Opportunity:
    return Opportunity.model_validate(to_do["state"], strict=False)


def _name(opportunity: str) -> str:
    return f"opportunities/{opportunity}"
