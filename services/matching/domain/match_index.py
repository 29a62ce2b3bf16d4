"""The matching engine: an in-memory index of both sides, kept up to date change by change. Long work comes in slices.
Once nothing is waiting it holds exactly the matches that docs/matching.md defines (verification/oracle proves it)."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from services.matching.domain.assessment import DIGITS, Assessment, assess, check_weights
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns.pairs import Pairs
from services.matching.domain.columns.rows import Held
from services.matching.domain.columns.scores import Scored
from services.matching.domain.columns.values import UNIT
from services.matching.domain.congestion import Congestion, next_day
from services.matching.domain.diversification import Candidate, Pool, bounds, candidates, chosen, crowd_of
from services.matching.domain.opening_facts import Crowd, OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.shortlist import Entry, RankKey, Shortlist
from services.matching.domain.shortlists import Shortlists
from shared.reference import Pack

RESERVE = 20

Pair = tuple[str, str]
"""Person, opportunity."""

Slices = Generator[None, None, None]
"""Work in slices of some milliseconds: it goes on at each `next`, and is done when it stops."""


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
    """People who take part and openings that take people, in packed columns (`Pairs`), and everybody's `Shortlists`.

    It is told only of what is committed, so nothing is ever undone. Who left, whose consent is over, what was closed
    and what has ended is not held: no later day changes that, only another event does. So the day only goes forward.
    Memory: the facts of both sides, their numbers, and at most a pool and a reserve for each person, whatever arrives.
    Time per change: one look at the columns of the other side, in one piece: some milliseconds with a million there.
    """

    def __init__(self, pack: Pack, today: date, reserve: int = RESERVE) -> None:
        check_weights(pack)
        self._pool = pack.matching.chosen_from
        self._shown = pack.matching.best_of_opportunity
        self._most = self._pool + reserve
        self._bounds = bounds(pack.matching, self._twins)
        self._pairs = Pairs(AssessmentContext(pack, today))
        self._people, self._openings = self._pairs.people, self._pairs.openings
        self._lists = Shortlists(self._people)
        self.congestion: Congestion | None = None

    # --- what is held

    @property
    def today(self) -> date:
        """The day on which pairs are assessed."""
        return self._pairs.context.today

    @property
    def context_key(self) -> str:
        """What of the day decides about pairs: as long as it is the same, every score is."""
        return self._pairs.context.key

    def people(self) -> Iterable[str]:
        """The ids of all people held."""
        return tuple(self._people)

    def sizes(self) -> tuple[int, int]:
        """How many people and openings are held."""
        return len(self._people), len(self._openings)

    def has_opening(self, opening: str) -> bool:
        """Whether this opening is held."""
        return opening in self._openings

    def has_person(self, person: str) -> bool:
        """Whether this person is held."""
        return person in self._people

    def person_revision(self, person: str) -> int | None:
        """Which change of the person is held; None when they are not."""
        held = self._people.get(person)
        return None if held is None else held.revision

    def revisions(self, person: str, opening: str) -> Revisions | None:
        """On what this pair is assessed; None when one of the two is not held."""
        one, other = self._people.get(person), self._openings.get(opening)
        return None if one is None or other is None else Revisions(one.revision, other.revision, self.context_key)

    def set_day(self, today: date) -> DayChange:
        """From now on this day, a later one. The caller removes what it ends, and scans everybody when it says so."""
        before = self.context_key
        self._pairs.set_context(self._pairs.context.on(today))
        change = DayChange(self._people.ended(today), self._openings.ended(today))
        if self.context_key != before:
            change.rescan_all = True
            self._lists.clear()
        return change

    def set_congestion(self, table: Congestion) -> None:
        """From now on this table; everybody's choice may be another, nobody's pool is."""
        self.congestion = table
        self._pairs.context.crowded = table.prices

    def next_congestion(self) -> Generator[None, None, Congestion]:
        """The table for today by the pools of all people as they are now, in slices; it is not in force by that. The
        first one is empty."""
        data, before = self._pairs.context.pack.matching, self.congestion
        if before is None:
            return Congestion(self.today, {})
        pools = (self._candidates(person) for person in tuple(self._people))
        return (yield from next_day(before, pools, len(self._openings), data, self.today))

    # --- changes

    def put_person(self, facts: PersonFacts, revision: int) -> bool:
        """A person is new or changed; whether they take part. Who does is to be scanned."""
        self.remove_person(facts.id)
        if facts.takes_part(self.today):
            self._pairs.put_person(facts, revision)
            return True
        return False

    def remove_person(self, person: str) -> None:
        """Forget a person."""
        self._lists.remove(person)
        self._people.remove(person)

    def put_opening(self, facts: OpeningFacts, revision: int, chunk: int = 0) -> bool:
        """An opening is new or changed; whether it takes people. What does is to be scanned at once. ``chunk``: of the
        snapshot that it was read from."""
        if facts.takes_people(self.today):
            self._pairs.put_opening(facts, revision, chunk)
            return True
        return False

    def remove_opening(self, opening: str) -> list[str]:
        """Forget an opening; the people on whose list it was."""
        self._openings.remove(opening)
        return self._lists.drop(opening)

    def scan_person(self, person: str) -> Slices:
        """Look at all openings for one person; they have their list when this has ended, unless they changed."""
        held = self._people.get(person)
        if held is None:
            return
        found = Shortlist(self._most, self._bounds)
        scored = self._pairs.of_person(held, best=self._most + 1)  # the first that is left out is known as well
        found.fill(self._entry(held.facts, opening, score) for opening, score in self._best_first(scored))
        self._lists.set(person, found)
        yield

    def scan_opening(self, opening: str, dirty_lists: list[str], best: list[RankKey]) -> Slices:
        """Look at all people for one opening: whose list is another then, and who fits it best (minus score, person).

        No other opening is changed in between; people may come, go and change, and closing it ends this."""
        held = self._openings.get(opening)
        if held is None:
            return
        scored = self._pairs.of_opening(held, entering=True, shown=self._shown)
        on_list = set[str]()
        for row, score in self._lists.entered(scored):
            on_list.add(person := self._people.id_of(row))
            if self._lists.put(person, self._entry(self._people[person].facts, held.facts, score)):
                dirty_lists.append(person)
        left = sorted(self._lists.holders(opening) - on_list)  # what did not enter is no longer where it was
        dirty_lists.extend(left)
        for person in left:
            self._lists.drop_of(person, opening)
        best.extend(heapq.nsmallest(self._shown, self._fitting(scored)))
        yield

    def _fitting(self, scored: Scored) -> Iterable[RankKey]:
        """Those who fit best: minus their fit, and the person."""
        rows, fits = scored.rows, scored.fits
        if len(fits) > self._shown:
            near = fits >= np.partition(fits, -self._shown)[-self._shown] - 1 / UNIT  # before they are rounded
            rows, fits = rows[near], fits[near]
        for row, fit in zip(rows.tolist(), fits.tolist(), strict=True):
            yield -round(fit, DIGITS), self._people.id_of(row)

    # --- what stands

    def is_complete(self, person: str) -> bool:
        """Whether the best of this person are known; else a scan finds them."""
        own = self._lists.get(person)
        return own is not None and own.enough(self._pool)

    def best(self, person: str) -> list[str]:
        """The openings that stand as matches of this person, best first."""
        if not (pool := self._pool_of(person)):
            return []
        return [one.id for one in chosen(self._people[person].facts, pool, self._pairs.context)]

    def admitted(self, person: str, openings: Iterable[str]) -> set[str]:
        """Those of these openings that somebody may match at all, at or above the threshold, as they are now."""
        held, own = self._people.get(person), self._lists.get(person)
        if held is None:
            return set()
        found = {id for id in openings if id in self._openings}
        others = [id for id in found if own is None or id not in own]  # what is on a list may match
        if others:
            scored = self._pairs.of_person(held, np.array([self._openings[id].row for id in others]))
            found.difference_update(others)
            found.update(self._openings.id_of(row) for row in scored.rows.tolist())
        return found

    def explain(self, pair: Pair) -> Assessment:
        """Everything about a pair of two that are held. KeyError otherwise."""
        return assess(self._people[pair[0]].facts, self._openings[pair[1]].facts, self._pairs.context)

    # --- lists that were stored

    def list_of(self, person: str) -> tuple[int, Shortlist] | None:
        """The list of a person and the revision of the person that it is for."""
        own, held = self._lists.get(person), self._people.get(person)
        return None if own is None or held is None else (held.revision, own)

    def restore_list(self, person: str, entries: Iterable[tuple[str, float]], cutoff: RankKey | None) -> None:
        """Take a stored list in place of a scan; the caller knows that it is of this revision of the person and this
        context, and was right for the openings that are held. Of what went, or waits as something else, nobody knows
        here what else it kept off the list."""
        facts, known = self._people[person].facts, list[Entry]()
        for id, score in entries:
            if (held := self._openings.get(id)) is not None:
                known.append(self._entry(facts, held.facts, score))
            else:
                cutoff = min((-score, id), cutoff or (0.0, id))
        self._lists.set(person, Shortlist(self._most, self._bounds, known, cutoff))

    # --- a snapshot of the openings, in chunks

    def in_no_chunk(self, most: int) -> list[Held[OpeningFacts]]:
        """Openings that no chunk holds as they are now; so many, or none where there are fewer."""
        rows = np.flatnonzero(self._openings.taken & (self._openings.chunks == 0))[:most]
        return [self._openings[self._openings.id_of(row)] for row in rows.tolist()] if len(rows) == most else []

    def now_in_chunk(self, openings: Iterable[Held[OpeningFacts]], chunk: int) -> None:
        """This chunk holds them as they are now."""
        self._openings.chunks[[held.row for held in openings]] = chunk

    def forget_chunk(self, chunk: int) -> None:
        """There is no such chunk any more."""
        self._openings.chunks[self._openings.chunks == chunk] = 0

    def count_by_chunk(self) -> list[int]:
        """By chunk, how many openings it holds as they are now."""
        counts: list[int] = np.bincount(self._openings.chunks[self._openings.taken]).tolist()
        return counts

    # --- how it is done

    def _pool_of(self, person: str) -> Pool:
        """What the matches of this person are chosen from, best first."""
        own = self._lists.get(person)
        if own is None:
            return []
        return [(self._openings[entry.id].facts, entry.score) for entry in islice(own.entries(), self._pool)]

    def _candidates(self, person: str) -> Sequence[Candidate]:
        """What of it may stand; nobody by this id has nothing."""
        pool = self._pool_of(person)
        return candidates(self._people[person].facts, pool, self._pairs.context) if pool else ()

    def _entry(self, person: PersonFacts, opening: OpeningFacts, score: float) -> Entry:
        return Entry(opening.id, score, crowd_of(person, opening, self._pairs.context))

    def _twins(self, opening: str, crowd: Crowd) -> int:
        """How many other openings that are held are nearly the same."""
        held = self._openings.get(opening)
        itself = held is not None and held.facts.crowd.alike == crowd.alike
        return self._pairs.alike(crowd) - itself

    def _best_first(self, scored: Scored) -> Iterator[tuple[OpeningFacts, float]]:
        """With their scores, in their order, the first few of those that are nearly the same."""
        order, seen = np.argsort(-scored.scores, kind="stable"), Counter[tuple[str, ...]]()
        ranked = zip(scored.scores[order].tolist(), scored.rows[order].tolist(), strict=True)
        for score, group in groupby(ranked, itemgetter(0)):
            for id in sorted(self._openings.id_of(row) for _, row in group):
                if seen[(facts := self._openings[id].facts).crowd.alike] < self._bounds.of_alike:
                    seen[facts.crowd.alike] += 1
                    yield facts, score / UNIT
