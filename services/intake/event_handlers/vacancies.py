"""The opportunities that one act changes: of which vacancy an advert is, and what all of its sources come to.

An opportunity is a vacancy; its sources are the adverts of it, at most one open one of an agency. Each open source is
of the same vacancy as the first open one, or may be. Whichever source changes into another vacancy leaves, alone: the
opportunity, with its id and what was told of it, stays with those that remain, and the one that left joins the
opportunity of its new vacancy, or becomes one. What an operator holds or refuses goes with it: it joins only what is
held or refused likewise. And it holds of the words that were looked at, whichever reference they stand under.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from services.intake import metrics
from services.intake.dependencies import Dependencies
from services.intake.documents import REFERENCES, Reference
from services.intake.domain import separated_vacancies
from services.intake.domain.vacancy import Calendar, Source, alike, arranged, differs, facts_of
from services.intake.domain.vetting import (
    Judgement,
    ListedEmployer,
    binds,
    employer_key,
    judged,
    same_verdict,
    status_of,
    stricter,
)
from services.intake.event_handlers.advert_index import AdvertIndex, Listing
from services.intake.event_handlers.effect import Effect, Emission
from services.intake.event_handlers.vacancy_needs import stored
from services.intake.opportunity_documents import (
    EMPLOYERS,
    MOST_JUDGED,
    MOST_SOURCES,
    QUESTIONS,
    QuestionDocument,
    StoredOpportunity,
    employer_id,
    with_status,
)
from shared.events import EventType
from shared.events.refusal import Refusal
from shared.events.topics.opportunities import (
    JOB_CLOSED,
    JOB_POSTED,
    JOB_UPDATED,
    OPPORTUNITY_VETTED,
    PROGRAMME_CLOSED,
    PROGRAMME_OPENED,
    PROGRAMME_UPDATED,
    Employer,
    Opportunity,
    Vetting,
)
from shared.kit.base.ids import random_id
from shared.kit.store.unit_of_work import UnitOfWork
from shared.screening.advert_rules import JOB

MOST_QUESTIONS = 4  # that one advert leads to


class Vacancies:
    """Opportunities as they are after the act, in memory until its `effect` is published."""

    def __init__(self, work: UnitOfWork, dependencies: Dependencies) -> None:
        self._work = work
        self._dependencies = dependencies
        today = dependencies.day(work.earliest)  # what has ended has ended by both clocks
        days = dependencies.pack.open_ended_days(today)
        self._calendar = Calendar(today, None if days is None else timedelta(days=days))
        self._index = AdvertIndex(work)
        self._held: dict[str, StoredOpportunity] = {}
        self._new: set[str] = set()
        self._untold: set[str] = set()
        self._moved: dict[str, str] = {}
        self._asked: dict[str, QuestionDocument] = {}

    @property
    def day(self) -> date:
        """On which what an agency says now was heard."""
        return self._calendar.today

    def get(self, id: str) -> StoredOpportunity:
        """An opportunity that exists, as it is by now."""
        held = self._held.get(id) or self._before(id)
        assert held is not None, "a reference without its opportunity"
        return held

    def says(self, source: Source, home: str | None) -> str:
        """Take in what a source says now; of which opportunity it is from here on. `home`: of which it was."""
        there = self._place(source, home)
        if home is not None:  # one that it joins is compared anew once its last day is over, by who looks at those
            self._compare_anew(home)
        return self._moved.get(source.index, there)

    def _place(self, source: Source, home: str | None) -> str:
        """The same; the others of its home are left where they are."""
        before = None if home is None else self.get(home)
        others = () if before is None else tuple(each for each in before.sources if each.index != source.index)
        first = next((each for each in others if self._live(each)), None)
        there, doubtful = home, dict[str, str]()
        leaves = first is not None and (
            self._lists(source.agency, others) or differs(facts_of(source.words), facts_of(first.words))
        )
        word = self._binding(source, before, leaves=leaves)
        if before is not None and first is not None and word not in (None, before.judgement):
            leaves = True  # the others did not say what was held or refused
        if self._live(source) and (leaves or self._asks_anew(source, before, first)):
            there, doubtful = self._same_as(source, before, word)
            if there is None and not leaves:
                there = home
        if there is None:
            there = source.words.opportunity if home is None else random_id()
            self._new.add(there)
        if before is not None and there != before.id:
            self._put(replace(before, sources=others, merged_into=there))
        self._join(source, there, () if before is None or before.id == there else before.apart, word)
        if word is not None and there == home and not any(map(self._live, others)):
            self._put(replace(self.get(there), judgement=word))
        self._ask(there, source.agency, doubtful)
        return there

    def look_again(self, id: str) -> None:
        """At its sources, of which one may have come to its last day, and at what is known of its employer."""
        self._put(self.get(id))
        self._compare_anew(id)

    def judge(self, id: str, judgement: Judgement) -> None:
        """An operator's word on what it says now. That a vacancy was filled says nothing of the next in these words."""
        held = self.get(id)
        remembers = binds(judgement) and judgement.reason != "no-longer-open"
        self._put(replace(held, judgement=judgement, judged=held.judged_now() if remembers else ()))

    def merge(self, first: str, second: str) -> bool:
        """The second's sources are of the first from here on, which keeps its id; False if they cannot be one by now.
        Of two judgements the stricter one holds."""
        one, other = self.get(first), self.get(second)
        both = [{each.agency for each in held.sources if self._live(each)} for held in (one, other)]
        too_many = sum(map(self._live, (*one.sources, *other.sources))) > MOST_SOURCES
        if not all(both) or both[0] & both[1] or too_many or differs(facts_of(one.state), facts_of(other.state)):
            return False
        self._put(replace(other, sources=(), merged_into=first, judged=()))
        marks = separated_vacancies.reconciled(one.apart, other.apart)
        judged = (*one.judged, *other.judged)[-MOST_JUDGED:]
        self._put(replace(one, apart=marks, judgement=stricter(one.judgement, other.judgement), judged=judged))
        for source in other.sources:
            self._join(source, first)
        self._compare_anew(first)
        return True

    def split(self, id: str, index: str) -> str | None:
        """One of its sources is of another vacancy, whatever it says: the id of that one; None if it is the only one.
        What was held or refused stays so."""
        held = self.get(id)
        if len(held.sources) < 2:
            return None
        source, new = held.source(index), random_id()
        self._new.add(new)
        others = tuple(each for each in held.sources if each.index != index)
        here, there = separated_vacancies.sides(random_id())
        self._put(replace(held, sources=others, apart=separated_vacancies.with_marks(held.apart, [here])))
        self._join(source, new, separated_vacancies.with_marks(held.apart, [there]), judgement=held.judgement)
        self._compare_anew(id)
        return new

    def keep_apart(self, first: str, second: str) -> None:
        """Two that an operator said are two: they are not asked about again, whatever they say."""
        for id, side in zip((first, second), separated_vacancies.sides(random_id()), strict=True):
            held = self.get(id)
            self._put(replace(held, apart=separated_vacancies.with_marks(held.apart, [side])))

    def answer(self, id: str) -> dict[str, Any]:
        """What the sender of an advert of this opportunity may know of it."""
        held = self.get(id)
        answer: dict[str, Any] = {"opportunity": id}
        if held.state.vetting is not None:
            answer["vetting"] = held.state.vetting.model_dump(exclude_none=True)
            if held.state.status != "open" and any(map(self._live, held.sources)):
                answer["withheld"] = ["open"]
        return answer

    def effect(self, id: str, *, untold: bool = False) -> Effect:
        """All of it, told: what became of every opportunity, its listing, the references that lead elsewhere now.
        `id`: the one that was spoken of."""
        effect = Effect(self.answer(id), untold=untold)
        if (reason := (self.get(id).state.vetting or _NONE).reason) is not None:
            effect.warnings = (Refusal(f"vetted-{reason}", ""),)
        for id, after in self._held.items():
            before = self._before(id)
            if before is not None and after == before:
                continue
            if id not in self._untold and (before is None or after.state != before.state):
                if before is not None:
                    after = replace(after, sequence=after.sequence + 1)
                kind = told_as(None if before is None else before.state, after.state)
                effect.emitted.append(Emission(kind, id, after.sequence, after.state))
            effect.others.append(after)
        effect.saves += self._index.saves()
        effect.saves += [(REFERENCES, Reference(index, id).document()) for index, id in self._moved.items()]
        effect.saves += [(QUESTIONS.name, dict(each)) for each in self._asked.values()]
        if missed := self._index.not_listed:
            self._work.after_commit(lambda: metrics.adverts_not_compared.of().inc(missed))
        return effect

    def _before(self, id: str) -> StoredOpportunity | None:
        """As it was before the act."""
        return None if id in self._new else stored(id, self._work)

    def _live(self, source: Source) -> bool:
        return self._calendar.live(source)

    def _asks_anew(self, source: Source, before: StoredOpportunity | None, first: Source | None) -> bool:
        """Whether it may be of another vacancy than before: it is not surely that of the others that remain."""
        if not self._is_news(source, before):
            return False
        return first is None or not alike(facts_of(source.words), facts_of(first.words))

    def _is_news(self, source: Source, before: StoredOpportunity | None) -> bool:
        """Whether it is new, was not open, or is compared otherwise now."""
        was = None if before is None else next((each for each in before.sources if each.index == source.index), None)
        return was is None or not self._live(was) or facts_of(source.words) != facts_of(was.words)

    def _binding(self, source: Source, before: StoredOpportunity | None, *, leaves: bool) -> Judgement | None:
        """What an operator held or refused of it, or of another advert of its agency that says what it says now."""
        if before is not None and binds(before.judgement):
            return before.judgement
        if (facts := facts_of(source.words)) is None or not self._live(source) or not self._is_news(source, before):
            return None
        own = None if before is None or leaves else self._judged(before.judgement, source.words.employer)
        if own is not None and own.by_operator:  # it was checked itself
            return None
        but, marks = (None, ()) if before is None else (before.id, before.apart)
        return self._index.binding(facts, source.agency, but, marks)

    def _same_as(
        self, source: Source, before: StoredOpportunity | None, word: Judgement | None
    ) -> tuple[str | None, dict[str, str]]:
        """The opportunity that is of the same vacancy; of two that both are nobody can tell which one it is, nor
        whether an operator's word on where it comes from still holds there. And those that it may be of, if there is
        none, with whose they are."""
        if (facts := facts_of(source.words)) is None:
            return None, {}
        but, marks = (None, ()) if before is None else (before.id, before.apart)
        same, doubtful = self._index.found(facts, source.agency, but, marks)
        same = [id for id in same if self._has_room(self.get(id), source)]
        if len(same) == 1 and self.get(same[0]).may_be_joined(facts, word):
            return same[0], {}
        return None, {**{id: self.get(id).sources[0].agency for id in same}, **doubtful}

    def _has_room(self, held: StoredOpportunity, source: Source) -> bool:
        """Not where its own agency has an open advert already. What is no longer open takes no room."""
        return not self._lists(source.agency, held.sources) and sum(map(self._live, held.sources)) < MOST_SOURCES

    def _lists(self, agency: str, sources: Iterable[Source]) -> bool:
        """Whether it has an open advert among them: who lists two means two."""
        return any(each.agency == agency and self._live(each) for each in sources)

    def _join(self, source: Source, id: str, marks: tuple[str, ...] = (), judgement: Judgement | None = None) -> None:
        """`marks`: what holds of the one that it comes from; `judgement`: of one that is new."""
        held = self._held.get(id) or self._before(id)
        if source.words.opportunity != id:
            source = replace(source, words=source.words.model_copy(update={"opportunity": id}))
        if held is None:
            self._moved[source.index] = id
            sequence = int(id not in self._untold)
            self._put(
                StoredOpportunity(
                    id=id, sequence=sequence, state=source.words, sources=(source,), apart=marks, judgement=judgement
                )
            )
        elif all(each.index != source.index for each in held.sources):
            self._moved[source.index] = id
            self._put(
                replace(held, sources=(*held.sources, source), apart=separated_vacancies.with_marks(held.apart, marks))
            )
            self._make_room(id)
        else:
            sources = tuple(source if each.index == source.index else each for each in held.sources)
            self._put(replace(held, sources=sources))

    def _make_room(self, id: str) -> None:
        """Of more sources than it may have the first that is not open becomes one of its own, closed: nobody is told,
        and its agency's next word leads on from there. What was held or refused stays so."""
        held = self._held[id]
        if len(held.sources) <= MOST_SOURCES:
            return
        gone, new = next(each for each in held.sources if not self._live(each)), random_id()
        self._new.add(new)
        self._untold.add(new)
        self._put(replace(held, sources=tuple(each for each in held.sources if each is not gone)))
        self._join(gone, new, held.apart, judgement=held.judgement)

    def _compare_anew(self, id: str) -> None:
        """Those that cannot be of the vacancy whose words are told now leave it, one by one: whose words those are
        changes by none of that."""
        held = self._held[id]
        self._held[id] = replace(held, ends=self._calendar.ends(held.sources))
        head, *others = held.sources or (None,)
        if head is None or not self._live(head):
            return
        facts = facts_of(head.words)
        for each in others:
            if self._live(each) and differs(facts, facts_of(each.words)):
                self._place(each, id)
        self._look_for_another(id)

    def _look_for_another(self, id: str) -> None:
        """Told in other words than before the act, it may be of the vacancy of another opportunity: it is one with
        that, which keeps its id, where every open source of either is surely of it and the same holds of both by
        their vetting. Else an operator is asked."""
        held, before = self.get(id), self._before(id)
        facts, agency = facts_of(held.state), held.state.owner
        was = None if before is None or before.state.status == "closed" else facts_of(before.state)
        if facts is None or facts == was:
            return
        same, doubtful = self._index.found(facts, agency, id, held.apart)
        others = [self.get(each) for each in same]
        agencies = {each.agency for each in held.sources if self._live(each)}
        others = [each for each in others if agencies.isdisjoint(one.agency for one in each.sources if self._live(one))]
        sure = [one for one in others if same_verdict(held.judgement, one.judgement) and self._surely_one(held, one)]
        if len(others) == len(sure) == 1 and self.merge(sure[0].id, id):
            return
        self._ask(id, agency, {**{each.id: each.sources[0].agency for each in others}, **doubtful})

    def _surely_one(self, one: StoredOpportunity, other: StoredOpportunity) -> bool:
        """Whether each open source of either says the same as what is told of the other one. Not where a last day is
        over whose opportunity nobody has looked at since: who does finds this one."""
        if not all(self._live(held.sources[0]) for held in (one, other)):
            return False
        pairs = [(one.state, other.sources), (other.state, one.sources)]
        return all(
            alike(facts_of(told), facts_of(source.words))
            for told, sources in pairs
            for source in sources
            if self._live(source)
        )

    def _put(self, held: StoredOpportunity) -> None:
        """With its state by all of its sources, and listed where others look for it. Once a last day is over it stays
        to be looked at until its sources are compared anew: what that reads is named by who does it."""
        before = self._held.get(held.id) or self._before(held.id)
        sources = arranged(held.sources, self._calendar)
        is_live = bool(sources) and self._live(sources[0])
        words = sources[0].words if sources else held.state
        judgement = self._judged(held.judgement, words.employer) if sources else held.judgement
        state = with_status(words, status_of(is_live, judgement), None if judgement is None else judgement.told)
        overdue = held.ends is not None and held.ends < self._calendar.today
        ends = held.ends if overdue else self._calendar.ends(sources)
        merged = None if is_live else held.merged_into
        after = replace(held, sources=sources, state=state, judgement=judgement, ends=ends, merged_into=merged)
        if after.judged:
            after = replace(after, judged=tuple(each.said_by(sources) for each in after.judged))
        if (was := Listing.of(before)) != (now := Listing.of(after)):
            self._index.listed(held.id, was, now)
        self._held[held.id] = after

    def _judged(self, held: Judgement | None, employer: Employer | None) -> Judgement | None:
        key = employer_key(employer)
        entry = EMPLOYERS.get(self._work, employer_id(key), shared=True) if key else None
        fits = not self._dependencies.hold_wrong_numbers or self._dependencies.pack.employer_number_fits(key or "")
        listed = None if entry is None else ListedEmployer.kept_in(entry)
        return judged(held, key, listed, number_fits=fits or not key, now=self._work.trusted)

    def _ask(self, id: str, agency: str, doubtful: dict[str, str]) -> None:
        """That an operator should look at these pairs."""
        for other, owner in list(doubtful.items())[:MOST_QUESTIONS]:
            question = self._dependencies.ids.derived("question", *sorted((id, other)))
            self._asked[question] = QuestionDocument(
                _id=question,
                opportunities=[other, id],
                agencies=[owner, agency],
                at=self._work.trusted,
                answer=None,
                by=None,
                answered=None,
            )


_NONE = Vetting(verdict="checked")


def told_as(before: Opportunity | None, after: Opportunity) -> EventType:
    """By what became of it; what was never open and is closed from its first word on is told as closed."""
    if after.vetting != (None if before is None else before.vetting) or after.status == "held":
        return OPPORTUNITY_VETTED
    posted, updated, closed = (
        (JOB_POSTED, JOB_UPDATED, JOB_CLOSED)
        if after.kind == JOB
        else (PROGRAMME_OPENED, PROGRAMME_UPDATED, PROGRAMME_CLOSED)
    )
    if after.status != "open":
        return closed
    return updated if before is not None and before.status == "open" else posted
