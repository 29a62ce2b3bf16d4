"""The events of a request, portion by portion: so many are one transaction, and are in memory as objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.intake.event_validation import Validated, Validation
from services.intake.receipts import failed, put_off
from services.intake.schemas import Receipt
from shared.events.http_binding import Item
from shared.reference import Pack
from shared.screening.findings import Budget

# Of a request in one transaction, which holds no more of several either: some 100 ms of work. What others sent is
# decided between two of them.
PORTION_EVENTS = 500
PORTION_BYTES = 512 * 1024  # of content, reached by the last one
Portion = list[Validated | Receipt]


@dataclass(frozen=True, slots=True)
class Validating:
    """Of the events of one request, all at the same moment."""

    validation: Validation
    pack: Pack
    agency: str
    now: datetime
    testrun: bool = False
    budget: Budget = field(default_factory=Budget)

    def one(self, item: Item, *, late: bool = False) -> Validated | Receipt:
        """The event, validated; of what is put off or met a fault of ours, the receipt."""
        try:
            if late:
                return put_off(self.validation.echo(item), self.pack)
            return self.validation.validate(item, self.agency, self.now, self.budget, self.testrun)
        except Exception as error:
            return failed(self.validation.echo(item), self.agency, error, self.pack)


class Room:
    """What still goes into a portion."""

    def __init__(self) -> None:
        self._events, self._bytes = PORTION_EVENTS, PORTION_BYTES

    def full_with(self, one: Validated | Receipt) -> bool:
        """Whether this was the last one."""
        self._events -= 1
        if isinstance(one, Validated) and one.event is not None:
            self._bytes -= len(one.event.incoming.content)
        return self._events <= 0 or self._bytes <= 0
