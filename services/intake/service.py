"""Use case of the door: take events and answer each with a receipt.

An event passes in this order: read (form), rules that need no store, then in a transaction with others: right and
source, "seen before?", rules that need the store, effect. A bad event stops nobody else in its batch, nor does a
fault of ours in deciding one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from services.intake.answers import MOST_ANSWERED, Receipt, refusing, shortened
from services.intake.changes import agencies, opportunities, people
from services.intake.changes.effect import AGENCIES, Accepted, Effect, Tools
from services.intake.changes.publish import Root, publish
from services.intake.domain.agencies import may_emit
from services.intake.domain.collected import NeverCollected
from services.intake.domain.door import Features, features
from services.intake.domain.envelope import check_envelope, trace_for
from services.intake.domain.findings import Budget, Findings
from services.intake.failures import failed
from services.intake.repository import INBOX, REJECTIONS
from shared.access.agencies import held_agency
from shared.access.keys import Caller, unauthorised
from shared.events import registry
from shared.events.incoming import Incoming, read
from shared.events.limits import LONGEST_NAME, check_structure
from shared.events.refusal import MOST, Refusal, Refused
from shared.kit.base import metrics
from shared.kit.base.ids import random_id
from shared.kit.base.slices import Slices
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.web.problems import Problem
from shared.reference import Pack

MOST_EVENTS = 500  # in one request, unless the settings say otherwise
# Of a request in one transaction: some 100 ms of work at most. What others sent is decided between two of them.
PORTION_EVENTS = 100
PORTION_BYTES = 512 * 1024  # of content, reached by the last one


class _Family(Protocol):
    """A module of `changes`."""

    def needs(self, event: Accepted, work: UnitOfWork, tools: Tools) -> Iterable[Need]: ...
    def decide(self, event: Accepted, work: UnitOfWork, tools: Tools) -> Effect: ...


_FAMILIES: Mapping[str, _Family] = {"people": people, "opportunities": opportunities, "agencies": agencies}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event of a request before its transaction: what could be read of it, and what is wrong so far."""

    id: str | None
    source: str | None
    type: str | None
    testrun: bool
    incoming: Incoming | None
    features: Features
    refusals: tuple[Refusal, ...]


@dataclass(slots=True)
class _Portion:
    """Consecutive events of one request on their way into one transaction. By position in the request."""

    arrivals: dict[int, Arrival] = field(default_factory=dict)
    tasks: dict[int, Operation[Receipt]] = field(default_factory=dict)
    receipts: dict[int, Receipt] = field(default_factory=dict)
    types: list[str | None] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        """Whether no further event goes in."""
        return len(self.types) >= PORTION_EVENTS or self.size >= PORTION_BYTES


Item = dict[str, Any] | Refused
# What is asked about the types of a request's events (None: unknown): whether they go ahead, and which are too many.
Admit = Callable[[Sequence[str | None]], Awaitable[tuple[bool, Collection[int]]]]


