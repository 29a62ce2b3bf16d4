"""What is to be told: of whom something else stands than was published, and from when on that is published. What may no
longer match is withdrawn at once; a first match is told as soon as it is seen; everything else waits for the end of a
window (domain/publish_throttle.py). Only then it is worked out whether there is anything to tell.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Set
from functools import partial
from itertools import islice

from services.matching.assessment_queue import AssessmentQueue
from services.matching.domain.match_index import MatchIndex, Revisions
from services.matching.domain.publish_throttle import Netting
from services.matching.last_published import LastPublished
from services.matching.publisher import MatchDelta, MatchPublisher
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork

REMOVALS_AT_ONCE = 200  # people are looked at for what may no longer match, between two looks at what came in
LOOK_SECONDS = 1.0  # while there is much to assess, who has no match is looked at once in so long
COMPARES_SECONDS = 0.02  # so long people are looked at after each slice of assessing, a fourth while there is more
LOOKED_AT_ONCE = 200  # people whose window ends


class PendingDeltas:
    """Compares what stands in the ``index`` with what was published. What still waits in the ``queue`` to be assessed
    is not said anything of."""

    def __init__(
        self,
        index: MatchIndex,
        queue: AssessmentQueue,
        publisher: MatchPublisher,
        netting: Netting,
        clock: Callable[[], float],
    ) -> None:
        self._index = index
        self._queue = queue
        self._publisher = publisher
        self._netting = netting
        self._clock = clock
        self._published = LastPublished()
        self._told: deque[tuple[MatchDelta, dict[str, Revisions | None]]] = deque()  # and not noted yet
        self._unassessed: set[str] = set()  # openings that may stand as published and were not assessed since the load
        self._uncompared = set[str]()
        self._compares_from = 0.0

    # --- what it begins with

    def load_published(self, person: str, opening: str, revisions: Revisions) -> None:
        """A match that stands as published."""
        self._published.add(person, opening, revisions)

    def await_opening(self, opening: str) -> None:
        """It may stand as published and waits to be assessed: nothing is due before."""
        self._unassessed.add(opening)

    # --- who is looked at

    def people(self) -> list[str]:
        """Everybody for whom something stands as published."""
        return self._published.people()

    def compare_everybody(self) -> None:
        """What stands may be another for each of those who are held."""
        self._uncompared.update(self._index.people())

    def look(self, changed: Iterable[str], *, more: bool) -> None:
        """The lists of these are others; ``more``: and there is more to assess. Of whom something stands a window
        opens. Everybody else is looked at as soon as nothing waits to be assessed."""
        now = self._clock()
        for person in changed:
            if not self._published.of(person):
                self._uncompared.add(person)
            elif not self._netting.pending(person):
                self._netting.changed(person, now, first=False)
        if not more or now >= self._compares_from:
            self._compare(now + (COMPARES_SECONDS / 4 if more else COMPARES_SECONDS))

    def _compare(self, end: float) -> None:
        """Look at those who are to be compared with what was published, until then, at one at least."""
        now = 0.0
        while self._uncompared and now < end:
            person, now = self._uncompared.pop(), self._clock()
            stands = bool(self._published.of(person))
            if stands and self._netting.pending(person):
                continue
            if self._index.is_complete(person) and self._delta(person):
                self._netting.changed(person, now, first=not stands)
        if not self._uncompared:
            self._compares_from = self._clock() + LOOK_SECONDS

    # --- what is told now

    def removals(self, closed_meanwhile: Set[str] | None = None) -> list[MatchDelta]:
        """What may no longer match and stands as published: to be withdrawn now. Of people who are gone all at once,
        of others a portion: what is left is looked at next time. ``closed_meanwhile``: it still loads, and of openings
        no more is known than that these take nobody any more."""
        queue = self._queue
        self.note_told()
        people = {person for opening in queue.dirty_openings for person in self._published.with_opening(opening)}
        queue.dirty_openings.clear()
        queue.dirty_lists |= people  # what stands may read differently, at the same score
        queue.dirty_people |= people
        gone = [person for person in queue.dirty_people if not self._index.has_person(person)]
        queue.dirty_people.difference_update(gone)
        some = list(islice(queue.dirty_people, REMOVALS_AT_ONCE if closed_meanwhile is None else None))
        queue.dirty_people.difference_update(some)
        looked_at = sorted((*gone, *some))
        found = (MatchDelta(person, self._inadmissible(person, closed_meanwhile)) for person in looked_at)
        return [delta for delta in found if delta]

    def due(self, most: int, seconds: float = 1.0) -> list[MatchDelta]:
        """What is to be published by now of at most so many people, looked for about so long. Nothing before what
        the lists did not know at the load is assessed."""
        self.note_told()
        if self._unassessed:
            self._unassessed = {opening for opening in self._unassessed if self._queue.awaits_opening(opening)}
        if self._unassessed:
            return []
        deltas, end = list[MatchDelta](), self._clock() + seconds
        for person in self._netting.due(self._clock(), LOOKED_AT_ONCE, self._ready):
            if delta := self._delta(person):
                deltas.append(delta)
            else:
                self._netting.cancel(person)
            if len(deltas) == most or self._clock() >= end:
                break
        return deltas

    def publish(self, delta: MatchDelta) -> Operation[None]:
        """Publish it in a transaction; afterwards it is what stands as published."""

        def do(work: UnitOfWork) -> None:
            after = self._publisher.publish(delta, work)
            work.after_commit(partial(self._told.append, (delta, after)))

        return Operation(lambda work: self._publisher.needs(delta), do)

    def note_told(self) -> None:
        """What was published since: it is what stands."""
        while self._told:
            delta, after = self._told.popleft()
            for opening, revisions in after.items():
                if revisions is None:
                    self._published.remove(delta.person, opening)
                else:
                    self._published.add(delta.person, opening, revisions)
            if delta.standing or not self._published.of(delta.person):
                self._netting.published(delta.person, self._clock())
            self._uncompared.add(delta.person)  # something may have been passed over, or have changed meanwhile

    # --- what is known

    @property
    def left_to_compare(self) -> bool:
        """Whether somebody is to be looked at, whatever else comes."""
        return bool(self._uncompared)

    @property
    def waiting(self) -> int:
        """Of how many people something may have to be published, or noted as published."""
        return len(self._told) + len(self._uncompared) + self._netting.waiting()

    def seconds_to_next(self) -> float | None:
        """In how many seconds the next netted change is due; None when nobody waits."""
        due = self._netting.next_due()
        return None if due is None else max(0.0, due - self._clock())

    # --- how it is done

    def _ready(self, person: str) -> bool:
        complete = self._index.is_complete(person) or not self._index.has_person(person)
        return complete and not self._queue.awaits_person(person)

    def _inadmissible(self, person: str, closed_meanwhile: Set[str] | None) -> tuple[str, ...]:
        published = self._published.of(person)
        if not self._index.has_person(person):
            return tuple(sorted(published))
        if closed_meanwhile is not None:  # not all openings are there yet
            return tuple(sorted(closed_meanwhile & published.keys()))
        refused = published.keys() - self._index.admitted(person, published)
        return tuple(sorted(id for id in refused if not self._queue.awaits_opening(id)))

    def _delta(self, person: str) -> MatchDelta:
        published, best = self._published.of(person), self._index.best(person)
        ranked = enumerate(best, 1)
        return MatchDelta(
            person,
            tuple(sorted(published.keys() - set(best))),
            tuple(
                (id, rank, revisions)
                for rank, id in ranked
                if (revisions := self._index.revisions(person, id)) is not None and published.get(id) != revisions
            ),
        )
