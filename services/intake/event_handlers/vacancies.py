"""The opportunities that one act changes: of which vacancy an advert is, and what all of its sources come to.

An opportunity is a vacancy; its sources are the adverts of it, at most one open one of an agency. Each open source is
of the same vacancy as the first open one, or may be. Whichever source changes into another vacancy leaves, alone: the
opportunity, with its id and what was told of it, stays with those that remain, and the one that left joins the
opportunity of its new vacancy, or becomes one. All of it is told in the transaction of the act.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from services.intake import metrics
from services.intake.dependencies import Dependencies
from services.intake.documents import OPPORTUNITIES, REFERENCES, Reference
from services.intake.domain.advert_rules import JOB
from services.intake.domain.same_advert import Facts
from services.intake.domain.vacancy import Source, arranged, differs, live
from services.intake.event_handlers import advert_index
from services.intake.event_handlers.advert_index import AdvertIndex
from services.intake.event_handlers.effect import Effect, Emission
from services.intake.opportunity_documents import QUESTIONS, QuestionDocument, StoredOpportunity
from shared.events import EventType
from shared.events.topics.opportunities import (
    JOB_CLOSED,
    JOB_POSTED,
    JOB_UPDATED,
    PROGRAMME_CLOSED,
    PROGRAMME_OPENED,
    PROGRAMME_UPDATED,
    Opportunity,
)
from shared.kit.base.ids import random_id
from shared.kit.store.unit_of_work import Need, UnitOfWork

MOST_SOURCES = 24  # of one opportunity; a further one stays one of its own
MOST_QUESTIONS = 4  # that one advert leads to


def facts_of(words: Opportunity) -> Facts | None:
    """What of a job's advert is compared; of a programme nothing is."""
    return Facts.of(vars(words)) if words.kind == JOB else None


def stored(id: str, work: UnitOfWork) -> StoredOpportunity | None:
    """As it is in this transaction."""
    return work.parsed(OPPORTUNITIES, id, StoredOpportunity.kept_in)


def needs_of_advert(facts: Facts | None, agency: str, work: UnitOfWork) -> Iterator[Need]:
    """What may be of the same vacancy as this advert."""
    yield from advert_index.needs(facts)
    if facts is not None:
        for same in AdvertIndex(work).found(facts, agency, ())[0]:
            yield Need.by_id(OPPORTUNITIES, same)


def needs_of_opportunity(id: str, work: UnitOfWork) -> Iterator[Need]:
    """The opportunity, and what its sources may be of once they are compared anew."""
    yield Need.by_id(OPPORTUNITIES, id)
    held = stored(id, work)
    for source in () if held is None else held.sources:
        yield from needs_of_advert(facts_of(source.words), source.agency, work)


