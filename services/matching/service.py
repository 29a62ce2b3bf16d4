"""Use cases: what a change of a person, an opportunity or the day leaves to be assessed, and what is stored for the
next load. What is told of it: pending_deltas.py."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import date
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from services.matching.assessment_queue import AssessmentQueue, Candidates
from services.matching.documents import StoredMatch, StoredOpening, StoredPerson
from services.matching.domain.congestion import Congestion
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import PersonFacts, person_facts
from services.matching.domain.publish_throttle import Netting
from services.matching.fenced_store import NotActive
from services.matching.match_provenance import MatchProvenance
from services.matching.matcher_documents import StoredList, StoredProgress
from services.matching.pending_deltas import PendingDeltas
from services.matching.publisher import MatchDelta, MatchPublisher, purge_withdrawn
from shared.events import Event
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.base.ids import Ids
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.reference import Pack

# Longer than an event of ours can come again: 7 days from the outbox, and 7 more in the topic that it then went into.
KEEP_WITHDRAWN_DAYS = 30
CONGESTION_WAITS_SECONDS = 3_600.0  # for everything to be assessed, before the day's table is made all the same
_Change = tuple[PersonFacts | OpeningFacts, int]


class Matching:
    """The matches. A change is saved as it comes, with its checkpoint; what follows from it is worked out from what is
    committed (`drain_inbox`, `advance`), and published in transactions of its own (`removals`, ``deltas``), so that no
    transaction grows with what stands on the other side. What a crash interrupts is found by comparing, at the next
    load, what stands with what was published.

    Everything but the two ``..._changed`` is called by one loop, one after the other, some of it in a thread; but
    `advance` may go on there while an operation that was made before is performed. ``guard``
    says whether this matcher may write; it is asked before every operation. ``on_change`` is called when something was
    committed.
    ``rules``: names everything that decides about a pair besides the two and the day: lists by other rules are invalid.
    ``congestion``: whether what stands in many lists gives way, if the pack says how.
    Methods that return an `Operation` do nothing by themselves: the caller performs it in a transaction.
    """

    def __init__(
        self,
        pack: Pack,
        ids: Ids,
        make_index: Callable[[date], MatchIndex],
        today: date,
        *,
        rules: str = "",
        netting_seconds: float = 0.0,
        congestion: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._packs = pack
        self.guard: Callable[[], bool] = lambda: True
        self.on_change: Callable[[], None] = lambda: None
        self._ids, self._make_index, self._clock = ids, make_index, clock
        self._rules, self._netting_seconds = rules, netting_seconds
        self._gives_way = congestion
        self.reset(today)

    def reset(self, today: date) -> None:
        """Begin with nothing, on this day and by its model; ``load_...`` follows."""
        self.pack = self._packs.on(today)
        self.rules = self._rules if self.pack is self._packs else f"{self._rules}/{self.pack.weights_version}"
        self._congestion = self._gives_way and self.pack.matching.congestion is not None
        self._index = self._make_index(today)
        self._queue = AssessmentQueue(self._index, self._clock)
        self._provenance = MatchProvenance(ZoneInfo(self.pack.timezone))
        self._publisher = MatchPublisher(
            self._index, self._ids, self.pack.weights_version, 0, self._provenance, self._rules
        )  # fmt: skip
        self.deltas = PendingDeltas(
            self._index, self._queue, self._publisher, Netting(self._netting_seconds), self._clock
        )
        self._inbox: deque[_Change] = deque()
        self._loading = True
        self._newer: dict[str, int] = {}  # what came while it loads, and with which revision
        self._closed: set[str] = set()  # while it loads
        self._revision = self._lists_through = 0
        self._accepts = False  # before the highest revision is known nothing may be given one
        self._unsaved_lists = set[str]()
        self._day_began = self._clock()
        self._saved_progress: StoredProgress | None = None

    def has_another_model(self, today: date) -> bool:
        """Whether another model decides on that day: then it is to begin again, by `reset`."""
        return self._packs.on(today) is not self.pack

    def pause(self) -> None:
        """Accept nothing until `load_progress`."""
        self._accepts = False

    # --- what comes, inside of a transaction

    def needs_of_person(self, person: Person, work: UnitOfWork) -> Iterable[Need]:
        """What has to be loaded before `person_changed`."""
        yield StoredPerson.need(person.person)
        yield from self._provenance.needs_of_change(person, work)

    def person_changed(self, event: Event[Person], work: UnitOfWork) -> None:
        """A person is new, changed or gone (their status and consents say so). Needs `needs_of_person`."""
        person, before = event.data, StoredPerson.find(work, event.data.person)
        self._provenance.person_changed(person, work)
        self._revision += 1
        told_from = self._provenance.told_from(before, person, self._revision, work)
        StoredPerson.of(event, self._revision, told_from).save(work)
        self._enqueue(person_facts(event.data, self.pack), work)

    def opportunity_changed(self, event: Event[Opportunity], work: UnitOfWork) -> None:
        """An opportunity is new, changed or closed."""
        self._revision += 1
        facts = opening_facts(event.data, self.pack)
        StoredOpening.of(event, self._revision, facts.last_day).save(work)
        self._enqueue(facts, work)

    def _enqueue(self, facts: PersonFacts | OpeningFacts, work: UnitOfWork) -> None:
        work.after_commit(partial(self._inbox.append, (facts, self._revision)))
        work.after_commit(self.on_change)

    # --- loading: what the database holds

    def load_progress(self, revision: int, progress: StoredProgress | None, purged: int) -> None:
        """The highest revision that was given, how far the lists are, and the highest sequence of the matches that were
        purged. Nothing may be heard before."""
        self._revision, self._accepts = revision, True
        if progress is not None and progress.day <= self.today:
            self._lists_through = progress.assessed_through
        # else the day was set back: what had ended by then is in no list, and is open again
        self._queue.note_revision(revision)
        self._publisher.purged = purged

    def load_congestion(self, table: Congestion | None) -> None:
        """The table in force, if any was made."""
        if table is not None and self._congestion:
            self._index.set_congestion(table)

    def load_person(self, person: Person, revision: int) -> None:
        """A person, unless something newer came already."""
        if revision > self._newer.get(person.person, -1):
            self._index.put_person(person_facts(person, self.pack), revision)

    def load_opening(self, facts: OpeningFacts, revision: int, chunk: int = 0) -> None:
        """An opening, unless something newer came already. What the lists do not know waits to be assessed. ``chunk``:
        of the snapshot that it was read from."""
        if revision <= self._newer.get(facts.id, -1):
            return
        if revision <= self._lists_through:
            self._index.put_opening(facts, revision, chunk)
        else:
            self._queue.put_opening(facts, revision)
            self.deltas.await_opening(facts.id)

    def load_list(self, stored: StoredList) -> None:
        """A person's list, if it is of this revision of the person, these rules and this context. What is stored stays
        as it is when all of it holds: else what went might be back later, as something that is on no list."""
        valid = (stored.rules, stored.person_revision) == (self._rules_key, self._index.person_revision(stored.person))
        if not (valid and self._index.restore_list(stored.person, stored.entries, stored.cutoff)):
            self._unsaved_lists.add(stored.person)

    def loaded(self) -> None:
        """All is loaded: whoever has no valid list is scanned, everybody is compared with what was published."""
        self._loading = False
        self._newer.clear()
        for person in self._index.people():
            if not self._index.is_complete(person):
                self._queue.rescan(person)
        self.deltas.compare_everybody()
        self._queue.dirty_people.update(self.deltas.people())
        self._closed.clear()

    # --- work, by the one loop

    def drain_inbox(self) -> None:
        """What was committed since: what takes away has its effect, the rest waits for its turn."""
        while self._inbox:
            facts, revision = self._inbox.popleft()
            self._queue.note_revision(revision)
            if self._loading:
                self._newer[facts.id] = revision
            if isinstance(facts, PersonFacts):
                self._queue.put_person(facts, revision)
                self._unsaved_lists.add(facts.id)
            else:
                self._queue.put_opening(facts, revision)
                if self._loading and not facts.takes_people(self.today):
                    self._closed.add(facts.id)

    def advance(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> bool:
        """Assess for about so long, until something was committed or until it is ``enough``, and look at whom there may
        be anything to tell; whether there is more."""
        queue, deltas = self._queue, self.deltas
        deltas.note_told()
        more = queue.advance(seconds, lambda: bool(self._inbox) or enough())
        deltas.look(queue.dirty_lists, more=more)
        self._unsaved_lists |= queue.dirty_lists
        queue.dirty_lists.clear()
        return more or deltas.left_to_compare or bool(queue.dirty_people or queue.dirty_openings)

    def removals(self) -> list[MatchDelta]:
        """What may no longer match and stands as published, also while it loads."""
        return self.deltas.removals(self._closed if self._loading else None)

    def begin_day(self, today: date) -> None:
        """A new day."""
        self.deltas.note_told()
        self._day_began = self._clock()
        change = self._index.set_day(today)
        for person in change.people:
            self._index.remove_person(person)
            self._queue.dirty_people.add(person)
            self._unsaved_lists.add(person)
        for opening in change.openings:
            self._queue.remove_opening(opening)
        if change.rescan_all:
            for person in self._index.people():
                self._queue.rescan(person)
            self._queue.dirty_people.update(self.deltas.people())

    @property
    def congestion_due(self) -> bool:
        """Whether the table for the day is to be made: once a day, when everything is assessed, or has waited long
        enough: where changes come all the time there may never be a moment when nothing waits."""
        table = self._index.congestion
        if not self._congestion or (table is not None and table.day >= self.today):
            return False
        return not self._queue.waiting or self._clock() - self._day_began >= CONGESTION_WAITS_SECONDS

    def next_congestion(self) -> Generator[None, None, Congestion]:
        """The table for the day, in slices; in force from `use_congestion` on."""
        return self._index.next_congestion()

    def use_congestion(self, table: Congestion) -> None:
        """From now on this table: everybody is compared with what was published."""
        self._index.set_congestion(table)
        self.deltas.compare_everybody()

    def purge(self, ids: Sequence[str], before: date) -> Operation[None]:
        """Delete matches that were withdrawn before that day."""

        def do(work: UnitOfWork) -> None:
            highest = purge_withdrawn(ids, before, self._publisher.purged, work)
            work.after_commit(partial(setattr, self._publisher, "purged", highest))

        return Operation(lambda work: [StoredMatch.need(id) for id in ids], do)

    # --- what is stored for the next load, and for readers

    def take_unsaved(self) -> tuple[list[str], list[tuple[str, Candidates | None]], int]:
        """The people whose lists are to be saved, who fits which opening best, and up to which revision of the openings
        both are right."""
        people, candidates = sorted(self._unsaved_lists), list(self._queue.candidates.items())
        self._unsaved_lists.clear()
        self._queue.candidates.clear()
        return people, candidates, self._queue.assessed_through

    def save_lists(self, people: Sequence[str], assessed_through: int) -> Operation[None]:
        """Store these lists as they are now."""
        lists = [self._stored_list(person, assessed_through) for person in people]

        def do(work: UnitOfWork) -> None:
            for person, stored in zip(people, lists, strict=True):
                if stored is None:
                    work.delete(StoredList.collection, person)
                else:
                    stored.save(work)

        return Operation(lambda work: (), do)

    def save_progress(self, assessed_through: int) -> Operation[None] | None:
        """Store that every saved list knows the openings up to here, and whether all is published; None when that is
        stored already."""
        progress = StoredProgress(assessed_through, self.waiting, self.today)
        if progress == self._saved_progress:
            return None

        def do(work: UnitOfWork) -> None:
            progress.save(work)
            work.after_commit(partial(setattr, self, "_saved_progress", progress))

        return Operation(lambda work: (), do)

    # --- what is known

    @property
    def index(self) -> MatchIndex:
        """What is held; not to be changed from outside."""
        return self._index

    @property
    def today(self) -> date:
        """The day on which pairs are assessed."""
        return self._index.today

    @property
    def waiting(self) -> int:
        """How much is not assessed yet, or may have to be published; something, as long as it loads."""
        dirty = len(self._queue.dirty_people) + len(self._queue.dirty_openings)
        return len(self._inbox) + self._queue.waiting + dirty + self.deltas.waiting + self._loading

    @property
    def openings_waiting(self) -> int:
        """How many openings are not assessed yet."""
        return self._queue.openings_waiting

    # --- a participant of the store's transactions: only to ask the guard

    def savepoint(self) -> None:
        """Raises NotActive, which the store takes as a reason to undo everything."""
        if not (self._accepts and self.guard()):
            raise NotActive("lease")

    def rollback_to(self, savepoint: Any) -> None:
        """Nothing here changes before the commit."""

    def committed(self) -> None:
        """What was done comes in by the calls after the commit."""

    def aborted(self) -> None:
        """Nothing here has changed."""

    # --- how it is done

    @property
    def _rules_key(self) -> str:
        return f"{self.rules}/{self._index.context_key}"

    def _stored_list(self, person: str, assessed_through: int) -> StoredList | None:
        found = self._index.list_of(person)
        if found is None or not self._index.is_complete(person):
            return None
        return StoredList.of(person, *found, assessed_through, self._rules_key)
