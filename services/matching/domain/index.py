"""The matching engine: an in-memory index of both sides, kept up to date change by change. Long work comes in slices.
Once nothing is waiting it holds exactly the matches that docs/matching.md defines (verification/oracle proves it)."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from services.matching.domain.assessment import Assessment, assess, check_weights
from services.matching.domain.context import AssessmentContext
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.scoring import PreparedOpening, PreparedPerson, Scoring
from services.matching.domain.shortlist import RankKey, Shortlist
from services.matching.domain.variety import chosen
from shared.reference import Pack

RESERVE = 20
PAIRS_AT_ONCE = 64  # so many pairs are looked at between two looks at the clock: one to two milliseconds


Pair = tuple[str, str]
"""Person, opportunity."""

Slices = Generator[None, None, None]
"""Work in slices of one or two milliseconds: it goes on at each `next`, and is done when it stops."""


class Revisions(NamedTuple):
    """Which change of the person and which of the opening a pair was assessed on, and the context's key."""

    person: int
    opening: int
    context: str


@dataclass(slots=True)
class DayChange:
    """What a new day ends: people whose consent is over, openings whose last day is. ``rescan_all``: the context is
    another, so that nobody's list is right any more."""

    people: list[str] = field(default_factory=list)
    openings: list[str] = field(default_factory=list)
    rescan_all: bool = False