class Vacancies:
    """Opportunities as they are after the act, in memory until its `effect` is published."""

    def __init__(self, work: UnitOfWork, dependencies: Dependencies) -> None:
        self._work = work
        self._ids = dependencies.ids
        self._today = dependencies.day(work.earliest)  # what has ended has ended by both clocks
        self._index = AdvertIndex(work)
        self._held: dict[str, StoredOpportunity] = {}
        self._new: set[str] = set()
        self._moved: dict[str, str] = {}
        self._asked: list[QuestionDocument] = []

    def get(self, id: str) -> StoredOpportunity:
        """An opportunity that exists, as it is by now."""
        held = self._held.get(id) or self._before(id)
        assert held is not None, "a reference without its opportunity"
        return held

    def says(self, source: Source, home: str | None) -> str:
        """Take in what a source says now; of which opportunity it is from here on. `home`: of which it was."""
        before = None if home is None else self.get(home)
        others = () if before is None else tuple(each for each in before.sources if each.index != source.index)
        first = next((each for each in others if self._live(each)), None)
        there, doubtful = home, dict[str, str]()
        if self._live(source) and self._asks_anew(source, before, first):
            there, doubtful = self._same_as(source, before)
            if there is None and first is None:
                there = home
        if there is None:
            there = source.words.opportunity if home is None else random_id()
            self._new.add(there)
        if before is not None and there != before.id:
            self._put(replace(before, sources=others))
        self._join(source, there)
        self._ask(there, source.agency, doubtful)
        for changed in dict.fromkeys((home or there, there)):
            self._compare_anew(changed)
        return there

    def effect(self, answer: dict[str, Any], *, untold: bool) -> Effect:
        """All of it, told: what became of every opportunity, its listing, the references that lead elsewhere now."""
        effect = Effect(answer, untold=untold)
        for id, after in self._held.items():
            before = self._before(id)
            if before is not None and after == before:
                continue
            if before is None or after.state != before.state:
                after = replace(after, sequence=after.sequence + 1)
                kind = _told_as(None if before is None else before.state, after.state)
                effect.emitted.append(Emission(kind, id, after.sequence, after.state))
            effect.others.append(after)
        effect.saves += self._index.saves()
        effect.saves += [(REFERENCES, Reference(index, id).document()) for index, id in self._moved.items()]
        effect.saves += [(QUESTIONS.name, dict(each)) for each in self._asked]
        if missed := self._index.not_listed:
            self._work.after_commit(lambda: metrics.adverts_not_compared.of().inc(missed))
        return effect

    def _before(self, id: str) -> StoredOpportunity | None:
        """As it was before the act."""
        return None if id in self._new else stored(id, self._work)

    def _live(self, source: Source) -> bool:
        return live(source, self._today)

    def _asks_anew(self, source: Source, before: StoredOpportunity | None, first: Source | None) -> bool:
        """Whether it may be of another vacancy than before: it is new, was not open, or is compared otherwise now."""
        facts = facts_of(source.words)
        if first is not None:
            return differs(facts, facts_of(first.words))
        was = None if before is None else next((each for each in before.sources if each.index == source.index), None)
        return was is None or not self._live(was) or facts != facts_of(was.words)

    def _same_as(self, source: Source, before: StoredOpportunity | None) -> tuple[str | None, dict[str, str]]:
        """The opportunity that is of the same vacancy; of two that both are nobody can tell which one it is. And those
        that it may be of, if there is none, with whose they are."""
        if (facts := facts_of(source.words)) is None:
            return None, {}
        skipped = () if before is None else (before.id, *before.apart)
        same, doubtful = self._index.found(facts, source.agency, skipped)
        same = [id for id in same if self._has_room(self.get(id), source)]
        if len(same) == 1:
            return same[0], {}
        return None, {**{id: self.get(id).sources[0].agency for id in same}, **doubtful}

    def _has_room(self, held: StoredOpportunity, source: Source) -> bool:
        """Not where its own agency has an open advert already: who lists two means two."""
        own = any(each.agency == source.agency and self._live(each) for each in held.sources)
        return not own and len(held.sources) < MOST_SOURCES

    def _join(self, source: Source, id: str) -> None:
        held = self._held.get(id) or self._before(id)
        if held is None:
            held = StoredOpportunity(id=id, sequence=0, state=source.words, sources=())
        if source.words.opportunity != id:
            source = replace(source, words=source.words.model_copy(update={"opportunity": id}))
        if all(each.index != source.index for each in held.sources):
            self._moved[source.index] = id
            self._put(replace(held, sources=(*held.sources, source)))
        else:
            sources = tuple(source if each.index == source.index else each for each in held.sources)
            self._put(replace(held, sources=sources))

    def _compare_anew(self, id: str) -> None:
        """Those that cannot be of the vacancy whose words are told now leave it, one by one."""
        head, *others = self._held[id].sources or (None,)
        if head is None or not others or not self._live(head):
            return
        facts = facts_of(head.words)
        for each in others:
            if self._live(each) and differs(facts, facts_of(each.words)):
                self.says(each, id)

    def _put(self, held: StoredOpportunity) -> None:
        """With its state by all of its sources, and listed where others look for it."""
        before = self._held.get(held.id) or self._before(held.id)
        sources = arranged(held.sources, self._today)
        is_open = bool(sources) and self._live(sources[0])
        after = replace(held, sources=sources, state=_state(sources[0].words if sources else held.state, is_open))
        was = None if before is None or before.state.status != "open" else facts_of(before.state)
        now = facts_of(after.state) if is_open else None
        if was != now or (before is not None and before.state.owner != after.state.owner):
            self._index.listed(held.id, after.state.owner, was, now)
        self._held[held.id] = after

    def _ask(self, id: str, agency: str, doubtful: dict[str, str]) -> None:
        """That an operator should look at these pairs."""
        for other, owner in list(doubtful.items())[:MOST_QUESTIONS]:
            pair = sorted((id, other))
            self._asked.append(
                QuestionDocument(
                    _id=self._ids.derived("question", *pair),
                    opportunities=pair,
                    agencies=[agency, owner],
                    at=self._work.trusted,
                )
            )


def _state(words: Opportunity, is_open: bool) -> Opportunity:
    status = "open" if is_open else "closed"
    return words if words.status == status else words.model_copy(update={"status": status})


def _told_as(before: Opportunity | None, after: Opportunity) -> EventType:
    """By what became of it; what was never open and is closed from its first word on is told as closed."""
    posted, updated, closed = (
        (JOB_POSTED, JOB_UPDATED, JOB_CLOSED)
        if after.kind == JOB
        else (PROGRAMME_OPENED, PROGRAMME_UPDATED, PROGRAMME_CLOSED)
    )
    if after.status != "open":
        return closed
    return updated if before is not None and before.status == "open" else posted
