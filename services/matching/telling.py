"""How matches are told: what one transaction saves and emits for one person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime

from services.matching.documents import (
    FORGOTTEN,
    MATCHES,
    OPPORTUNITIES,
    PEOPLE,
    WITHDRAWN,
    Cause,
    Document,
    fingerprint,
    held_match,
    match_document,
)
from services.matching.domain.assessment import band_of
from services.matching.domain.core import Revisions, ScoringCore
from services.matching.domain.explain import sentences
from services.matching.domain.matcher import Pair
from shared.events import Event, EventType, registry
from shared.events.topics.matches import MATCH_CHANGED, MATCH_FOUND, MATCH_WITHDRAWN, Match
from shared.kit.base import metrics
from shared.kit.base.ids import Ids
from shared.kit.store.unit_of_work import Need, UnitOfWork

SOURCE = "/services/matching"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be told of one person: withdrawn, and told as it stands now with its rank (found, changed, or the same
    after all)."""

    person: str
    withdraw: tuple[str, ...] = ()
    tell: tuple[tuple[str, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.withdraw or self.tell)


class Teller:
    """Tells plans. Pure over a Work; everything it compares with is in the Work, in the transaction's snapshot."""

    def __init__(self, core: ScoringCore, ids: Ids, model: str, forgotten: int) -> None:
        self._core = core
        self._ids = ids
        self._model = model
        self.forgotten = forgotten

    def needs(self, plan: Plan) -> Iterable[Need]:
        """The person, the openings, and what was last told of each pair."""
        yield Need.by_id(PEOPLE, plan.person)
        for opening in (*plan.withdraw, *(opening for opening, _ in plan.tell)):
            yield Need.by_id(OPPORTUNITIES, opening)
            yield Need.by_id(MATCHES, self._ids.derived(plan.person, opening))

    def tell(self, plan: Plan, work: UnitOfWork) -> dict[str, Revisions | None]:
        """Withdrawals first, so that nobody ever holds more than stand. Answers what stands as told now (None: not).

        Nothing is told as standing on a state that is older than the one in the database: what came since may forbid
        it, and is about to be assessed anyway.
        """
        after: dict[str, Revisions | None] = {}
        latest = max((self._revision(opening, work), opening) for opening, _ in plan.tell)[1] if plan.tell else None
        for opening in plan.withdraw:
            before = self._before((plan.person, opening), work)
            if before is not None and before["standing"]:
                self._withdraw((plan.person, opening), before, latest, work)
            after[opening] = None
        person = work.get(PEOPLE, plan.person)
        for opening, rank in plan.tell:
            revisions = self._core.revisions(plan.person, opening)
            if revisions is None or person is None or person["revision"] != revisions.person:
                continue
            if self._revision(opening, work) == revisions.opening:
                self._stand((plan.person, opening), rank, revisions, work)
                after[opening] = revisions
        return after

    def _stand(self, pair: Pair, rank: int, revisions: Revisions, work: UnitOfWork) -> None:
        assessment = self._core.explain(pair)
        assert assessment.state != "no", "what is on a list may match"
        match = Match(
            match=self._ids.derived(*pair),
            person=pair[0],
            opportunity=pair[1],
            kind=assessment.opening.kind,
            state=assessment.state,
            score=assessment.score,
            band=band_of(assessment.score, assessment.terms.pack),
            person_rank=rank,
            reasons=sentences.reasons(assessment),
            questions=sentences.questions(assessment),
            model=self._model,
            as_of=self._core.today,
        )
        content, before = fingerprint(match), self._before(pair, work)
        if before is not None and before["standing"] and before["fingerprint"] == content:
            return
        found = before is None or not before["standing"]
        cause = self._newest((PEOPLE, pair[0]), (OPPORTUNITIES, pair[1]), work=work)
        self._say(MATCH_FOUND if found else MATCH_CHANGED, match, content, revisions, before, cause, work)

    def _withdraw(self, pair: Pair, before: Document, latest: str | None, work: UnitOfWork) -> None:
        """The last score and band stay, so that whoever was told can say what ended; reasons and questions go."""
        told = held_match(before)
        match = told.model_copy(
            update={
                "state": WITHDRAWN, "reasons": (), "questions": (), "model": self._model, "as_of": self._core.today,
            }
        )  # fmt: skip
        then = before.get("of") or (0, 0, "")
        person, opening = work.get(PEOPLE, pair[0]), work.get(OPPORTUNITIES, pair[1])
        changed = [one for one, of in ((person, then[0]), (opening, then[1])) if one and one["revision"] > of]
        if changed:
            cause = Cause(**max(changed, key=lambda one: int(one["revision"]))["cause"])
        elif latest is not None:  # others are better: the newest of them
            cause = self._newest((OPPORTUNITIES, latest), work=work)
        else:
            cause = of_day(self._core.today, self._ids)
        self._say(MATCH_WITHDRAWN, match, None, None, before, cause, work)

    def _say(
        self,
        type: EventType,
        match: Match,
        content: str | None,
        revisions: Revisions | None,
        before: Document | None,
        cause: Cause,
        work: UnitOfWork,
    ) -> None:
        sequence = max(before["sequence"] if before else 0, self.forgotten) + 1
        document = {
            **match_document(match, sequence, content, revisions),
            "last": {"type": type.name, "time": work.now, **asdict(cause)},
        }
        work.save(MATCHES, document)
        work.emit(_event(type, match, sequence, work.now, cause, self._ids))
        work.after_commit(metrics.matches.of(outcome=type.name.removeprefix("match-")).inc)

    def _before(self, pair: Pair, work: UnitOfWork) -> Document | None:
        return work.get(MATCHES, self._ids.derived(*pair))

    @staticmethod
    def _revision(opening: str, work: UnitOfWork) -> int:
        document = work.get(OPPORTUNITIES, opening)
        return -1 if document is None else int(document["revision"])

    def _newest(self, *places: tuple[str, str], work: UnitOfWork) -> Cause:
        found = [document for place in places if (document := work.get(*place)) is not None]
        if not found:
            return of_day(self._core.today, self._ids)
        return Cause(**max(found, key=lambda document: int(document["revision"]))["cause"])


def forget_withdrawn(ids: Iterable[str], before: date, forgotten: int, work: UnitOfWork) -> int:
    """Forget these matches, if they were withdrawn before that day. Needs `MATCHES` by id. Answers the highest sequence
    ever forgotten.

    Consumers drop what is not newer than what they hold, and may hold a match for longer than we do. So the highest
    sequence ever forgotten is kept, one number for all pairs, and every new number lies above it: a hole harms nobody,
    a number given twice would be lost. Who restores an older copy raises it (docs/runbook.md).
    """
    highest = forgotten
    for id in ids:
        held = work.get(MATCHES, id)
        if held is not None and not held["standing"] and held["match"]["as_of"] < before.isoformat():
            highest = max(highest, held["sequence"])
            work.delete(MATCHES, id)
    if highest > forgotten:
        work.save(FORGOTTEN, {"_id": MATCHES, "sequence": highest})
    return highest


def of_day(today: date, ids: Ids) -> Cause:
    """No event caused it, the day did."""
    return Cause(ids.derived("day", today.isoformat()))


def told_again(document: Document, ids: Ids) -> Event[Match]:
    """The event that last told the match of this document: the same id, number and cause, without its rank."""
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
