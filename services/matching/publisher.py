"""How changes of matches are published: what one transaction saves and emits for one person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from services.matching import metrics
from services.matching.documents import WITHDRAWN, Cause, StoredMatch, StoredOpening, StoredPerson, Telling, fingerprint
from services.matching.domain.assessment import Assessment
from services.matching.domain.factors.certainty import likelihood
from services.matching.domain.match_event import match_event
from services.matching.domain.match_index import MatchIndex, Pair, Revisions
from services.matching.match_provenance import MatchProvenance
from services.matching.matcher_documents import StoredPurge
from shared.events import Event, EventType, registry
from shared.events.topics.matches import MATCH_CHANGED, MATCH_FOUND, MATCH_WITHDRAWN, Match
from shared.kit.base.ids import Ids
from shared.kit.store.unit_of_work import Need, UnitOfWork

SOURCE = "/services/matching"
MOST_TOLD = 10  # times that a match was told of which its document says from what


@dataclass(frozen=True, slots=True)
class MatchDelta:
    """What is to be published of one person: openings to withdraw, and openings that stand now, each with its rank
    (found, changed, or the same after all) and the revisions that it was chosen by."""

    person: str
    withdrawn: tuple[str, ...] = ()
    standing: tuple[tuple[str, int, Revisions], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.withdrawn or self.standing)


class MatchPublisher:
    """Publishes deltas. Pure over a unit of work; everything it compares with is in the transaction's snapshot.
    ``rules``: by which rules the index decides, to be kept with what is told."""

    def __init__(
        self, index: MatchIndex, ids: Ids, model: str, purged: int, provenance: MatchProvenance, rules: str = ""
    ) -> None:
        self._index = index
        self._ids = ids
        self._model = model
        self._rules = rules
        self._provenance = provenance
        self.purged = purged

    def needs(self, delta: MatchDelta) -> Iterable[Need]:
        """The person, what is kept of them, the openings, and what was last published of each pair."""
        yield StoredPerson.need(delta.person)
        yield self._provenance.needs_to_keep(delta.person)
        for opening in (*delta.withdrawn, *(opening for opening, _, _ in delta.standing)):
            yield StoredOpening.need(opening)
            yield StoredMatch.need(self._ids.derived(delta.person, opening))

    def publish(self, delta: MatchDelta, work: UnitOfWork) -> dict[str, Revisions | None]:
        """Withdrawals first, so that nobody ever holds more than stand. Returns what stands as published now (None:
        withdrawn).

        Nothing is published as standing on a state that is older than the one in the database, or than the one held
        now: what came since may forbid it, and what it came to is looked at next.
        """
        after: dict[str, Revisions | None] = {}
        person = StoredPerson.find(work, delta.person)
        openings = {id: StoredOpening.find(work, id) for id, _, _ in delta.standing}
        newest = max((one for one in openings.values() if one is not None), key=_age, default=None)
        for id in delta.withdrawn:
            before = self._last((delta.person, id), work)
            if before is not None and before.standing:
                self._withdraw(before, person, StoredOpening.find(work, id), newest, work)
            after[id] = None
        for id, rank, revisions in delta.standing:
            opening = openings[id]
            if person is None or opening is None:
                continue
            if (person.revision, opening.revision) != (revisions.person, revisions.opening):
                continue
            if (assessment := self._index.explain((person.id, id), revisions)) is not None:
                self._publish_standing(person, opening, rank, revisions, assessment, work)
                after[id] = revisions
        return after

    def _publish_standing(
        self,
        person: StoredPerson,
        opening: StoredOpening,
        rank: int,
        revisions: Revisions,
        assessment: Assessment,
        work: UnitOfWork,
    ) -> None:
        pair = person.id, opening.id
        match = match_event(assessment, self._ids.derived(*pair), rank)
        content, before = fingerprint(match), self._last(pair, work)
        assert assessment.person.consent_until is not None, "who has no consent matches nothing"
        if before is not None and before.content == content:
            self._keep_as_told(before, match, person, opening, revisions, assessment.person.consent_until, work)
            return
        type = MATCH_CHANGED if before is not None and before.standing else MATCH_FOUND
        cause = person.cause if _age(person) > _age(opening) else opening.cause
        chance = likelihood(assessment.person, assessment.opening, assessment.context)
        self._provenance.keep(person, opening, assessment.person.consent_until, work)
        self._emit(type, match, content, revisions, before, person, cause, work, chance)

    def _keep_as_told(
        self,
        before: StoredMatch,
        match: Match,
        person: StoredPerson,
        opening: StoredOpening,
        revisions: Revisions,
        consent_until: date,
        work: UnitOfWork,
    ) -> None:
        """It reads as it was told, so nothing is told. When what it was told by is kept no more, or ended sooner, it
        comes out of what stands now just as well: that is kept, and named in its place."""
        told = _still_named(before, person)
        if told and self._provenance.holds(told[-1], person, consent_until, work):
            return
        assert before.content is not None, "what reads the same stands"
        self._provenance.keep(person, opening, consent_until, work)
        telling = self._telling(match, before.sequence, revisions, before.content)
        replace(before, told=(*(one for one in told if one.sequence != before.sequence), telling)).save(work)

    def _withdraw(
        self,
        before: StoredMatch,
        person: StoredPerson | None,
        opening: StoredOpening | None,
        newest: StoredOpening | None,
        work: UnitOfWork,
    ) -> None:
        """The last score and band stay, so that whoever was told can say what ended; reasons and questions go. The
        cause: what changed of the two since it was assessed; else the newest of those that are better; else the day."""
        match = before.match.model_copy(
            update={
                "state": WITHDRAWN, "reasons": (), "questions": (), "model": self._model, "as_of": self._index.today,
            }
        )  # fmt: skip
        then = before.revisions or Revisions(0, 0, "")
        changed: list[StoredPerson | StoredOpening] = []
        if person is not None and person.revision > then.person:
            changed.append(person)
        if opening is not None and opening.revision > then.opening:
            changed.append(opening)
        source = max(changed, key=_age, default=newest)
        cause = caused_by_day(self._index.today, self._ids) if source is None else source.cause
        self._emit(MATCH_WITHDRAWN, match, None, None, before, person, cause, work)

    def _emit(
        self,
        type: EventType,
        match: Match,
        content: str | None,
        revisions: Revisions | None,
        before: StoredMatch | None,
        person: StoredPerson | None,
        cause: Cause,
        work: UnitOfWork,
        chance: float = 0.0,
    ) -> None:
        sequence = max(before.sequence if before else 0, self.purged) + 1
        table = self._index.congestion.day if self._index.congestion is not None else None
        told = _still_named(before, person) if self._index.has_person(match.person) else ()
        if revisions is not None and content is not None:
            told = (*told, self._telling(match, sequence, revisions, content))[-MOST_TOLD:]
        StoredMatch(match, sequence, content, revisions, type.name, work.now, cause, table, chance, told).save(work)
        work.emit(_event(type, match, sequence, work.now, cause, self._ids))
        work.after_commit(metrics.matches.of(outcome=type.name.removeprefix("match-")).inc)

    def _telling(self, match: Match, sequence: int, revisions: Revisions, content: str) -> Telling:
        table = self._index.congestion
        day, price = (None, 0.0) if table is None else (table.day, table.prices.get(match.opportunity, 0.0))
        return Telling(
            sequence, revisions, match.as_of, match.model, self._rules, match.score, content, day, price
        )  # fmt: skip

    def _last(self, pair: Pair, work: UnitOfWork) -> StoredMatch | None:
        return StoredMatch.find(work, self._ids.derived(*pair))


def _still_named(before: StoredMatch | None, person: StoredPerson | None) -> tuple[Telling, ...]:
    """When it was told since the person may be matched without a break."""
    if before is None or person is None:
        return ()
    return tuple(one for one in before.told if one.revisions.person >= person.told_from)


def _age(stored: StoredPerson | StoredOpening) -> tuple[int, str]:
    return stored.revision, stored.id


def purge_withdrawn(ids: Iterable[str], before: date, purged: int, work: UnitOfWork) -> int:
    """Delete these matches, if they were withdrawn before that day. Needs them. Returns the highest sequence ever
    purged.

    Consumers drop what is not newer than what they hold, and may hold a match for longer than we do. So the highest
    sequence ever purged is kept, one number for all pairs, and every new number lies above it: a hole harms nobody, a
    number given twice would be lost. Who restores an older copy raises it (docs/runbook.md).
    """
    highest = purged
    for id in ids:
        stored = StoredMatch.find(work, id)
        if stored is not None and not stored.standing and stored.match.as_of < before:
            highest = max(highest, stored.sequence)
            work.delete(StoredMatch.collection, id)
    if highest > purged:
        StoredPurge(highest).save(work)
    return highest


def caused_by_day(today: date, ids: Ids) -> Cause:
    """No event caused it, the day did."""
    return Cause(ids.derived("day", today.isoformat()))


def republished_event(stored: StoredMatch, ids: Ids) -> Event[Match]:
    """The event by which this match was last published: the same id, number and cause, without its rank."""
    type = registry.find(stored.event_type)
    return _event(type, stored.match, stored.sequence, stored.event_time, stored.cause, ids)


def _event(type: EventType, match: Match, sequence: int, time: datetime, cause: Cause, ids: Ids) -> Event[Match]:
    return Event(
        id=ids.derived(type.name, match.match, sequence),
        source=SOURCE,
        type=type.name,
        version=type.version,
        time=time,
        key=match.person,
        data=match,
        sequence=sequence,
        correlationid=cause.correlationid,
        causationid=cause.causationid,
        recordedtime=cause.recordedtime,
        traceparent=cause.traceparent,
    )