class Door:
    """Takes events. `today` of every rule is the day in the pack's time zone."""

    def __init__(self, store: Store, tools: Tools) -> None:
        self._store = store
        self._tools = tools
        self._never = NeverCollected(tools.pack)
        self._zone = ZoneInfo(tools.pack.timezone)
        self._slices = Slices()

    def day(self, now: datetime) -> date:
        """The pack's day at that moment."""
        return now.astimezone(self._zone).date()

    async def take(
        self, items: Iterable[Item], caller: Caller, most: int = MOST_EVENTS, admit: Admit | None = None
    ) -> list[Receipt]:
        """One receipt per event, in order; whatever is unforeseen in one event is answered for that event alone.

        Kept portion by portion, in order, each in one transaction: others have their turn in between, and no more of a
        request than a portion is in memory as objects. ``items`` that are more than a portion are gone through twice.

        Raises, before anything is kept, Refused when there are more than `most` or the rest cannot be read. Raises
        Unavailable, or the 401 problem when the caller's key is no longer registered: then the first portions may be
        kept, and nothing without all that stands before it: repeating all keeps the order.

        `admit` is asked before anything is decided: whether all of it goes ahead in the store, and which are put off.
        What it raises refuses all."""
        budget, reading = Budget(), enumerate(items)
        portion = await self._portion(reading, caller, most, budget)
        types = portion.types + await self._types(reading, most)
        ahead, late = (False, ()) if admit is None else await admit(types)
        late = frozenset(late)
        receipts, left = shortened(await self._decided(portion, late, ahead, caller), MOST_ANSWERED)
        if len(receipts) < len(types):
            reading = enumerate(items)
            async with self._slices.work() as pause:
                for _ in zip(range(len(receipts)), reading, strict=False):  # the range first: it takes none too many
                    await pause()
        while len(receipts) < len(types):
            portion = await self._portion(reading, caller, most, budget)
            more, left = shortened(await self._decided(portion, late, ahead, caller), left)
            if not more:
                raise RuntimeError("events that can be gone through only once")
            receipts += more
        return receipts

    async def _portion(
        self, reading: Iterator[tuple[int, Item]], caller: Caller, most: int, budget: Budget
    ) -> _Portion:
        """Read and check the next events."""
        portion = _Portion()
        async with self._slices.work() as pause:
            for number, item in reading:
                if number >= most:
                    raise too_many_events(most)
                await pause()
                try:
                    portion.arrivals[number] = arrival = self.arrival(item, budget)
                    portion.tasks[number] = self._task(arrival, caller)
                    portion.types.append(arrival.type)
                    portion.size += 0 if arrival.incoming is None else len(arrival.incoming.content)
                except Exception as error:
                    known = _without_content(item)
                    portion.types.append(known.type)
                    portion.receipts[number] = self._failed(known, caller, error)
                await pause()
                if portion.full:
                    break
        return portion

    async def _types(self, reading: Iterator[tuple[int, Item]], most: int) -> list[str | None]:
        """Go through what is left and keep nothing of it but the types: whether it can be read has to be known before
        the first portion is decided."""
        found: list[str | None] = []
        async with self._slices.work() as pause:
            for number, item in reading:
                if number >= most:
                    raise too_many_events(most)
                found.append(_without_content(item).type)
                await pause()
        return found

    async def _decided(self, portion: _Portion, late: Collection[int], ahead: bool, caller: Caller) -> list[Receipt]:
        """The receipts of a portion, once it is committed."""
        arrivals, tasks, receipts = portion.arrivals, portion.tasks, portion.receipts
        for position in [position for position in tasks if position in late]:
            del tasks[position]
            receipts[position] = put_off(arrivals[position], self._tools.pack)
        results = await self._store.submit_all(list(tasks.values()), ahead=ahead)
        for position, result in zip(tasks, results, strict=True):
            if isinstance(result, Problem):
                raise result
            one = self._failed(arrivals[position], caller, result) if isinstance(result, Exception) else result
            receipts[position] = one
        return [receipts[position] for position in sorted(receipts)]

    def _failed(self, arrival: Arrival, caller: Caller, error: Exception) -> Receipt:
        return failed(arrival.id, arrival.source, arrival.type, caller.agency.agency, error, self._tools.pack)

    def arrival(self, item: dict[str, Any] | Refused, budget: Budget | None = None) -> Arrival:
        """Read one event and put it to the rules that need no store. Findings are part of the result. `budget`: what
        one request may use up of what costs more than its size."""
        known = _without_content(item)
        if isinstance(item, Refused):
            return replace(known, refusals=item.refusals)
        incoming: Incoming | None = None
        found: Features = {}
        findings = Findings(self._tools.pack, budget)
        try:
            check_structure(item)  # before anything looks into it
            findings.refusals += self._never.find(item.get("data"))
            findings.end()
            sound = read(item)
            if sound.event_type.topic.name not in _FAMILIES:  # in the contract, but nothing here says what it changes
                raise Refused(Refusal("not-for-the-door", "/type"))
            incoming = sound
            now = self._tools.clock.calendar()
            check_envelope(incoming, findings, now)
            found = features(incoming.data, findings, self.day(now))
        except Refused as refused:
            findings.refusals = list(refused.refusals)
        return replace(known, incoming=incoming, features=found, refusals=tuple(findings.refusals[:MOST]))

    def _task(self, arrival: Arrival, caller: Caller) -> Operation[Receipt]:
        tools, agency = self._tools, caller.agency.agency
        if arrival.incoming is None:
            return Operation(
                lambda work: [Need.by_id(AGENCIES, agency)],
                lambda work: self._refuse(arrival, _sender(work, caller).agency, arrival.refusals, work),
            )
        incoming = arrival.incoming
        inbox = tools.references.event(incoming.source, incoming.id)
        event = Accepted(
            incoming,
            agency,
            tools.references.content(incoming.content),
            arrival.features,
            self.day(tools.clock.calendar()),
        )
        family = _FAMILIES[incoming.event_type.topic.name]

        def needs(work: UnitOfWork) -> Iterable[Need]:
            return [Need.by_id(AGENCIES, agency), Need.by_id(INBOX, inbox), *family.needs(event, work, tools)]

        def do(work: UnitOfWork) -> Receipt:
            sender = _sender(work, caller)
            if incoming.source != sender.source:
                return self._refuse(
                    arrival, agency, [Refusal("wrong-source", "/source", {"source": sender.source})], work
                )
            if not may_emit(sender, event.name):
                return self._refuse(arrival, agency, [Refusal("not-allowed", "/type")], work)
            seen = work.get(INBOX, inbox)
            if seen is not None and seen["content"] == event.content:
                return _receipt(arrival, "duplicate", receipt=seen["receipt"], **seen["answer"])
            if seen is not None:
                return self._refuse(arrival, agency, [Refusal("same-id-other-content", "/id")], work)
            if arrival.refusals:
                return self._refuse(arrival, agency, arrival.refusals, work)
            try:
                effect = family.decide(event, work, tools)
            except Refused as refused:
                return self._refuse(arrival, agency, refused.refusals, work)
            if effect.refusals:  # what could be understood of it holds all the same
                if not arrival.testrun:
                    publish(effect, self._root(event, random_id(), work), work, tools.ids)
                return self._refuse(arrival, agency, effect.refusals, work)
            return self._accept(arrival, event, effect, inbox, work)

        return Operation(needs, do)

    def _accept(self, arrival: Arrival, event: Accepted, effect: Effect, inbox: str, work: UnitOfWork) -> Receipt:
        receipt = random_id()
        answer = _receipt(arrival, effect.status, receipt=receipt, **effect.answer)
        if arrival.testrun:
            return answer
        incoming, root = event.incoming, self._root(event, receipt, work)
        publish(effect, root, work, self._tools.ids)
        work.save(
            INBOX,
            {
                "_id": inbox,
                "receipt": receipt,
                "content": event.content,
                "agency": event.agency,
                "type": event.name,
                "event": self._tools.sealer.seal(incoming.id.encode(), INBOX, inbox),
                "actor": self._tools.sealer.seal((incoming.actor or "").encode(), INBOX, inbox, "actor"),
                "status": effect.status,
                "answer": effect.answer,
                "about": incoming.event_type.topic.name,
                "person": effect.person,
                "at": work.now,
                "correlationid": root.correlationid,
                "emitted": [{"type": one.event_type.name, "sequence": one.sequence} for one in effect.emitted],
            },
        )
        work.after_commit(lambda: _count(event.agency, event.name, effect.status == "accepted", work.now))
        return answer

    def _root(self, event: Accepted, cause: str, work: UnitOfWork) -> Root:
        incoming, correlationid = event.incoming, random_id()
        return Root(
            correlationid=correlationid,
            causationid=cause,
            time=incoming.time,
            recordedtime=work.now,
            actor=None if incoming.actor is None else self._tools.ids.derived("actor", event.agency, incoming.actor),
            traceparent=trace_for(incoming, correlationid),
        )

    def _refuse(self, arrival: Arrival, agency: str, refusals: Sequence[Refusal], work: UnitOfWork) -> Receipt:
        """The receipt of a refusal, kept without any value of the event: its id sealed, for it may hold a reference."""
        answer = _receipt(arrival, "refused", problem=refusing(refusals, self._tools.pack))
        work.after_commit(lambda: metrics.events_refused.of(reason=refusals[0].rule).inc())
        if not arrival.testrun:
            id = self._tools.ids.derived("rejection", agency, arrival.id) if arrival.id else random_id()
            sealed = self._tools.sealer.seal((arrival.id or "").encode(), REJECTIONS, id)
            work.save(
                REJECTIONS,
                {
                    "_id": id,
                    "agency": agency,
                    "event": sealed,
                    "type": arrival.type,
                    "at": work.now,
                    "refusals": [{"rule": r.rule, "field": r.field, "values": dict(r.values)} for r in refusals],
                },
            )
        return answer


