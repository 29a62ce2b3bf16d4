"""Admit: a request's events are split and gone through once, and its key's quotas say which of them are taken now.

What ends or forbids is never put off because of others: it has a quota of its own, and goes ahead in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from services.intake.domain.agency_rules import may_emit
from services.intake.request_body import Received, read_types
from services.intake.request_scheduler import RequestScheduler
from services.intake.schemas import Receipt
from services.intake.worker.client import AtWorker, WorkerProcess
from services.intake.worker.questions import OpenBatch
from shared.access.api_keys import Caller
from shared.events import registry
from shared.events.http_binding import Item, split
from shared.events.refusal import Refused
from shared.kit.base.clock import Clock
from shared.kit.web.edge_settings import SMALL_BODY
from shared.kit.web.quotas import Quotas

# Nothing else that an agency sends may keep these waiting.
FORBIDS = frozenset(known.name for known in registry if known.forbids)
LARGE_BODY = 1_000_000  # bytes
FOR_WORKER = 16_384  # bytes of a batch: what is smaller is validated sooner than it is sent there and back


@dataclass(frozen=True, slots=True)
class Admitted:
    """The events of a request, of which all can be read. ``ahead``: they go ahead in the store; ``late``: by position,
    those that are put off; ``testrun``: all of them are tried and none is taken, what is no event included; ``there``:
    where they are validated, else here."""

    items: Iterable[Item]
    count: int
    ahead: bool = False
    late: frozenset[int] = frozenset()
    testrun: bool = False
    there: AtWorker | None = None


Take = Callable[[Admitted, Caller], Awaitable[list[Receipt]]]


class Admission:
    """Of all requests to this door; at most `most` events in one, and `most_bytes` when they are unpacked."""

    def __init__(
        self, slices: RequestScheduler, most: int, most_bytes: int, worker: WorkerProcess, clock: Clock
    ) -> None:
        self._slices = slices
        self._worker, self._clock = worker, clock
        self._most = most
        self._most_bytes = most_bytes

    async def pass_on(self, received: Received, caller: Caller, quotas: Quotas, take: Take) -> list[Receipt]:
        """Admit it in its turn, and hand it to whoever takes it. Raises what `turn`, `admit` and that one raise."""
        async with self.turn(received, caller, quotas), self.admit(received, caller, quotas) as admitted:
            return await take(admitted, caller)

    @asynccontextmanager
    async def turn(self, received: Received, caller: Caller, quotas: Quotas) -> AsyncIterator[None]:
        """Wait for what came before of the same key. Batches are apart from single events: what forbids comes as one,
        and stands behind no batch, however many wait. Large bodies are one at a time: as text and objects they take
        several times their bytes, and a second one of the same sender would only make both late. So are packed ones,
        but for what is small: it waits for nothing here. Raises the 429 when its turn does not come."""
        async with AsyncExitStack() as turns:
            small = received.small
            if len(received.body) <= SMALL_BODY and not small:  # what came longer is held since it came
                turns.enter_context(quotas.hold("bodies-at-once", caller.key_id))
            if len(received.body) > LARGE_BODY or (received.coding != "identity" and not small):
                turns.callback(await quotas.turn(f"{caller.key_id} large", 1, "bodies-at-once"))
            if received.batch:
                turns.callback(await quotas.turn(f"{caller.key_id} batches"))
            yield

    @asynccontextmanager
    async def admit(self, received: Received, caller: Caller, quotas: Quotas) -> AsyncIterator[Admitted]:
        """Go through all of it, keep nothing of it but the types, and charge the key. Raises Refused when it cannot be
        read as a whole or is too much at once, and the 429 when nothing of it is taken: then nothing is decided."""
        types: list[str | None] = []
        async with AsyncExitStack() as opening:
            try:
                body = await asyncio.to_thread(received.unpacked, self._most_bytes)
                free = max(len(received.body), SMALL_BODY)  # as one event, or charged as it came
                if len(body) > free:
                    await quotas.charge("bytes", caller.key_id, len(body) - free)
                items = split(received.content_type, received.headers, body)
                there: AtWorker | None = None
                if received.batch and len(body) >= FOR_WORKER:
                    asked = OpenBatch(body, self._most, caller.agency.agency, self._clock.calendar())
                    there = await opening.enter_async_context(self._worker.opened(asked))
                if there is None:
                    await self._read(items, types)
                else:
                    types += there.opened.types
                    if there.opened.refused is not None:
                        raise there.opened.refused
            except Refused:  # the work that it made is charged, also when it is refused on the way
                await quotas.charge("events", caller.key_id, max(1, len(types)))
                raise
            forbidding = [type in FORBIDS and may_emit(caller.agency, type or "") for type in types]
            if any(forbidding):
                await quotas.charge("forbids", caller.key_id, sum(forbidding))
            others = frozenset(number for number, forbids in enumerate(forbidding) if not forbids)
            over = quotas.over("events", caller.key_id, len(others)) if others else None
            if over is None:
                yield Admitted(items, len(types), ahead=not others, there=there)
                return
            if not any(forbidding):
                await quotas.delay(over)
                raise over
            # what is left of it only forbids
            yield Admitted(items, len(types), ahead=True, late=others, there=there)

    async def _read(self, items: Iterable[Item], types: list[str | None]) -> None:
        async with self._slices.work() as pause:
            for _ in read_types(items, self._most, types):
                await pause()
