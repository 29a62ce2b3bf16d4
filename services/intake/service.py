"""Use case of the door: take the events of one request and answer each with a receipt.

The way of an event: received and authenticated (`api.py`), admitted (`request_admission.py`: readable, quotas),
validated (`event_validation.py`: form, and rules that need no store), decided in a transaction with others
(`event_operation.py`: right and source, seen before?, rules that need the store, effect), committed, answered. A bad
event stops nobody else in its batch, nor does a fault of ours in deciding one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice

from services.intake.dependencies import Dependencies
from services.intake.event_operation import decision
from services.intake.event_validation import Validated, Validation
from services.intake.pipelining import Step, pipelined
from services.intake.portions import Portion, Room, Validating
from services.intake.receipts import MOST_ANSWERED, failed, shortened
from services.intake.request_admission import Admitted
from services.intake.schemas import Receipt
from services.intake.worker.client import WorkerGone
from shared.access.api_keys import Caller
from shared.events.http_binding import Item
from shared.kit.store.store import Store
from shared.kit.web.problems import Problem


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
        async for answered in pipelined(self.portions(admitted, caller)):
            shown, left = shortened(answered, left)
            receipts += shown
        return receipts

    async def portions(self, admitted: Admitted, caller: Caller) -> AsyncIterator[Step[list[Receipt]]]:
        """Each portion validated, and what decides it. None may be decided before all that come before it are kept."""
        now, taken = self._dependencies.clock.calendar(), 0  # one for the whole request
        with suppress(WorkerGone):  # what is left is validated here
            while admitted.there is not None and taken < admitted.count:
                if not (portion := (await admitted.there.next(admitted.late)).portion):
                    break
                taken += len(portion)
                yield partial(self.decided, portion, caller, ahead=admitted.ahead)
        pack, agency = self._dependencies.pack, caller.agency.agency
        validating = Validating(self._validation, pack, agency, now, admitted.testrun)
        reading = islice(enumerate(admitted.items), taken, None)
        while taken < admitted.count:
            portion = await self._portion(reading, validating, admitted.late)
            if not portion:
                raise RuntimeError("events that can be gone through only once")
            taken += len(portion)
            yield partial(self.decided, portion, caller, ahead=admitted.ahead)

    async def decided(self, portion: Portion, caller: Caller, *, ahead: bool) -> list[Receipt]:
        """The receipts of a portion once it is kept."""
        operations = [decision(one, caller, self._dependencies) for one in portion if isinstance(one, Validated)]
        results = await self._store.submit_all(operations, ahead=ahead)
        return list(self._answers(portion, results, caller))

    async def _portion(
        self, reading: Iterator[tuple[int, Item]], validating: Validating, late: frozenset[int]
    ) -> Portion:
        """The next events, validated."""
        portion, room = Portion(), Room()
        async with self._dependencies.slices.work() as pause:
            for number, item in reading:
                portion.append(validating.one(item, late=number in late))
                await pause()
                if room.full_with(portion[-1]):
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