def _sender(work: UnitOfWork, caller: Caller) -> Any:
    """The caller's agency as it is in this transaction: a right or key that was taken away no longer counts."""
    document = work.get(AGENCIES, caller.agency.agency)
    agency = None if document is None else held_agency(document)
    if agency is None or all(key.key_id != caller.key_id for key in agency.keys):
        raise unauthorised()
    return agency


def _receipt(
    arrival: Arrival, status: Literal["accepted", "refused", "duplicate", "superseded"], **more: Any
) -> Receipt:
    return Receipt(
        id=arrival.id,
        source=arrival.source,
        type=arrival.type,
        status=status,
        testrun=True if arrival.testrun else None,
        **more,
    )


def _count(agency: str, event_type: str, accepted: bool, now: datetime) -> None:
    """The agency has spoken, whether or not it said anything new."""
    if accepted:
        metrics.events_accepted.of(type=event_type).inc()
    metrics.last_event_timestamp_seconds.of(agency=agency, type=event_type).set(now.timestamp())


def too_many_events(most: int) -> Refused:
    """More of them in one request than are taken."""
    return Refused(Refusal("too-many-events", "", {"most": most}))


def put_off(arrival: Arrival, pack: Pack) -> Receipt:
    """The receipt of an event that was one too many in a batch whose withdrawals were taken: send it again."""
    problem = refusing([Refusal("too-many-at-a-time", "")], pack)
    return Receipt(id=arrival.id, source=arrival.source, type=arrival.type, status="failed", problem=problem)


def _without_content(item: dict[str, Any] | Refused) -> Arrival:
    """What of an event can be said back to its sender, whatever is wrong with the rest."""
    given: dict[str, Any] = {} if isinstance(item, Refused) else item
    id, source, type = _text(given.get("id")), _text(given.get("source")), _known_type(given.get("type"))
    return Arrival(id, source, type, given.get("testrun") in (True, "true"), None, {}, ())


def _text(value: object) -> str | None:
    """The sender's own id or source back to the sender, if it is one."""
    return value if isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable() else None


def _known_type(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= LONGEST_NAME and registry.versions(value) else None
