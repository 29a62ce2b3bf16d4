"""Use cases: what happens to the matches when a person, an opportunity or the day changes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import partial
from typing import Any

from services.matching.assessor import Assessor, Best
from services.matching.documents import (
    ASSESSED,
    CANDIDATES,
    LISTS,
    MATCHES,
    OPPORTUNITIES,
    PEOPLE,
    PROGRESS,
    Document,
    list_document,
    list_entries,
    opportunity_document,
    person_document,
)
from services.matching.domain.core import Revisions, ScoringCore
from services.matching.domain.netting import Netting
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.person_facts import PersonFacts, person_facts
from services.matching.fence import NotActive
from services.matching.telling import Plan, Teller, forget_withdrawn
from services.matching.told import Told
from shared.events import Event
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.base.ids import Ids
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.reference import Pack

# Longer than an event of ours can come again: 7 days from the outbox, and 7 more in the topic that it then went into.
KEEP_WITHDRAWN_DAYS = 30
_Change = tuple[PersonFacts | OpeningFacts, int]


class Matching:
    """The matches. A change is saved as it comes, with its checkpoint; what follows from it is worked out from what is
    committed (`take_in`, `advance`), and told in transactions of its own (`urgent`, `due`), so that no transaction
    grows with what stands on the other side. What a crash interrupts is found by comparing, at the next load, what
    stands with what was told.

    Everything but the two ``..._changed`` is called by one loop, one after the other. ``guard`` says whether this
    matcher may write; it is asked before every piece of work. ``rules``: names everything that decides about a pair
    besides the two and the day, so that lists by other rules are not believed.
    """

    def __init__(
        self,
        pack: Pack,
        ids: Ids,
        core: Callable[[date], ScoringCore],
        today: date,
        *,
        rules: str = "",
        netting_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pack = pack
        self.guard: Callable[[], bool] = lambda: True
        self.woken: Callable[[], None] = lambda: None
        self._ids, self._make_core, self._clock = ids, core, clock
        self._rules, self._netting_seconds = rules, netting_seconds
        self.forget(today)

    def forget(self, today: date) -> None:
        """Begin with nothing, on this day; ``load_...`` follows."""
        self._core = self._make_core(today)
        self._assessor = Assessor(self._core, self._clock)
        self._netting = Netting(self._netting_seconds)
        self._told = Told()
        self._teller = Teller(self._core, self._ids, self.pack.weights_version, 0)
        self._inbox: deque[_Change] = deque()
        self._newer: dict[str, int] = {}
        self._loading = True
        self._closed: set[str] = set()  # while it loads
        self._unsettled: set[str] = set()  # openings that may stand as told and have not been assessed since the load
        self._revision = self._done = 0
        self._begun = False  # before the highest revision is known nothing may be given one
        self._dirty: set[str] = set()
        self._kept: object = None

    def pause(self) -> None:
        """Take nothing in until `load_progress`."""
        self._begun = False

    # --- what comes, inside of a transaction

    def person_changed(self, event: Event[Person], work: UnitOfWork) -> None:
        """A person is new, changed or gone (their status and consents say so)."""
        self._revision += 1
        work.save(PEOPLE, person_document(event, self._revision))
        self._comes(person_facts(event.data, self.pack), work)

    def opportunity_changed(self, event: Event[Opportunity], work: UnitOfWork) -> None:
        """An opportunity is new, changed or closed."""
        self._revision += 1
        facts = opening_facts(event.data, self.pack)
        last = None if facts.last_day is None else facts.last_day.isoformat()
        work.save(OPPORTUNITIES, opportunity_document(event, self._revision, last))
        self._comes(facts, work)

    def _comes(self, facts: PersonFacts | OpeningFacts, work: UnitOfWork) -> None:
        work.after_commit(partial(self._inbox.append, (facts, self._revision)))
        work.after_commit(self.woken)

    # --- loading: what the database holds

    def load_progress(self, revision: int, done: int, forgotten: int, day: date | None = None) -> None:
        """The highest revision that was given; up to which one the lists know the openings, and as of which day; the
        highest sequence of the matches that were forgotten. Nothing may be heard before."""
        if day is not None and day > self.today:  # set back: what had ended by then is in no list, and is open again
            done = 0
        self._revision, self._done, self._begun = revision, done, True
        self._assessor.note(revision)
        self._teller.forgotten = forgotten

    def load_told(self, document: Document) -> None:
        """A match that stands as told."""
        of = document.get("of")
        revisions = Revisions(-1, -1, "") if of is None else Revisions(*of)
        self._told.stands(document["person"], document["opportunity"], revisions)

    def load_person(self, person: Person, revision: int) -> None:
        """A person, unless something newer came already."""
        if revision > self._newer.get(person.person, -1):
            self._core.hold_person(person_facts(person, self.pack), revision)

    def load_opportunity(self, opportunity: Opportunity, revision: int) -> None:
        """An opening, unless something newer came already. What the lists do not know waits to be assessed."""
        id = opportunity.opportunity
        if revision <= self._newer.get(id, -1):
            return
        if revision <= self._done:
            self._core.hold_opening(opening_facts(opportunity, self.pack), revision)
        else:
            self._assessor.opening(opening_facts(opportunity, self.pack), revision)
            self._unsettled.add(id)

    def load_list(self, document: Document) -> None:
        """A person's list, if it is of the person, the rules and the terms of now; else it is not believed."""
        person, rules = document["_id"], f"{self._rules}/{self._core.terms}"
        if document["rules"] == rules and self._core.person_revision(person) == document["person_revision"]:
            self._core.take_list(person, *list_entries(document))

    def loaded(self) -> None:
        """All is loaded: whoever has no list that is believed is scanned, everybody is compared with what was told."""
        self._loading = False
        self._newer.clear()
        for person in self._core.people():
            if not self._core.known(person):
                self._assessor.scan(person)
            self._assessor.touched.add(person)
        self._assessor.urgent.update(self._told.people())
        self._closed.clear()

    # --- work, by the one loop

    def take_in(self) -> None:
        """What was committed since: what takes away has its effect, the rest waits for its turn."""
        while self._inbox:
            facts, revision = self._inbox.popleft()
            self._assessor.note(revision)
            if self._loading:
                self._newer[facts.id] = revision
            if isinstance(facts, PersonFacts):
                self._assessor.person(facts, revision)
                self._dirty.add(facts.id)
            else:
                self._assessor.opening(facts, revision)
                if self._loading and not facts.takes_people(self.today):
                    self._closed.add(facts.id)

    def advance(self, seconds: float) -> bool:
        """Assess for about so long; whether there is more."""
        more = self._assessor.advance(seconds)
        now, touched = self._clock(), self._assessor.touched
        for person in touched:
            self._dirty.add(person)
            if self._core.known(person) and self._netting.quiet(person) and self._differs(person):
                self._netting.changed(person, now, first=not self._told.of(person))
        touched.clear()
        return more or bool(self._assessor.urgent or self._assessor.shaken)

    def urgent(self) -> list[Plan]:
        """What may no longer match and stands as told: to be withdrawn now."""
        people = {person for opening in self._assessor.shaken for person in self._told.with_opening(opening)}
        self._assessor.touched |= people  # what stands may read differently, at the same score
        people |= self._assessor.urgent
        self._assessor.urgent.clear()
        self._assessor.shaken.clear()
        return [plan for person in sorted(people) if (plan := Plan(person, self._gone(person)))]

    def due(self, most: int) -> list[Plan]:
        """What is to be told by now of at most so many people. Nothing while an opening is half assessed, nor before
        what the lists did not know at the load is."""
        if self._unsettled:
            self._unsettled = {opening for opening in self._unsettled if self._assessor.awaits_opening(opening)}
        if self._unsettled or not self._assessor.between_jobs:
            return []
        plans = []
        for person in self._netting.due(self._clock(), most, self._ready):
            if plan := self._plan(person):
                plans.append(plan)
            else:
                self._netting.unchanged(person)
        return plans

    def telling(self, plan: Plan) -> Operation[None]:
        """Tell it in a transaction; afterwards it is what stands as told."""
        return Operation(lambda work: self._teller.needs(plan), partial(self._tell, plan))

    def turn(self, today: date) -> None:
        """A new day."""
        turn = self._core.set_day(today)
        for person in turn.people:
            self._core.drop_person(person)
            self._assessor.urgent.add(person)
            self._dirty.add(person)
        for opening in turn.openings:
            self._assessor.gone(opening)
        if turn.anew:
            for person in self._core.people():
                self._assessor.scan(person)
            self._assessor.urgent.update(self._told.people())

    def forgetting(self, ids: Sequence[str], before: date) -> Operation[None]:
        """Forget matches that were withdrawn before that day."""

        def do(work: UnitOfWork) -> None:
            highest = forget_withdrawn(ids, before, self._teller.forgotten, work)
            work.after_commit(partial(setattr, self._teller, "forgotten", highest))

        return Operation(lambda work: [Need.by_id(MATCHES, id) for id in ids], do)

    # --- what is kept for the next load, and for readers

    def to_keep(self) -> tuple[list[str], list[tuple[str, Best | None]], int]:
        """The people whose lists are to be kept, who fits which opening best, and up to which revision of the openings
        both are right."""
        people, best, done = sorted(self._dirty), list(self._assessor.best.items()), self._assessor.done
        self._dirty.clear()
        self._assessor.best.clear()
        return people, best, done

    def keeping(self, people: Iterable[str], done: int) -> Operation[None]:
        """Keep these lists as they are now."""

        def do(work: UnitOfWork) -> None:
            for person in people:
                found = self._core.list_of(person)
                if found is None or not self._core.known(person):
                    work.delete(LISTS, person)
                else:
                    work.save(LISTS, list_document(person, *found, done, f"{self._rules}/{self._core.terms}"))

        return Operation(lambda work: (), do)

    def keeping_candidates(self, openings: Iterable[tuple[str, Best | None]]) -> Operation[None]:
        """Keep who fits these openings best."""

        def do(work: UnitOfWork) -> None:
            for id, found in openings:
                if found:
                    work.save(CANDIDATES, {"_id": id, "people": [person for _, person in found]})
                else:
                    work.delete(CANDIDATES, id)

        return Operation(lambda work: (), do)

    def progressing(self, done: int) -> Operation[None] | None:
        """Write down that every list is kept that knows the openings up to here, and whether all is told; None when
        that is known."""
        document = {"_id": ASSESSED, "done": done, "waiting": self.waiting, "day": self.today.isoformat()}
        if document == self._kept:
            return None

        def do(work: UnitOfWork) -> None:
            work.save(PROGRESS, dict(document))
            work.after_commit(partial(setattr, self, "_kept", document))

        return Operation(lambda work: (), do)

    # --- what is known

    @property
    def today(self) -> date:
        """The day on which pairs are assessed."""
        return self._core.today

    @property
    def waiting(self) -> int:
        """How much is not assessed or not told yet."""
        assessor = self._assessor
        shaken = len(assessor.urgent) + len(assessor.shaken)
        return len(self._inbox) + assessor.waiting + shaken + self._netting.waiting()

    @property
    def openings_waiting(self) -> int:
        """How many openings are not assessed yet."""
        return self._assessor.openings_waiting

    def next_due(self) -> float | None:
        """In how many seconds the next netted change is due."""
        due = self._netting.next_due()
        return None if due is None else max(0.0, due - self._clock())

    def sizes(self) -> tuple[int, int]:
        """How many people and openings are held."""
        return len(tuple(self._core.people())), self._core.openings()

    # --- a view of the store: only to ask the guard

    def savepoint(self) -> None:
        """Raises NotActive, which the store takes as a reason to undo everything."""
        if not (self._begun and self.guard()):
            raise NotActive("lease")

    def rollback_to(self, savepoint: Any) -> None:
        """Nothing here changes before the commit."""

    def committed(self) -> None:
        """What was done comes in by the calls after the commit."""

    def aborted(self) -> None:
        """Nothing here has changed."""

    # --- how it is done

    def _ready(self, person: str) -> bool:
        return not self._assessor.awaits(person) and (self._core.known(person) or not self._core.takes_part(person))

    def _gone(self, person: str) -> tuple[str, ...]:
        told = self._told.of(person)
        if not self._core.takes_part(person):
            return tuple(sorted(told))
        if self._loading:  # not all openings are there yet
            return tuple(sorted(self._closed.intersection(told)))
        waits = self._assessor.awaits_opening
        return tuple(sorted(id for id in told if not self._core.admits(person, id) and not waits(id)))

    def _differs(self, person: str) -> bool:
        told, best = self._told.of(person), self._core.best(person)
        return len(told) != len(best) or any(told.get(id) != self._core.revisions(person, id) for id in best)

    def _plan(self, person: str) -> Plan:
        told, best = self._told.of(person), self._core.best(person)
        withdraw = tuple(sorted(told.keys() - set(best)))
        tell = [(id, rank) for rank, id in enumerate(best, 1) if told.get(id) != self._core.revisions(person, id)]
        return Plan(person, withdraw, tuple(tell))

    def _tell(self, plan: Plan, work: UnitOfWork) -> None:
        after = self._teller.tell(plan, work)
        work.after_commit(partial(self._was_told, plan, after))

    def _was_told(self, plan: Plan, after: dict[str, Revisions | None]) -> None:
        for opening, revisions in after.items():
            if revisions is None:
                self._told.gone(plan.person, opening)
            else:
                self._told.stands(plan.person, opening, revisions)
        if plan.tell or not self._told.of(plan.person):
            self._netting.told(plan.person, self._clock())
        self._assessor.touched.add(plan.person)
