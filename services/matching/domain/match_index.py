"""The matching engine: an in-memory index of both sides, kept up to date change by change.
Once nothing is waiting it holds exactly the matches that docs/matching.md defines (verification/oracle proves it)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np

from services.matching.domain.assessment import DIGITS, Assessment, assess, check_weights
from services.matching.domain.assessment_context import AssessmentContext
from services.matching.domain.columns.pairs import Pairs
from services.matching.domain.columns.rows import Held, Rowset
from services.matching.domain.columns.scores import Scored
from services.matching.domain.columns.values import UNIT
from services.matching.domain.congestion import Congestion, next_day
from services.matching.domain.diversification import Candidate, Known, Pool, bounds, candidates, chosen
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.shortlists import UNKNOWN, RankKey, Shortlist, Shortlists
from shared.reference import Pack

RESERVE = 20

Pair = tuple[str, str]
"""Person, opportunity."""


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
        pack = pack.on(today)
        check_weights(pack)
        self._pool = pack.matching.chosen_from
        self._shown = pack.matching.best_of_opportunity
        self._most = self._pool + reserve
        self._pairs = Pairs(AssessmentContext(pack, today))
        self._people, self._openings = self._pairs.people, self._pairs.openings
        self._lists = Shortlists(self._most, bounds(pack.matching))
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
        """From now on this day, a later one of the same model. The caller removes what it ends, and scans everybody
        when it says so."""
        before = self.context_key
        self._pairs.set_context(self._pairs.context.on(today))
        change = DayChange(self._people.ended(today), self._openings.ended(today))
        if self.context_key != before:
            change.rescan_all = True
            self._lists.clear()
            self._people.layout.nobody_enters()
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
        held = self._people.remove(person)
        if held is not None:
            self._lists.remove(held.row)

    def put_opening(self, facts: OpeningFacts, revision: int, chunk: int = 0) -> bool:
        """An opening is new or changed; whether it takes people. What does is to be scanned at once. ``chunk``: of the
        snapshot that it was read from."""
        if facts.takes_people(self.today):
            self._pairs.put_opening(facts, revision, chunk)
            self._lists.hold(self._openings[facts.id].row, facts.id, facts.crowd)
            return True
        return False

    def remove_opening(self, opening: str) -> list[str]:
        """Forget an opening; the people on whose list it was."""
        held = self._openings.remove(opening)
        return [] if held is None else self._noted(self._lists.drop(held.row))

    def scan_person(self, person: str) -> None:
        """Look at all openings for one person; they have their list then."""
        held = self._people.get(person)
        if held is None:
            return
        scored = self._pairs.of_person(held, best=self._most + 1)  # the first that is left out is known as well
        self._lists.fill(held.row, scored.rows, scored.scores, self._pairs.beneath_person(held, scored.rows))
        self._noted(np.array([held.row]))

    def scan_opening(self, opening: str) -> tuple[list[str], list[RankKey]]:
        """Look at all people for one opening that is held: whose list is another then, and who fits it best (minus fit,
        person)."""
        held = self._openings[opening]
        scored = self._pairs.of_opening(held, entering=True, shown=self._shown)
        entered = scored.scores >= self._people.layout.enters_of(scored.rows)
        rows = scored.rows[entered]
        beneath = self._pairs.beneath_people(held, rows)
        changed, left = self._lists.place(held.row, rows, scored.scores[entered], beneath)
        people = self._noted(np.concatenate((rows[changed], left)))
        return people, sorted(self._fitting(scored))[: self._shown]

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
        held = self._people.get(person)
        return held is not None and self._lists.is_complete(held.row, self._pool)

    def best(self, person: str) -> list[str]:
        """The openings that stand as matches of this person, best first."""
        if not (pool := self._pool_of(person)):
            return []
        held, known, before = self._known(person, pool)
        found = chosen(held.facts, pool, self._pairs.context, known)
        self._note(held, pool, known, before)
        return [one.id for one in found]

    def admitted(self, person: str, openings: Iterable[str]) -> set[str]:
        """Those of these openings that somebody may match at all, at or above the threshold, as they are now."""
        held = self._people.get(person)
        if held is None:
            return set()
        rows = np.array([self._openings[id].row for id in openings if id in self._openings], np.int64)
        listed = self._lists.ranked(held.row)
        known = np.zeros(len(rows), bool) if listed is None else np.isin(rows, listed[0])  # on a list is what may match
        if not known.all():
            may = self._pairs.of_person(held, rows[~known]).rows
            known |= np.isin(rows, may)
        return {self._openings.id_of(row) for row in rows[known].tolist()}

    def explain(self, pair: Pair, revisions: Revisions) -> Assessment | None:
        """Everything about a pair; None when it is not held as of these revisions."""
        one, other = self._people.get(pair[0]), self._openings.get(pair[1])
        if one is None or other is None or Revisions(one.revision, other.revision, self.context_key) != revisions:
            return None
        return assess(one.facts, other.facts, self._pairs.context)

    # --- lists that were stored

    def list_of(self, person: str) -> tuple[int, Shortlist] | None:
        """The list of a person and the revision of the person that it is for."""
        held = self._people.get(person)
        listed = None if held is None else self._lists.ranked(held.row)
        if held is None or listed is None:
            return None
        entries = zip(map(self._openings.id_of, listed[0].tolist()), listed[1].tolist(), strict=True)
        return held.revision, Shortlist(tuple(entries), self._lists.cutoff(held.row))

    def restore_list(self, person: str, entries: Sequence[tuple[str, float]], cutoff: RankKey | None) -> bool:
        """Take a stored list in place of a scan; the caller knows that it is of this revision of the person and this
        context, and was right for the openings that are held. Of what went, or waits as something else, nobody knows
        here what else it kept off the list. Returns whether there was nothing of it."""
        own, rows, scores = self._people[person], list[int](), list[float]()
        for id, score in entries:
            if (held := self._openings.get(id)) is not None:
                rows.append(held.row)
                scores.append(score)
            else:
                cutoff = min((-score, id), cutoff or (0.0, id))
        known, millionths = np.array(rows, np.int64), np.rint(np.array(scores) * UNIT).astype(np.int64)
        self._lists.fill(own.row, known, millionths, self._pairs.beneath_person(own, known), cutoff)
        self._noted(np.array([own.row]))
        return len(rows) == len(entries)

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
        held = self._people.get(person)
        listed = None if held is None else self._lists.ranked(held.row)
        if held is None or listed is None:
            return []
        rows, scores = (each[: self._pool].tolist() for each in listed)
        return list(zip(self._openings.facts_of(rows), scores, strict=True))

    def _candidates(self, person: str) -> Sequence[Candidate]:
        """What of it may stand; nobody by this id has nothing."""
        if not (pool := self._pool_of(person)):
            return ()
        held, known, before = self._known(person, pool)
        found = candidates(held.facts, pool, self._pairs.context, known)
        self._note(held, pool, known, before)
        return found

    def _known(self, person: str, pool: Pool) -> tuple[Held[PersonFacts], Known, tuple[int, int]]:
        """Somebody, what was noted of their pool, and how much that is."""
        held, ids = self._people[person], [opening.id for opening, _ in pool]
        chances, lots = self._lists.noted(held.row, len(pool))
        known = Known(
            {id: chance for id, chance in zip(ids, chances, strict=True) if chance != UNKNOWN},
            {id: lot for id, lot in zip(ids, lots, strict=True) if lot != UNKNOWN},
        )
        return held, known, (len(known.chances), len(known.lots))

    def _note(self, held: Held[PersonFacts], pool: Pool, known: Known, before: tuple[int, int]) -> None:
        """Note what was asked for since."""
        if (len(known.chances), len(known.lots)) != before:
            ids = [opening.id for opening, _ in pool]
            chances, lots = ([each.get(id, UNKNOWN) for id in ids] for each in known)
            self._lists.note(held.row, chances, lots)

    def _noted(self, people: Rowset) -> list[str]:
        """The lists of these people are other ones: who they are."""
        self._people.layout.enter_from(people, self._lists.enters(people))
        return [self._people.id_of(row) for row in people.tolist()]
