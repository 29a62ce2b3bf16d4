"""Use case of the door: take the events of one request and answer each with a receipt.

The way of an event: received and authenticated (`api.py`), admitted (`request_admission.py`: readable, quotas),
validated (`event_validation.py`: form, and rules that need no store), decided in a transaction with others
(`event_operation.py`: right and source, seen before?, rules that need the store, effect), committed, answered. A bad
event stops nobody else in its batch, nor does a fault of ours in deciding one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from functools import partial

from services.intake.dependencies import Dependencies
from services.intake.event_operation import decision
from services.intake.event_validation import Validated, Validation
from services.intake.one_ahead import Step, one_ahead
from services.intake.receipts import MOST_ANSWERED, failed, put_off, shortened
from services.intake.request_admission import Admitted
from services.intake.schemas import Receipt
from shared.access.api_keys import Caller
from shared.events.http_binding import Item
from shared.kit.store.store import Store
from shared.kit.web.problems import Problem
from shared.screening.findings import Budget

# Of a request in one transaction: some 100 ms of work at most. What others sent is decided between two of them.
PORTION_EVENTS = 250
PORTION_BYTES = 512 * 1024  # of content, reached by the last one


class Door:
    """Takes events."""

    def __init__(self, store: Store, dependencies: Dependencies) -> None:
        self._store = store
        self._dependencies = dependencies
        self._validation = Validation(dependencies)

    async def take(self, admitted: Admitted, caller: Caller) -> list[Receipt]:
        """One receipt per event, in order; whatever is unforeseen in one event is answered for that event alone.

        Kept portion by portion, in order, each in one transaction: others have their turn in between, and no more of a
        request than two portions is in memory as objects. So the events were gone through before, and are once more.

        Raises Unavailable, or the 401 problem when the caller's key is no longer registered: then the first portions
        may be kept, and nothing without all that stands before it: repeating all keeps the order."""
        receipts: list[Receipt] = []
        left = MOST_ANSWERED
        async for answered in one_ahead(self.portions(admitted, caller)):
            shown, left = shortened(answered, left)
            receipts += shown
        return receipts

    async def portions(self, admitted: Admitted, caller: Caller) -> AsyncIterator[Step[list[Receipt]]]:
        """Each portion validated, and what decides it. None may be decided before all that come before it are kept."""
        now, budget = self._dependencies.clock.calendar(), Budget()  # one of each for the whole request
        reading, taken = enumerate(admitted.items), 0
        while taken < admitted.count:
            portion = await self._portion(reading, admitted, caller.agency.agency, now, budget)
            if not portion:
                raise RuntimeError("events that can be gone through only once")
            taken += len(portion)
            yield partial(self._decided, portion, caller, admitted.ahead)

    async def _decided(self, portion: list[Validated | Receipt], caller: Caller, ahead: bool) -> list[Receipt]:
        operations = [decision(one, caller, self._dependencies) for one in portion if isinstance(one, Validated)]
        results = await self._store.submit_all(operations, ahead=ahead)
        return list(self._answers(portion, results, caller))

    async def _portion(
        self, reading: Iterator[tuple[int, Item]], admitted: Admitted, agency: str, now: datetime, budget: Budget
    ) -> list[Validated | Receipt]:
        """The next events, validated; of what is put off or met a fault of ours, the receipt."""
        portion: list[Validated | Receipt] = []
        size, pack, testrun, validation = 0, self._dependencies.pack, admitted.testrun, self._validation
        async with self._dependencies.slices.work() as pause:
            for number, item in reading:
                one: Validated | Receipt
                try:
                    if number in admitted.late:
                        one = put_off(validation.echo(item), pack)
                    else:
                        one = validation.validate(item, agency, now, budget, testrun)
                except Exception as error:
                    one = failed(validation.echo(item), agency, error, pack)
                portion.append(one)
                size += len(one.event.incoming.content) if isinstance(one, Validated) and one.event is not None else 0
                await pause()
                if len(portion) >= PORTION_EVENTS or size >= PORTION_BYTES:
                    break
        return portion

    def _answers(
        self, portion: Iterable[Validated | Receipt], results: Iterable[Receipt | Exception], caller: Caller
    ) -> Iterator[Receipt]:
        """The receipts of a portion in order, once what could be decided of it is committed."""
        decided = iter(results)
        for one in portion:
            result = one if isinstance(one, Receipt) else next(decided)
            if isinstance(result, Problem):
                raise result
            if isinstance(one, Validated) and isinstance(result, Exception):
                result = failed(one.echo, caller.agency.agency, result, self._dependencies.pack)
            assert isinstance(result, Receipt)
            yield result
