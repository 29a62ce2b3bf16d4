"""The plain engine, kept up to date change by change, in slices. Once nothing is waiting it says what
`matcher.matches_of` would say."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import date

from services.matching.domain.assessment import Assessment, assess, check_weights, verdict_of
from services.matching.domain.core import Revisions, Slices, Turn
from services.matching.domain.matcher import Pair, Standing, standing
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.scoring import OpeningSide, PersonSide, Scoring
from services.matching.domain.shortlist import Place, Shortlist
from services.matching.domain.terms import Terms
from shared.reference import Pack

RESERVE = 30
PAIRS_AT_ONCE = 64  # so many pairs are looked at between two looks at the clock: one to two milliseconds


class Index:
    """People who take part, openings that take people, and of each person a `Shortlist`. A `core.ScoringCore`.

    Nothing here is undone: it is told only of what is committed. Who left, whose consent is over, what was closed and
    what has ended is not held: no later day changes that, only another event does. So the day only goes forward.
    Memory: the facts of both sides, and at most best and reserve for each person, whatever arrives. Time per change:
    one score for each thing on the other side, in slices between which others may go on (and closing and leaving may
    happen: a scan knows what went in the meantime).
    """

    def __init__(self, pack: Pack, today: date, reserve: int = RESERVE) -> None:
        check_weights(pack)
        self._pack = pack
        self._best = pack.matching.best_of_person
        self._shown = pack.matching.best_of_opportunity
        self._most = self._best + reserve
        self._scoring = Scoring(Terms(pack, today))
        self._people: dict[str, PersonSide] = {}
        self._openings: dict[str, OpeningSide] = {}
        self._lists: dict[str, Shortlist] = {}

    # --- what is held

    @property
    def today(self) -> date:
        """The day on which pairs are assessed."""
        return self._scoring.terms.today

    @property
    def terms(self) -> str:
        """What of the day decides about pairs: as long as it is the same, every score is."""
        return self._scoring.terms.key

    def people(self) -> Iterable[str]:
        """The ids of all people held."""
        return tuple(self._people)

    def openings(self) -> int:
        """How many opportunities are held."""
        return len(self._openings)

    def holds(self, opening: str) -> bool:
        """Whether this opening is held."""
        return opening in self._openings

    def takes_part(self, person: str) -> bool:
        """Whether this person is held."""
        return person in self._people

    def person_revision(self, person: str) -> int | None:
        """Which change of the person is held; None when they are not."""
        side = self._people.get(person)
        return None if side is None else side.revision

    def revisions(self, person: str, opening: str) -> Revisions | None:
        """On what this pair is assessed; None when one of the two is not held."""
        one, other = self._people.get(person), self._openings.get(opening)
        return None if one is None or other is None else Revisions(one.revision, other.revision, self.terms)

    def set_day(self, today: date) -> Turn:
        """From now on this day, a later one; drop what it ends, and scan everybody if its terms are others."""
        turn, before = Turn(), self.terms
        terms = self._scoring.terms.on(today)
        self._scoring = Scoring(terms)
        turn.people = [id for id, one in self._people.items() if not one.facts.takes_part(today)]
        turn.openings = [id for id, one in self._openings.items() if not one.facts.takes_people(today)]
        if terms.key != before:
            turn.anew = True
            self._people = {id: self._scoring.person(one.facts, one.revision) for id, one in self._people.items()}
            self._openings = {id: self._scoring.opening(one.facts, one.revision) for id, one in self._openings.items()}
            self._lists.clear()
        return turn

    # --- changes

    def hold_person(self, facts: PersonFacts, revision: int) -> bool:
        """A person is new or changed; whether they take part. Who does is to be scanned."""
        self.drop_person(facts.id)
        if facts.takes_part(self.today):
            self._people[facts.id] = self._scoring.person(facts, revision)
            return True
        return False

    def drop_person(self, person: str) -> None:
        """Forget a person."""
        self._people.pop(person, None)
        self._lists.pop(person, None)

    def hold_opening(self, facts: OpeningFacts, revision: int) -> bool:
        """An opening is new or changed; whether it takes people. What does is to be scanned at once."""
        if facts.takes_people(self.today):
            self._openings[facts.id] = self._scoring.opening(facts, revision)
            return True
        return False

    def drop_opening(self, opening: str) -> list[str]:
        """Forget an opening; the people on whose list it was."""
        if self._openings.pop(opening, None) is None:
            return []
        return [id for id, each in self._lists.items() if each.drop(opening)]

    def scan_person(self, person: str) -> Slices:
        """Look at all openings for one person; they have their list when this has ended, unless they changed."""
        side = self._people.get(person)
        if side is None:
            return
        found, score = Shortlist(self._most), self._scoring.score
        for number, opening in enumerate(tuple(self._openings.values()), 1):
            if (scored := score(side, opening)) is not None:
                found.put(opening.facts.id, scored)
            if number % PAIRS_AT_ONCE == 0:
                yield
                if self._people.get(person) is not side:
                    return
        for id, _ in tuple(found.entries()):  # closed in the meantime
            if id not in self._openings:
                found.drop(id)
        self._lists[person] = found

    def scan_opening(self, opening: str, touched: list[str], best: list[Place]) -> Slices:
        """Look at all people for one opening: whose list is another then, and who fits it best (minus score, person).

        No other opening is changed in between; people may come, go and change, and closing it ends this."""
        side = self._openings.get(opening)
        if side is None:
            return
        found: list[Place] = []
        score, lists = self._scoring.score, self._lists
        for number, person in enumerate(tuple(self._people.values()), 1):
            id = person.facts.id
            scored = score(person, side)
            if scored is not None:
                found.append((-scored, id))
            if (own := lists.get(id)) is not None and own.put(opening, scored):
                touched.append(id)
            if number % PAIRS_AT_ONCE == 0:
                if len(found) > 4 * PAIRS_AT_ONCE:
                    found = heapq.nsmallest(self._shown, found)
                yield
                if self._openings.get(opening) is not side:
                    return
        best.extend(heapq.nsmallest(self._shown, found))

    # --- what stands

    def known(self, person: str) -> bool:
        """Whether the best of this person are known; else a scan tells."""
        own = self._lists.get(person)
        return own is not None and own.enough(self._best)

    def best(self, person: str) -> list[str]:
        """The openings that stand as matches of this person, best first."""
        own = self._lists.get(person)
        return [] if own is None else own.best(self._best)

    def admits(self, person: str, opening: str) -> bool:
        """Whether a pair may match at all, at or above the threshold, as both are now."""
        one, other = self._people.get(person), self._openings.get(opening)
        return one is not None and other is not None and self._scoring.score(one, other) is not None

    def standing(self, person: str) -> Iterator[tuple[Pair, Standing]]:
        """The matches of a person as they stand now."""
        for rank, opening in enumerate(self.best(person), 1):
            facts = self._people[person].facts, self._openings[opening].facts
            verdict = verdict_of(*facts, self._scoring.terms)
            assert verdict is not None, "what is listed may match"
            yield (person, opening), standing(verdict, rank, self._pack)

    def explain(self, pair: Pair) -> Assessment:
        """Everything about a pair of two that are held. KeyError otherwise."""
        return assess(self._people[pair[0]].facts, self._openings[pair[1]].facts, self._scoring.terms)

    # --- lists that were kept

    def list_of(self, person: str) -> tuple[int, Shortlist] | None:
        """The list of a person and the revision of the person that it is for."""
        own, side = self._lists.get(person), self._people.get(person)
        return None if own is None or side is None else (side.revision, own)

    def take_list(self, person: str, entries: Iterable[tuple[str, float]], floor: Place | None) -> None:
        """Put a kept list in place of a scan; entries that are not held are left out. Whoever does this knows that it
        is of this person and these terms, and was right for the openings that are held."""
        held = ((id, score) for id, score in entries if id in self._openings)
        self._lists[person] = Shortlist(self._most, held, floor)
