"""A matching service without broker and database, and what it tells."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from services.matching.documents import StoredMatch, StoredOpening, StoredPerson
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import opening_facts
from services.matching.list_snapshots import save_candidates
from services.matching.matcher_documents import StoredList, StoredProgress
from services.matching.service import Matching
from shared.events import Event
from shared.events.topics.opportunities import JOB_POSTED, Opportunity
from shared.events.topics.people import PERSON_UPDATED, Person
from shared.kit.base.ids import Ids
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork
from tests.support.matching import TODAY, a_job, numbered
from tests.support.memory_store import MemoryStore
from tests.unit.matching.asking import PACK

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
RECORDED = NOW - timedelta(seconds=3)
IDS = Ids(bytes(32))
JOB = a_job().opportunity


def _none(work: UnitOfWork) -> Iterable[Need]:
    return ()


class Scene:
    """A matching service without broker and database, its clock in hand."""

    def __init__(self, netting_seconds: float = 0.0, *, congestion: bool = True) -> None:
        self.store, self.now, self.day = MemoryStore(NOW), 1_000.0, TODAY
        self._sequences: dict[str, int] = {}
        self._window, self._congestion = netting_seconds, congestion
        self.begin()

    def begin(self, rules: str = "r") -> None:
        """A process that begins."""
        self.matching = Matching(
            PACK, IDS, partial(MatchIndex, PACK, reserve=2), self.day, rules=rules, netting_seconds=self._window,
            congestion=self._congestion, clock=lambda: self.now,
        )  # fmt: skip
        made, documents = self.matching, self.store.all
        revisions = [one["revision"] for one in (*documents("people"), *documents("opportunities"))]
        progress = next(
            (StoredProgress.from_document(one) for one in documents("progress") if one["_id"] == "assessed"), None
        )
        purged = max((one["sequence"] for one in documents("purged")), default=0)
        made.load_progress(max(revisions, default=0), progress, purged)
        for match in map(StoredMatch.from_document, documents("matches")):
            if match.revisions is not None:
                made.deltas.load_published(match.match.person, match.match.opportunity, match.revisions)
        for person in map(StoredPerson.from_document, documents("people")):
            made.load_person(person.person, person.revision)
        for opening in map(StoredOpening.from_document, documents("opportunities")):
            made.load_opening(opening_facts(opening.opportunity, PACK), opening.revision)
        for stored in map(StoredList.from_document, documents("lists")):
            made.load_list(stored)
        made.loaded()

    def perform(self, *operations: Operation[None]) -> None:
        """Each in a transaction of its own."""
        for operation in operations:
            self.store.submit_now(operation)

    def perform_and_abort(self, operation: Operation[None]) -> None:
        """Its transaction comes to nothing."""

        def fail(session: object) -> None:
            raise ConnectionError

        with suppress(ConnectionError):
            self.store.perform_now([operation], in_transaction=fail)

    def hear(self, *things: Person | Opportunity) -> None:
        """They are committed; nothing is worked out yet."""
        for thing in things:
            key = thing.person if isinstance(thing, Person) else thing.opportunity
            self._sequences[key] = self._sequences.get(key, 0) + 1
            type = PERSON_UPDATED if isinstance(thing, Person) else JOB_POSTED
            event: Event[Any] = Event(
                id=f"{key}-{self._sequences[key]}", source="/services/intake", type=type.name, version=1, time=NOW,
                key=key, data=thing, sequence=self._sequences[key], correlationid=f"c-{key}-{self._sequences[key]}",
                recordedtime=RECORDED, traceparent="00-aa-bb-01",
            )  # fmt: skip
            changed: Any = self.matching.person_changed
            if isinstance(thing, Opportunity):
                changed = self.matching.opportunity_changed
            needs = partial(self.matching.needs_of_person, thing) if isinstance(thing, Person) else _none
            self.perform(Operation(needs, partial(changed, event)))

    def publish_changes(self, *, removals_only: bool = False) -> None:
        """Work out everything and tell what is due."""
        while True:
            self.matching.drain_inbox()
            deltas = self.matching.removals()
            if not removals_only:
                more = self.matching.advance(1.0)
                deltas += self.matching.deltas.due(100)
            self.perform(*(self.matching.deltas.publish(delta) for delta in deltas))
            if not deltas and (removals_only or not more):
                return

    def keep(self) -> None:
        """Keep everything for the next load."""
        people, best, done = self.matching.take_unsaved()
        self.perform(self.matching.save_lists(people, done), save_candidates(best))
        progress = self.matching.save_progress(done)
        self.perform(*([progress] if progress else []))

    def does(self, *things: Person | Opportunity) -> None:
        """The same one after the other."""
        for thing in things:
            self.hear(thing)
            self.publish_changes()

    def told(self) -> list[tuple[str, int]]:
        """Type and sequence of what was emitted."""
        headers = [{name: value.decode() for name, value in one.headers} for one in self.store.emitted]
        return [(one["ce_type"], int(one["ce_sequence"])) for one in headers]

    def standing(self) -> set[tuple[str, str]]:
        return {(one["person"], one["opportunity"]) for one in self.store.all("matches") if one["standing"]}

    def match(self, person: int = 1, opportunity: str = JOB) -> dict[str, Any] | None:
        return self.store.get("matches", IDS.derived(numbered(person), opportunity))

    def on_list(self, person: int = 1) -> list[str]:
        """The openings on somebody's list, best first."""
        found = self.matching.index.list_of(numbered(person))
        return [] if found is None else [opening for opening, _ in found[1].entries]
