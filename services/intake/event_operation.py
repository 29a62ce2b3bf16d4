"""Decide: one validated event, inside the transaction that it shares with others.

In this order: the sender's right and source, seen before?, what was found wrong, what the event changes. Then the
receipt, and what is kept of it. Pure over the unit of work: whatever raises leaves no trace and fails this event alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from services.intake import metrics
from services.intake.agency_limits import counted, midnight
from services.intake.dependencies import Dependencies
from services.intake.documents import (
    AGENCIES,
    INBOX,
    REJECTIONS,
    TALLIES,
    EmittedEntry,
    FindingEntry,
    InboxDocument,
    RejectionDocument,
)
from services.intake.domain.agency_rules import may_emit
from services.intake.domain.envelope_rules import trace_for
from services.intake.event_handlers import topic_handlers
from services.intake.event_handlers.effect import DoorEvent, Effect
from services.intake.event_handlers.publish import publish
from services.intake.event_validation import Validated
from services.intake.last_published import Causation
from services.intake.schemas import Receipt, ReceiptStatus
from shared.access.agencies import held_agency
from shared.access.api_keys import BY_TOPIC, Caller
from shared.events.refusal import MOST, Refusal, Refused
from shared.events.topics.agencies import Agency
from shared.kit.base.ids import random_id
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.authentication import unauthorised
from shared.kit.web.problem_details import findings, refused


def decision(validated: Validated, caller: Caller, dependencies: Dependencies) -> Operation[Receipt]:
    """The event as an operation for the store, which loads what it needs and calls it."""
    pending = _Decision(validated, caller, dependencies)
    return Operation(pending.needs, pending.decide)


@lru_cache(64)  # every event of a transaction asks for it, several times
def rejections_tally(agency: str, now: datetime) -> str:
    """The id of the tally of an agency's refused events that were kept on this day."""
    return f"{agency}/{now.date()}"


@lru_cache(64)
def _of_all(agency: str, now: datetime) -> tuple[Need, ...]:
    """What every event of an agency needs."""
    return Need.by_id(AGENCIES, agency), TALLIES.by_id(rejections_tally(agency, now))


