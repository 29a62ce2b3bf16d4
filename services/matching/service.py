"""Use cases: what happens to the matches when a person, an opportunity or the day changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from services.matching.documents import FORGOTTEN, MATCHES, WITHDRAWN, Document, fingerprint, held_match, match_document
from services.matching.domain.core import ScoringCore
from services.matching.domain.explain import sentences
from services.matching.domain.journal import Journal
from services.matching.domain.matcher import Pair, Standing
from services.matching.fence import NotActive
from shared.events import Event, EventType, registry
from shared.events.topics.matches import MATCH_CHANGED, MATCH_FOUND, MATCH_WITHDRAWN, Band, Match
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit import metrics
from shared.kit.ids import Ids
from shared.kit.work import Work
from shared.reference import Pack

SOURCE = "/services/matching"
# Longer than an event of ours can come again: 7 days from the outbox, and 7 more in the topic that it then went into.
KEEP_WITHDRAWN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Cause:
    """What an emitted event hands on from the event that caused it."""

    correlationid: str
    causationid: str | None = None
    recordedtime: datetime | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, event: Event[Any]) -> Cause:
        """The cause is an event."""
        return cls(event.correlationid or event.id, event.id, event.recordedtime, event.traceparent)


class Told(NamedTuple):
    """What was last told of a match; `content` is None once it was withdrawn."""

    sequence: int
    content: str | None
    score: float
    band: Band
    kind: str


class Matching:
    """The matches, kept in memory and told as events. A view of the kit's store: what is not committed is taken back.

    ``load_...`` what the database holds before anything else; then each change saves and emits exactly what is new.
    ``guard`` says whether this matcher may write; it is asked before every piece of work, and a no undoes the whole
    transaction.
    """

    def __init__(self, pack: Pack, ids: Ids, core: Callable[[date], ScoringCore], today: date) -> None:
        self.pack = pack
        self._ids = ids
        self._make_core = core
        self._core = core(today)
        self._told: dict[Pair, Told] = {}
        self._forgotten = 0
        self._journal = Journal()
        self.guard: Callable[[], bool] = lambda: True

    # --- changes

    def person_changed(self, person: Person, work: Work, cause: Cause) -> None:
        """A person is new, changed or gone (their status and consents say so)."""
        self._settle(self._core.put_person(person), work, cause)

    def opportunity_changed(self, opportunity: Opportunity, work: Work, cause: Cause) -> None:
        """An opportunity is new, changed or closed."""
        self._settle(self._core.put_opportunity(opportunity), work, cause)

    def reassess(self, person: str, today: date, work: Work) -> None:
        """Bring one person to this day. Again on the same day changes nothing."""
        if self._core.today != today:
            self._core.set_day(today)
        self._settle(self._core.reassess(person), work, self._of_day(today))

    def end_of_turn(self, today: date, work: Work) -> None:
        """After everybody was reassessed on a new day: what has ended is no longer looked at."""
        if self._core.today != today:  # there was nobody
            self._core.set_day(today)
        self._settle(self._core.drop_ended(), work, self._of_day(today))

    def forget_withdrawn(self, ids: Iterable[str], before: date, work: Work) -> None:
        """Forget these matches, if they were withdrawn before that day (KEEP_WITHDRAWN_DAYS). Needs `MATCHES` by id.

        Consumers drop what is not newer than what they hold, and may hold a match for longer than we do. So the highest
        sequence ever forgotten is kept, one number for all pairs, and every new number lies above it: a hole harms
        nobody, a number given twice would be lost. Who restores an older copy raises it (docs/runbook.md).
        """
        highest = self._forgotten
        for id in ids:
            held = work.get(MATCHES, id)
            if held is not None and not held["standing"] and held["match"]["as_of"] < before.isoformat():
                highest = max(highest, held["sequence"])
                self._journal.drop(self._told, (held["person"], held["opportunity"]))
                work.delete(MATCHES, id)
        if highest > self._forgotten:
            self._journal.record(setattr, self, "_forgotten", self._forgotten)
            self._forgotten = highest
            work.save(FORGOTTEN, {"_id": MATCHES, "sequence": highest})

    def settle(self, pairs: Iterable[Pair], work: Work) -> None:
        """Tell what is not as it was last told."""
        self._settle(pairs, work, self._of_day(self._core.today))

    # --- what is known

    @property
    def today(self) -> date:
        """The day on which pairs are assessed."""
        return self._core.today

    def people(self) -> Iterable[str]:
        """The ids of all people held."""
        return self._core.people()

    def openings(self) -> int:
        """How many opportunities are looked at."""
        return self._core.openings()

    def unsettled(self) -> list[Pair]:
        """All pairs that may not be as they were last told: kept now, or told as standing."""
        return sorted({*self._core.kept(), *(pair for pair, told in self._told.items() if told.content is not None)})

    # --- memory

    def forget(self, today: date) -> None:
        """Start with nothing, on this day; `load_...` follows."""
        self._core, self._told, self._forgotten, self._journal = self._make_core(today), {}, 0, Journal()

    def load_opportunity(self, opportunity: Opportunity) -> None:
        """What the database holds: tells nothing."""
        self._core.put_opportunity(opportunity)
        self._core.committed()

    def load_person(self, person: Person) -> None:
        """What the database holds: tells nothing."""
        self._core.put_person(person)
        self._core.committed()

    def load_forgotten(self, sequence: int) -> None:
        """The highest sequence of the matches that were forgotten."""
        self._forgotten = sequence

    def load_match(self, document: Document) -> None:
        """What was last told."""
        match = held_match(document)
        content = document["fingerprint"] if document["standing"] else None
        told = Told(document["sequence"], content, match.score, match.band, match.kind)
        self._told[match.person, match.opportunity] = told

    def mark(self) -> object:
        """A point to go back to. Raises NotActive, which the store takes as a reason to undo everything."""
        if not self.guard():
            raise NotActive("lease")
        return self._core.mark(), self._journal.mark()

    def undo(self, mark: Any) -> None:
        """Take back everything since the mark."""
        core, told = mark
        self._core.undo(core)
        self._journal.undo(told)

    def committed(self) -> None:
        """What was done is now true."""
        self._core.committed()
        self._journal.forget()

    def aborted(self) -> None:
        """Nothing since the last commit is true."""
        self._core.aborted()
        self._journal.undo()

    # --- how it is told

    def _settle(self, pairs: Iterable[Pair], work: Work, cause: Cause) -> None:
        for pair in sorted(pairs):
            now, before = self._core.standing(pair), self._told.get(pair)
            if now is not None:
                self._tell_standing(pair, now, before, work, cause)
            elif before is not None and before.content is not None:
                self._tell_withdrawn(pair, before, work, cause)

    def _tell_standing(self, pair: Pair, now: Standing, before: Told | None, work: Work, cause: Cause) -> None:
        assessment = self._core.explain(pair)
        match = Match(
            match=self._ids.derived(*pair),
            person=pair[0],
            opportunity=pair[1],
            kind=assessment.opening.kind,
            state=now.state,
            score=now.score,
            band=now.band,
            person_rank=now.rank,
            reasons=sentences.reasons(assessment),
            questions=sentences.questions(assessment),
            model=self.pack.weights_version,
            as_of=self._core.today,
        )
        content = fingerprint(match)
        if before is not None and before.content == content:
            return
        found = before is None or before.content is None
        self._tell(MATCH_FOUND if found else MATCH_CHANGED, match, content, before, work, cause)

    def _tell_withdrawn(self, pair: Pair, before: Told, work: Work, cause: Cause) -> None:
        """The last score and band stay, so that whoever was told can say what ended; reasons and questions go."""
        match = Match(
            match=self._ids.derived(*pair),
            person=pair[0],
            opportunity=pair[1],
            kind=before.kind,
            state=WITHDRAWN,
            score=before.score,
            band=before.band,
            model=self.pack.weights_version,
            as_of=self._core.today,
        )
        self._tell(MATCH_WITHDRAWN, match, None, before, work, cause)

    def _tell(
        self, type: EventType, match: Match, content: str | None, before: Told | None, work: Work, cause: Cause
    ) -> None:
        sequence = max(before.sequence if before else 0, self._forgotten) + 1
        told = Told(sequence, content, match.score, match.band, match.kind)
        self._journal.put(self._told, (match.person, match.opportunity), told)
        document = {
            **match_document(match, sequence, content),
            "last": {"type": type.name, "time": work.now, **asdict(cause)},
        }
        work.save(MATCHES, document)
        work.emit(_event(type, match, sequence, work.now, cause, self._ids))
        work.after_commit(metrics.matches.of(outcome=type.name.removeprefix("match-")).inc)

    def _of_day(self, today: date) -> Cause:
        """No event caused it, the day did."""
        return Cause(self._ids.derived("day", today.isoformat()))


def told_again(document: Document, ids: Ids) -> Event[Match]:
    """The event that last told the match of this document: the same id, number and cause, without ranks."""
    last = dict(document["last"])
    type, time = registry.find(last.pop("type")), last.pop("time")
    return _event(type, held_match(document), document["sequence"], time, Cause(**last), ids)


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
