"""Validate: one event of a request is read and put to every rule that needs no store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.intake.dependencies import Dependencies
from services.intake.domain.code_successors import renewed
from services.intake.domain.envelope_rules import check_envelope
from services.intake.domain.findings import Budget, Findings
from services.intake.event_handlers import topic_handlers
from services.intake.event_handlers.effect import DoorEvent, Features
from services.intake.schemas import Receipt, ReceiptStatus
from shared.events import registry
from shared.events.http_binding import Incoming, Item, Unfit, read, with_data
from shared.events.limits import Contents, check_structure
from shared.events.refusal import MOST, Refusal, Refused
from shared.events.unicode_composed import surely_composed
from shared.screening.sensitive_data import NeverCollected


@dataclass(frozen=True, slots=True)
class Echo:
    """What of an event can be said back to its sender, whatever is wrong with the rest."""

    id: str | None
    source: str | None
    type: str | None
    testrun: bool

    @staticmethod
    def of(item: Mapping[str, Any] | Refused, *, testrun: bool = False) -> Echo:
        """Of what was sent; ``testrun``: whatever it says itself."""
        given: Mapping[str, Any] = {} if isinstance(item, Refused) else item
        id, source, type = _text(given.get("id")), _text(given.get("source")), registry.known_name(given.get("type"))
        return Echo(id, source, type, testrun or given.get("testrun") in (True, "true"))

    def receipt(self, status: ReceiptStatus, **more: Any) -> Receipt:
        """The receipt of this event."""
        testrun = True if self.testrun else None
        return Receipt(id=self.id, source=self.source, type=self.type, status=status, testrun=testrun, **more)


@dataclass(frozen=True, slots=True)
class Validated:
    """`event`: None when its form is unsound or it holds what is never collected; then `rest` may be what of it can be
    looked at all the same, and `unfit` says what does not fit. With
    `refusals` its features must not be used; it may still be a duplicate of what was accepted when the rules or the
    calendar allowed it."""

    echo: Echo
    event: DoorEvent | None
    refusals: tuple[Refusal, ...]
    warnings: tuple[Refusal, ...] = ()
    unfit: Unfit | None = None
    rest: DoorEvent | None = None


class Validation:
    """The rules of the pack, made ready once."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._never = NeverCollected(dependencies.pack)

    def validate(self, item: Item, agency: str, now: datetime, budget: Budget, testrun: bool = False) -> Validated:
        """Findings are part of the result. `budget`: what one request may use up of what costs more than its size.
        `testrun`: of a request that is one, so that nothing is kept of what is no event, either."""
        echo = Echo.of(item, testrun=testrun)
        if isinstance(item, Refused):
            return Validated(echo, None, item.refusals)
        event: DoorEvent | None = None
        unfit: Unfit | None = None
        rest: DoorEvent | None = None
        never: list[Refusal] = []
        findings = Findings(self._dependencies.pack, budget)
        try:
            item = with_data(item)
            contents = check_structure(item)  # before anything looks into it
            never, odd = self._never.find(item, contents)
            if any(one.field == "/id" for one in never):
                echo = replace(echo, id=None)  # neither said again nor kept
            if never:  # what else is wrong is told, too
                item = {**item, "data": self._never.without(item.get("data"))}
            incoming, unfit = self._read(item, contents)
            features = {} if incoming is None else self._features(incoming, contents, findings, now)
            if unfit is not None:  # and what else is wrong with the rest of it
                findings.refusals = [*unfit.refusals, *unfit.besides(findings.refusals)]
            findings.refusals += _elsewhere(odd, findings.refusals)
            if incoming is not None:
                said = self._said(incoming, agency, features)
                event, rest = (said, None) if unfit is None and not never else (None, said)
        except Refused as refused:
            findings.refusals = list(refused.refusals)
        findings.refusals = [*never, *_elsewhere(findings.refusals, never)]
        warnings = () if event is None else (*event.incoming.warnings, *findings.warnings)
        return Validated(echo, event, tuple(findings.refusals[:MOST]), warnings, unfit, rest)

    def _said(self, incoming: Incoming, agency: str, features: Features) -> DoorEvent:
        """With its keyed hashes, made once: a transaction asks for them again and again."""
        references, event_type = self._dependencies.references, incoming.event_type
        named = topic_handlers()[event_type.topic.name].reference(event_type, incoming.data)
        index = "" if named is None else references.index(named[0], agency, named[1])
        inbox = references.event(incoming.source, incoming.id)
        return DoorEvent(incoming, agency, references.content(incoming.content), features, inbox, index)

    @staticmethod
    def _read(item: Mapping[str, Any], contents: Contents) -> tuple[Incoming | None, Unfit | None]:
        try:
            return read(item, is_composed=surely_composed(contents.texts)), None
        except Unfit as unfit:
            return unfit.rest, unfit

    def _features(self, incoming: Incoming, contents: Contents, findings: Findings, now: datetime) -> Features:
        """What the bus may carry of it; what is wrong is added to `findings`."""
        handler = topic_handlers().get(incoming.event_type.topic.name)
        if handler is None:  # in the contract, but nothing here says what it changes
            raise Refused(Refusal("not-for-the-door", "/type"))
        check_envelope(incoming, findings, now)
        today = self._dependencies.day(now)
        data = incoming.data
        if not self._dependencies.pack.successors.keys().isdisjoint(contents.texts):
            data = renewed(data, findings, today)
        return handler.features(data, findings, today)


def _elsewhere(found: Iterable[Refusal], said: Iterable[Refusal]) -> list[Refusal]:
    """Those about places of which nothing is said yet."""
    places = {one.field for one in said}
    return [one for one in found if one.field not in places]


def _text(value: object) -> str | None:
    """The sender's own id or source back to the sender, if it is one."""
    return value if isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable() else None