@dataclass(frozen=True, slots=True)
class _Decision:
    validated: Validated
    caller: Caller
    dependencies: Dependencies

    def needs(self, work: UnitOfWork) -> Iterable[Need]:
        needs = [*_of_all(self._agency, work.trusted)]
        if (event := self.validated.event) is not None:
            needs.append(event.seen)
        if (said := event or self.validated.rest) is not None:
            needs += topic_handlers()[said.incoming.event_type.topic.name].needs(said, work, self.dependencies)
        return needs

    def decide(self, work: UnitOfWork) -> Receipt:
        sender, event, found = self._sender(work), self.validated.event, self.validated.refusals
        if event is None:
            return self._refuse([*found, *self._besides(sender, work)][:MOST], work)
        if event.incoming.source != sender.source:
            return self._refuse([Refusal("wrong-source", "/source", {"source": sender.source})], work)
        if not may_emit(sender, event.name):
            return self._refuse([Refusal("not-allowed", "/type")], work)
        if (seen := INBOX.get(work, event.inbox)) is not None:
            if seen["content"] != event.content:
                return self._refuse([Refusal("same-id-other-content", "/id")], work)
            return self._receipt("duplicate", seen["receipt"], seen["answer"])
        handler, receipt = topic_handlers()[event.incoming.event_type.topic.name], random_id()
        causation = self._causation(event, receipt, work.now)
        found = (*found, *handler.check(event, work, self.dependencies))
        if found:
            return self._refuse(found[:MOST], work)
        try:
            effect = handler.decide(event, work, self.dependencies)
        except Refused as refused:
            return self._refuse(refused.refusals, work)
        if effect.status == "accepted" and not (effect.emitted or effect.saves or effect.untold):
            effect.status = "duplicate"  # under another id it says what is known already
        if effect.refusals:  # what could be understood of it holds all the same
            answer = self._refuse(effect.refusals, work)
        else:
            answer = self._accept(event, effect, receipt, causation, work)
        if not event.incoming.testrun:
            publish(effect, causation, work, self.dependencies.ids)
        return answer

    def _besides(self, sender: Agency, work: UnitOfWork) -> Sequence[Refusal]:
        """What only the store can tell is wrong with the rest of an event of which some cannot be looked at."""
        unfit, rest = self.validated.unfit, self.validated.rest
        if rest is None or rest.incoming.source != sender.source or not may_emit(sender, rest.name):
            return ()
        found = topic_handlers()[rest.incoming.event_type.topic.name].check(rest, work, self.dependencies)
        return found if unfit is None else unfit.besides(found)

    def _accept(
        self, event: DoorEvent, effect: Effect, receipt: str, causation: Causation, work: UnitOfWork
    ) -> Receipt:
        """The receipt, kept for whoever sends the same again or asks what became of it."""
        incoming, inbox, sealer = event.incoming, event.inbox, self.dependencies.sealer
        if not incoming.testrun:
            row = InboxDocument(
                _id=inbox,
                receipt=receipt,
                content=event.content,
                agency=event.agency,
                type=event.name,
                event=sealer.seal(incoming.id.encode(), INBOX.name, inbox),
                actor=sealer.seal(incoming.actor.encode(), INBOX.name, inbox, "actor") if incoming.actor else None,
                status=effect.status,
                answer=effect.answer,
                about=incoming.event_type.topic.name,
                person=effect.person,
                at=work.now,
                correlationid=causation.correlationid,
                emitted=[EmittedEntry(type=one.event_type.name, sequence=one.sequence) for one in effect.emitted],
            )
            INBOX.save(work, row)
            work.after_commit(partial(_count, event.name, event.agency, effect.status == "accepted", work.now))
        return self._receipt(effect.status, receipt, effect.answer, effect.warnings)

    def _receipt(
        self, status: ReceiptStatus, receipt: str, answer: Mapping[str, Any], further: tuple[Refusal, ...] = ()
    ) -> Receipt:
        warnings = findings((*self.validated.warnings, *further), self.dependencies.pack.remedy)
        return self.validated.echo.receipt(status, receipt=receipt, warnings=warnings or None, **answer)

    def _refuse(self, refusals: Sequence[Refusal], work: UnitOfWork) -> Receipt:
        """The receipt of a refusal. It is kept without any value of the event, up to so many of one agency and day:
        the rest is answered all the same, and counted."""
        work.after_commit(lambda: metrics.events_refused.of(reason=refusals[0].rule).inc())
        problem = refused(refusals, self.dependencies.pack.remedy, self.dependencies.pack.problem)
        if not self.validated.echo.testrun and not self._kept(refusals, work):
            problem = problem.model_copy(update={"kept": False})
        return self.validated.echo.receipt("refused", problem=problem)

    def _kept(self, refusals: Sequence[Refusal], work: UnitOfWork) -> bool:
        agency, today, echo = self._agency, midnight(work.trusted), self.validated.echo
        tally_id, most = rejections_tally(agency, today), self.dependencies.most_rejections
        tally = counted(tally_id, most, today + timedelta(days=2), work)
        if tally is None:
            work.after_commit(lambda: metrics.rejections_not_kept.of(agency=agency).inc())
            return False
        id = self.dependencies.ids.derived("rejection", agency, echo.id) if echo.id else random_id()
        row = RejectionDocument(
            _id=id,
            agency=agency,
            event=self.dependencies.sealer.seal((echo.id or "").encode(), REJECTIONS.name, id),
            type=echo.type,
            at=work.trusted,  # deleted by age, by MongoDB's own clock: a calendar that was moved shortens nothing
            refusals=[FindingEntry(rule=one.rule, field=one.field, values=dict(one.values)) for one in refusals],
        )
        said = self.validated.event or self.validated.rest
        if said is not None and said.index:
            row["reference"] = said.index
        TALLIES.save(work, tally)
        REJECTIONS.save(work, row)
        return True

    def _sender(self, work: UnitOfWork) -> Agency:
        """The caller's agency as it is in this transaction: a right or key that was taken away no longer counts."""
        agency, key_id = work.parsed(AGENCIES, self._agency, held_agency), self.caller.key_id
        if agency is None or (key_id != BY_TOPIC and all(key.key_id != key_id for key in agency.keys)):
            raise unauthorised()
        return agency

    def _causation(self, event: DoorEvent, cause: str, now: datetime) -> Causation:
        incoming, correlationid = event.incoming, random_id()
        actor = incoming.actor and self.dependencies.ids.derived("actor", event.agency, incoming.actor)
        trace = trace_for(incoming, correlationid)
        return Causation(
            correlationid=correlationid,
            causationid=cause,
            time=incoming.time,
            recordedtime=now,
            actor=actor,
            traceparent=trace,
        )

    @property
    def _agency(self) -> str:
        return self.caller.agency.agency


def _count(type: str, agency: str, accepted: bool, now: datetime) -> None:
    """The agency has spoken, whether or not it said anything new."""
    if accepted:
        metrics.events_accepted.of(type=type).inc()
    metrics.last_event_timestamp_seconds.of(agency=agency, type=type).set(now.timestamp())
