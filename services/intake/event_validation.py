"""Validate: one event of a request is read and put to every rule that needs no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.dependencies import Dependencies
from services.intake.event_handlers import topic_handlers
from services.intake.event_handlers.effect import DoorEvent
from services.intake.event_handlers.prepared_adverts import PreparedAdvert
from services.intake.schemas import Receipt, ReceiptStatus
from shared.events import registry
from shared.events.http_binding import Item
from shared.events.incoming import Incoming, Unfit
from shared.events.refusal import Refusal, Refused
from shared.events.topics.opportunities import JobAtDoor, ProgrammeAtDoor
from shared.screening.door_rules import DoorRules, Features
from shared.screening.findings import Budget, Findings
from shared.screening.refused_numbers import RefusedNumbers


@dataclass(frozen=True)
class Echo:
    """What of an event can be said back to its sender and kept, whatever is wrong with the rest."""

    id: str | None
    source: str | None
    type: str | None
    testrun: bool

    def receipt(self, status: ReceiptStatus, **more: Any) -> Receipt:
        """The receipt of this event."""
        testrun = True if self.testrun else None
        return Receipt(id=self.id, source=self.source, type=self.type, status=status, testrun=testrun, **more)


@dataclass(frozen=True)
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
        self._rules = DoorRules(dependencies.pack, _of_topic)
        self._numbers = RefusedNumbers(*dependencies.pack.refused_numbers)

    def validate(self, item: Item, agency: str, now: datetime, budget: Budget, testrun: bool = False) -> Validated:
        """Findings are part of the result. `budget`: what one request may use up of what costs more than its size.
        `testrun`: of a request that is one, so that nothing is kept of what is no event, either."""
        echo = self.echo(item, testrun=testrun)
        if isinstance(item, Refused):
            return Validated(echo, None, item.refusals)
        findings = Findings(self._dependencies.pack, budget)
        found = self._rules.look(item, findings, now, self._dependencies.day(now))
        if found.incoming is None:
            return Validated(echo, None, found.refusals, (), found.unfit)
        if not found.sound:
            rest = self._said(found.incoming, agency, found.features)
            return Validated(echo, None, found.refusals, (), found.unfit, rest)
        advert: PreparedAdvert | None = None
        if not found.refusals and isinstance(data := found.incoming.data, JobAtDoor | ProgrammeAtDoor):
            advert = PreparedAdvert.of(found.features, agency, data.reference)
        said = self._said(found.incoming, agency, found.features, advert)
        return Validated(echo, said, found.refusals, found.warnings)

    def echo(self, item: Mapping[str, Any] | Refused, *, testrun: bool = False) -> Echo:
        """Of what was sent, before anything is known of it; ``testrun``: whatever it says itself."""
        given: Mapping[str, Any] = {} if isinstance(item, Refused) else item
        id, source = self._text(given.get("id")), self._text(given.get("source"))
        type, says_so = registry.known_name(given.get("type")), given.get("testrun") in (True, "true")
        return Echo(id, source, type, testrun or says_so)

    def _text(self, value: object) -> str | None:
        """The sender's own id or source back to the sender, if it is one, and no number that tells who somebody is."""
        if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
            return None
        return None if self._numbers.stand_in(value, free=False) else value

    def _said(
        self, incoming: Incoming, agency: str, features: Features, advert: PreparedAdvert | None = None
    ) -> DoorEvent:
        """With its keyed hashes, made once: a transaction asks for them again and again."""
        references, event_type = self._dependencies.references, incoming.event_type
        named = topic_handlers()[event_type.topic.name].reference(event_type, incoming.data)
        index = "" if named is None else references.index(named[0], agency, named[1])
        inbox = references.event(incoming.source, incoming.id)
        return DoorEvent(incoming, agency, references.content(incoming.content), features, inbox, index, advert)


def _of_topic(incoming: Incoming, findings: Findings) -> None:
    """The rules that only the door has. Raises Refused for what is in the contract, but nothing here says what it
    changes."""
    handler = topic_handlers().get(incoming.event_type.topic.name)
    if handler is None:
        raise Refused(Refusal("not-for-the-door", "/type"))
    handler.check_data(incoming.data, findings)
