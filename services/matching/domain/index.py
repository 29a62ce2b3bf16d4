"""The plain engine, kept up to date change by change. At every moment it says what `matcher.matches_of` would say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from services.matching.domain.assessment import Assessment, Verdict, assess, check_weights, verdict_of
from services.matching.domain.journal import Journal
from services.matching.domain.matcher import Pair, Standing, standing
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import PersonFacts, person_facts
from services.matching.domain.ranking import Ranking
from services.matching.domain.terms import Terms
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack


class Index:
    """Verdicts of all pairs that may match, ranked for each person. A `core.ScoringCore`.

    Who left, what was closed and what has ended is not held: no later day changes that, only another event does. So
    the day only goes forward; for an earlier one make another index.
    Memory: one verdict for every pair at or above the threshold, kept or not, so that the next best takes over at once
    when one goes. Time per change: one verdict for each thing on the other side.
    """

    def __init__(self, pack: Pack, today: date) -> None:
        check_weights(pack)
        self._pack = pack
        self._terms = Terms(pack, today)
        self._people: dict[str, PersonFacts] = {}
        self._openings: dict[str, OpeningFacts] = {}
        self._verdicts: dict[Pair, Verdict] = {}
        self._of_person: dict[str, Ranking] = {}
        self._kept: dict[Pair, None] = {}
        self._journal = Journal()

    @property
    def today(self) -> date:
        """The day on which pairs are assessed."""
        return self._terms.today

    def set_day(self, today: date) -> None:
        """From now on assess on this day, a later one; `reassess` every person then, and `drop_ended`."""
        self._journal.record(setattr, self, "_terms", self._terms)
        self._terms = self._terms.on(today)

    def people(self) -> Iterable[str]:
        """The ids of all people held."""
        return tuple(self._people)

    def put_person(self, person: Person) -> set[Pair]:
        """A person is new or changed."""
        facts = person_facts(person, self._pack)
        if not facts.active:
            return self.drop_person(facts.id)
        self._journal.put(self._people, facts.id, facts)
        return self.reassess(facts.id)

    def drop_person(self, person: str) -> set[Pair]:
        """Forget a person."""
        self._journal.drop(self._people, person)
        ranking = self._of_person.get(person)
        return self._apply({(person, opening): None for opening in ranking or ()})

    def reassess(self, person: str) -> set[Pair]:
        """Assess a person again; nothing when not held (any more)."""
        facts = self._people.get(person)
        if facts is None:
            return set()
        return self._apply({(person, one.id): self._verdict(facts, one) for one in self._openings.values()})

    def put_opportunity(self, opportunity: Opportunity) -> set[Pair]:
        """An opportunity is new or changed."""
        facts = opening_facts(opportunity, self._pack)
        if not facts.takes_people(self.today):
            return self.drop_opportunity(facts.id)
        self._journal.put(self._openings, facts.id, facts)
        return self._apply({(one.id, facts.id): self._verdict(one, facts) for one in self._people.values()})

    def drop_opportunity(self, opportunity: str) -> set[Pair]:
        """Forget an opportunity."""
        self._journal.drop(self._openings, opportunity)
        pairs = [(person, opportunity) for person in self._people]
        return self._apply({pair: None for pair in pairs if pair in self._verdicts})

    def drop_ended(self) -> set[Pair]:
        """Forget every opportunity whose last day is over. Once everybody is reassessed that changes no pair."""
        ended = [one.id for one in self._openings.values() if not one.takes_people(self.today)]
        return set().union(*(self.drop_opportunity(id) for id in ended))

    def openings(self) -> int:
        """How many opportunities are held: each is looked at whenever a person changes."""
        return len(self._openings)

    def standing(self, pair: Pair) -> Standing | None:
        """The match of a pair as it is kept now, with its ranks."""
        if pair not in self._kept:
            return None
        verdict = self._verdicts[pair]
        rank = self._of_person[pair[0]].rank(verdict.score, pair[1])
        assert rank is not None, "what is kept is among the best"
        return standing(verdict, rank, self._pack)

    def kept(self) -> Iterable[Pair]:
        """All pairs that are kept now."""
        return tuple(self._kept)

    def explain(self, pair: Pair) -> Assessment:
        """Everything about a pair of two that are held."""
        return assess(self._people[pair[0]], self._openings[pair[1]], self._terms)

    # --- a view of the store

    def mark(self) -> int:
        """A point to go back to."""
        return self._journal.mark()

    def undo(self, mark: object) -> None:
        """Take back everything since the mark."""
        assert isinstance(mark, int)
        self._journal.undo(mark)

    def committed(self) -> None:
        """What was done is now true."""
        self._journal.forget()

    def aborted(self) -> None:
        """Nothing since the last commit is true."""
        self._journal.undo()

    # --- how it is done

    def _verdict(self, person: PersonFacts, opening: OpeningFacts) -> Verdict | None:
        verdict = verdict_of(person, opening, self._terms)
        return verdict if verdict is not None and verdict.score >= self._pack.matching.threshold else None

    def _apply(self, verdicts: dict[Pair, Verdict | None]) -> set[Pair]:
        """Put new verdicts in place; the pairs that came, went, or are kept with what may be another verdict."""
        moved = {pair: new for pair, new in verdicts.items() if new != self._verdicts.get(pair)}
        rankings = {person: self._ranking(person) for person, _ in moved}
        before = {person: set(ranking.best()) for person, ranking in rankings.items()}
        for pair, new in moved.items():
            self._replace(pair, new)
        changed = {pair for pair in verdicts if pair in self._kept}
        for person, ranking in rankings.items():
            after = set(ranking.best())
            for opening in before[person] - after:
                self._journal.drop(self._kept, (person, opening))
            for opening in after - before[person]:
                self._journal.put(self._kept, (person, opening), None)
            changed |= {(person, opening) for opening in before[person] ^ after}
        return changed

    def _ranking(self, person: str) -> Ranking:
        # an empty ranking says nothing, so making one needs no undo
        if person not in self._of_person:
            self._of_person[person] = Ranking(self._pack.matching.best_of_person)
        return self._of_person[person]

    def _replace(self, pair: Pair, new: Verdict | None) -> None:
        person, opening = pair
        old = self._verdicts.get(pair)
        ranking = self._of_person[person]
        if old is not None:
            ranking.remove(old.score, opening)
            self._journal.record(ranking.add, old.score, opening)
        if new is not None:
            ranking.add(new.score, opening)
            self._journal.record(ranking.remove, new.score, opening)
        if new is None:
            self._journal.drop(self._verdicts, pair)
        else:
            self._journal.put(self._verdicts, pair, new)
