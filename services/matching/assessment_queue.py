"""What is waiting to be assessed, one thing after the other, for so long at a time: then the event loop goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.shortlists import RankKey

Candidates = list[RankKey]
"""Who fits an opening best: minus the score, and the person."""


class AssessmentQueue:
    """Works through changes that are committed. Each thing waits once, as it is now, so what waits is bounded by what
    is held. What takes away has its effect on the index at once; what may bring something waits for its turn, people
    and openings by turns, and of the openings those that are known already and new ones. What comes again while it
    waits keeps its place: however often somebody says something anew, it is assessed.

    Dirty sets, emptied by whoever reads them: ``dirty_lists`` (people whose list may be another), ``dirty_people`` and
    ``dirty_openings`` (what something may have been taken away from), ``candidates`` (who fits an opening best, as of
    its scan; None: it is gone).
    """

    def __init__(self, index: MatchIndex, clock: Callable[[], float] = time.monotonic) -> None:
        self._index = index
        self._clock = clock
        self._people: dict[str, None] = {}
        self._changed: dict[str, tuple[OpeningFacts, int]] = {}
        self._new: dict[str, tuple[OpeningFacts, int]] = {}
        self._people_next, self._known_next = True, True
        self._latest = 0
        self.dirty_lists: set[str] = set()
        self.dirty_people: set[str] = set()
        self.dirty_openings: set[str] = set()
        self.candidates: dict[str, Candidates | None] = {}

    # --- what comes

    def put_person(self, facts: PersonFacts, revision: int) -> None:
        """A person is new or changed."""
        self.dirty_people.add(facts.id)
        self.dirty_lists.add(facts.id)
        if self._index.put_person(facts, revision):
            self._people[facts.id] = None
        else:
            self._people.pop(facts.id, None)

    def put_opening(self, facts: OpeningFacts, revision: int) -> None:
        """An opening is new, changed or closed."""
        self._latest = max(self._latest, revision)
        takes, known = facts.takes_people(self._index.today), self._index.has_opening(facts.id)
        for queue, its_own in ((self._changed, known), (self._new, not known)):
            if takes and its_own:
                queue[facts.id] = (facts, revision)  # in its old place, if it waited
            else:
                queue.pop(facts.id, None)
        if not takes:
            self.remove_opening(facts.id)

    def remove_opening(self, opening: str) -> None:
        """An opening takes nobody any more."""
        self._mark_lists(self._index.remove_opening(opening))
        self.dirty_openings.add(opening)
        self.candidates[opening] = None

    def rescan(self, person: str) -> None:
        """A person's list has to be made again."""
        self._people[person] = None

    def note_revision(self, revision: int) -> None:
        """Everything up to this revision is held or waits."""
        self._latest = max(self._latest, revision)

    # --- work

    def advance(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> bool:
        """Work for about so long or until it is ``enough``, on one thing at least; whether there is more."""
        end = self._clock() + seconds
        while self._next() and self._clock() < end and not enough():
            pass
        return self.waiting > 0

    # --- what is known

    def awaits_person(self, person: str) -> bool:
        """Whether this person's list has to be made again before anything is said of it."""
        return person in self._people

    def awaits_opening(self, opening: str) -> bool:
        """Whether this opening waits to be assessed."""
        return opening in self._new or opening in self._changed

    @property
    def waiting(self) -> int:
        """How many people and openings wait."""
        return len(self._people) + len(self._changed) + len(self._new)

    @property
    def openings_waiting(self) -> int:
        """How many openings wait."""
        return len(self._changed) + len(self._new)

    @property
    def assessed_through(self) -> int:
        """The highest revision up to which every change of an opening is in everybody's list."""
        waiting = [revision for queue in (self._changed, self._new) for _, revision in queue.values()]
        return min(waiting, default=self._latest + 1) - 1

    # --- how it is done

    def _next(self) -> bool:
        """Assess the next thing; whether there was one."""
        openings = (self._changed or self._new) if self._known_next else (self._new or self._changed)
        if self._people and (self._people_next or not openings):
            person = next(iter(self._people))
            del self._people[person]
            self._index.scan_person(person)
            self.dirty_lists.add(person)
        elif openings:
            id = next(iter(openings))
            self._known_next = not self._known_next
            self._scan_opening(*openings.pop(id))
        else:
            return False
        self._people_next = not self._people_next
        return True

    def _scan_opening(self, facts: OpeningFacts, revision: int) -> None:
        if not self._index.put_opening(facts, revision):  # its last day went by while it waited
            self.remove_opening(facts.id)
            return
        dirty_lists, self.candidates[facts.id] = self._index.scan_opening(facts.id)
        self._mark_lists(dirty_lists)
        self.dirty_openings.add(facts.id)

    def _mark_lists(self, people: Iterable[str]) -> None:
        """Something of their lists is another; where the reserve is used up the list is made again."""
        for person in people:
            self.dirty_lists.add(person)
            if not self._index.is_complete(person):
                self._people[person] = None