class MatchIndex:
    """People who take part, openings that take people, and of each person a `Shortlist`.

    It is told only of what is committed, so nothing is ever undone. Who left, whose consent is over, what was closed
    and what has ended is not held: no later day changes that, only another event does. So the day only goes forward.
    Memory: the facts of both sides, and at most a pool and a reserve for each person, whatever arrives. Time per
    change: one score for each thing on the other side. One scan runs at a time; between its slices people may change,
    come and go and openings may go (the scan notices), but no opening may come or change.
    """

    def __init__(self, pack: Pack, today: date, reserve: int = RESERVE) -> None:
        check_weights(pack)
        self._pool = pack.matching.chosen_from
        self._shown = pack.matching.best_of_opportunity
        self._most = self._pool + reserve
        self._scoring = Scoring(AssessmentContext(pack, today))
        self._people: dict[str, PreparedPerson] = {}
        self._openings: dict[str, PreparedOpening] = {}
        self._lists: dict[str, Shortlist] = {}

    # --- what is held

    @property
    def today(self) -> date:
        """The day on which pairs are assessed."""
        return self._scoring.context.today

    @property
    def context_key(self) -> str:
        """What of the day decides about pairs: as long as it is the same, every score is."""
        return self._scoring.context.key

    def people(self) -> Iterable[str]:
        """The ids of all people held."""
        return tuple(self._people)

    def openings(self) -> int:
        """How many opportunities are held."""
        return len(self._openings)

    def has_opening(self, opening: str) -> bool:
        """Whether this opening is held."""
        return opening in self._openings

    def has_person(self, person: str) -> bool:
        """Whether this person is held."""
        return person in self._people

    def person_revision(self, person: str) -> int | None:
        """Which change of the person is held; None when they are not."""
        prepared = self._people.get(person)
        return None if prepared is None else prepared.revision

    def revisions(self, person: str, opening: str) -> Revisions | None:
        """On what this pair is assessed; None when one of the two is not held."""
        one, other = self._people.get(person), self._openings.get(opening)
        return None if one is None or other is None else Revisions(one.revision, other.revision, self.context_key)

    def set_day(self, today: date) -> DayChange:
        """From now on this day, a later one. The caller removes what it ends, and scans everybody when it says so."""
        change, before = DayChange(), self.context_key
        context = self._scoring.context.on(today)
        self._scoring = Scoring(context)
        change.people = [id for id, one in self._people.items() if not one.facts.takes_part(today)]
        change.openings = [id for id, one in self._openings.items() if not one.facts.takes_people(today)]
        if context.key != before:
            change.rescan_all = True
            self._people = {id: self._scoring.person(one.facts, one.revision) for id, one in self._people.items()}
            self._openings = {id: self._scoring.opening(one.facts, one.revision) for id, one in self._openings.items()}
            self._lists.clear()
        return change

    # --- changes

    def put_person(self, facts: PersonFacts, revision: int) -> bool:
        """A person is new or changed; whether they take part. Who does is to be scanned."""
        self.remove_person(facts.id)
        if facts.takes_part(self.today):
            self._people[facts.id] = self._scoring.person(facts, revision)
            return True
        return False

    def remove_person(self, person: str) -> None:
        """Forget a person."""
        self._people.pop(person, None)
        self._lists.pop(person, None)

    def put_opening(self, facts: OpeningFacts, revision: int) -> bool:
        """An opening is new or changed; whether it takes people. What does is to be scanned at once."""
        if facts.takes_people(self.today):
            self._openings[facts.id] = self._scoring.opening(facts, revision)
            return True
        return False

    def remove_opening(self, opening: str) -> list[str]:
        """Forget an opening; the people on whose list it was."""
        if self._openings.pop(opening, None) is None:
            return []
        return [id for id, each in self._lists.items() if each.drop(opening)]

    def scan_person(self, person: str) -> Slices:
        """Look at all openings for one person; they have their list when this has ended, unless they changed."""
        prepared = self._people.get(person)
        if prepared is None:
            return
        found, score = Shortlist(self._most), self._scoring.score
        for number, opening in enumerate(tuple(self._openings.values()), 1):
            if (scored := score(prepared, opening)) is not None:
                found.put(opening.facts.id, scored.total)
            if number % PAIRS_AT_ONCE == 0:
                yield
                if self._people.get(person) is not prepared:
                    return
        for id, _ in tuple(found.entries()):  # closed in the meantime
            if id not in self._openings:
                found.drop(id)
        self._lists[person] = found

    def scan_opening(self, opening: str, dirty_lists: list[str], best: list[RankKey]) -> Slices:
        """Look at all people for one opening: whose list is another then, and who fits it best (minus score, person).

        No other opening is changed in between; people may come, go and change, and closing it ends this."""
        prepared = self._openings.get(opening)
        if prepared is None:
            return
        found: list[RankKey] = []
        score, lists = self._scoring.score, self._lists
        for number, person in enumerate(tuple(self._people.values()), 1):
            id = person.facts.id
            scored = score(person, prepared)
            if scored is not None:
                found.append((-scored.fit, id))
            if (own := lists.get(id)) is not None and own.put(opening, None if scored is None else scored.total):
                dirty_lists.append(id)
            if number % PAIRS_AT_ONCE == 0:
                if len(found) > 4 * PAIRS_AT_ONCE:
                    found = heapq.nsmallest(self._shown, found)
                yield
                if self._openings.get(opening) is not prepared:
                    return
        best.extend(heapq.nsmallest(self._shown, found))

    # --- what stands

    def is_complete(self, person: str) -> bool:
        """Whether the best of this person are known; else a scan finds them."""
        own = self._lists.get(person)
        return own is not None and own.enough(self._pool)

    def best(self, person: str) -> list[str]:
        """The openings that stand as matches of this person, best first."""
        own = self._lists.get(person)
        if own is None:
            return []
        ranked = [self._openings[id].facts for id in own.best(self._pool)]
        return [one.id for one in chosen(self._people[person].facts, ranked, self._scoring.context)]

    def admits(self, person: str, opening: str) -> bool:
        """Whether a pair may match at all, at or above the threshold, as both are now."""
        one, other = self._people.get(person), self._openings.get(opening)
        return one is not None and other is not None and self._scoring.score(one, other) is not None

    def explain(self, pair: Pair) -> Assessment:
        """Everything about a pair of two that are held. KeyError otherwise."""
        return assess(self._people[pair[0]].facts, self._openings[pair[1]].facts, self._scoring.context)

    # --- lists that were stored

    def list_of(self, person: str) -> tuple[int, Shortlist] | None:
        """The list of a person and the revision of the person that it is for."""
        own, prepared = self._lists.get(person), self._people.get(person)
        return None if own is None or prepared is None else (prepared.revision, own)

    def restore_list(self, person: str, entries: Iterable[tuple[str, float]], cutoff: RankKey | None) -> None:
        """Take a stored list in place of a scan; entries that are not held are left out. The caller knows that it is of
        this revision of the person and this context, and was right for the openings that are held."""
        held = ((id, score) for id, score in entries if id in self._openings)
        self._lists[person] = Shortlist(self._most, held, cutoff)
