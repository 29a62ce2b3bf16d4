"""What is waiting to be assessed, one thing after the other, in slices between which the event loop goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from services.matching.domain.core import ScoringCore, Slices
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.shortlist import Place

Best = list[Place]
"""Who fits an opening best: minus the score, and the person."""


class Assessor:
    """Works through changes that are committed. Each thing waits once, as it is now, so what waits is bounded by what
    is held. What takes away has its effect on the index at once; what may bring something waits for its turn, people
    and openings by turns, of the openings those that are known already first.

    ``touched``: people whose list may be another since somebody last looked; ``urgent`` and ``shaken``: people and
    openings that something may have been taken away from; ``best``: who fits an opening best, as of its scan (None: it
    is gone). Whoever looks empties them. ``done``: the highest revision up to which every change of an opening is in
    everybody's list.
    """

    def __init__(self, core: ScoringCore, clock: Callable[[], float] = time.monotonic) -> None:
        self._core = core
        self._clock = clock
        self._people: dict[str, None] = {}
        self._changed: dict[str, tuple[OpeningFacts, int]] = {}
        self._new: dict[str, tuple[OpeningFacts, int]] = {}
        self._job: Slices | None = None
        self._job_revision: int | None = None
        self._people_next = True
        self._latest = 0
        self.touched: set[str] = set()
        self.urgent: set[str] = set()
        self.shaken: set[str] = set()
        self.best: dict[str, Best | None] = {}

    # --- what comes

    def person(self, facts: PersonFacts, revision: int) -> None:
        """A person is new or changed."""
        self.urgent.add(facts.id)
        self.touched.add(facts.id)
        if self._core.hold_person(facts, revision):
            self._people[facts.id] = None
        else:
            self._people.pop(facts.id, None)

    def opening(self, facts: OpeningFacts, revision: int) -> None:
        """An opening is new, changed or closed."""
        self._latest = max(self._latest, revision)
        self._changed.pop(facts.id, None)
        self._new.pop(facts.id, None)
        if not facts.takes_people(self._core.today):
            self.gone(facts.id)
        elif self._core.holds(facts.id):
            self._changed[facts.id] = (facts, revision)
        else:
            self._new[facts.id] = (facts, revision)

    def gone(self, opening: str) -> None:
        """An opening takes nobody any more."""
        self._touch(self._core.drop_opening(opening))
        self.shaken.add(opening)
        self.best[opening] = None

    def scan(self, person: str) -> None:
        """A person's list is to be made anew."""
        self._people[person] = None

    # --- work

    def advance(self, seconds: float) -> bool:
        """Work for about so long; whether there is more."""
        end = self._clock() + seconds
        while self._job is not None or self._begin():
            assert self._job is not None
            try:
                next(self._job)
            except StopIteration:
                self._job, self._job_revision = None, None
            if self._clock() >= end:
                break
        return self.waiting > 0

    @property
    def between_jobs(self) -> bool:
        """Whether nothing is half done."""
        return self._job is None

    def awaits(self, person: str) -> bool:
        """Whether this person's list is to be made anew before anything is said of it."""
        return person in self._people

    def awaits_opening(self, opening: str) -> bool:
        """Whether this opening waits to be assessed."""
        return opening in self._new or opening in self._changed

    @property
    def waiting(self) -> int:
        """How many people and openings wait, with the one in hand."""
        return len(self._people) + len(self._changed) + len(self._new) + (self._job is not None)

    @property
    def openings_waiting(self) -> int:
        """How many openings wait."""
        return len(self._changed) + len(self._new)

    @property
    def done(self) -> int:
        """See the class."""
        waiting = [revision for queue in (self._changed, self._new) for _, revision in queue.values()]
        if self._job_revision is not None:
            waiting.append(self._job_revision)
        return min(waiting, default=self._latest + 1) - 1

    def note(self, revision: int) -> None:
        """Everything up to this revision is held or waits."""
        self._latest = max(self._latest, revision)

    # --- how it is done

    def _begin(self) -> bool:
        """Take the next thing in hand; whether there was one."""
        openings = self._changed or self._new
        if self._people and (self._people_next or not openings):
            person = next(iter(self._people))
            self._job = self._scan_person(person)
        elif openings:
            id = next(iter(openings))
            facts, self._job_revision = openings.pop(id)
            self._job = self._scan_opening(facts, self._job_revision)
        else:
            return False
        self._people_next = not self._people_next
        return True

    def _scan_person(self, person: str) -> Slices:
        yield from self._core.scan_person(person)
        if self._core.known(person) or not self._core.takes_part(person):
            self._people.pop(person, None)  # else they changed while it went on, and it begins again
        self.touched.add(person)

    def _scan_opening(self, facts: OpeningFacts, revision: int) -> Slices:
        if not self._core.hold_opening(facts, revision):  # its last day went by while it waited
            self.gone(facts.id)
            return
        touched: list[str] = []
        best: Best = []
        yield from self._core.scan_opening(facts.id, touched, best)
        self._touch(touched)
        self.shaken.add(facts.id)
        if self._core.holds(facts.id):
            self.best[facts.id] = best

    def _touch(self, people: Iterable[str]) -> None:
        """Something of their lists is another; where the reserve is used up the list is made anew."""
        for person in people:
            self.touched.add(person)
            if not self._core.known(person):
                self._people[person] = None
