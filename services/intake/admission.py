"""Admit: a request's events are split and gone through once, and its key's quotas say which of them are taken now.

What ends or forbids is never put off because of others: it has a quota of its own, and goes ahead in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from services.intake.domain.agencies import may_emit
from shared.access.keys import Caller
from shared.events import registry
from shared.events.incoming import BATCH, Item, split
from shared.events.refusal import Refusal, Refused
from shared.kit.base.slices import Slices
from shared.kit.web.quotas import Quotas

# Nothing else that an agency sends may keep these waiting.
FORBIDS = frozenset(known.name for known in registry if known.forbids)
LARGE_BODY = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Received:
    """The body of a request to the door, with what says how to read it."""

    content_type: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def batch(self) -> bool:
        """Whether it is an array of events."""
        return self.content_type.partition(";")[0].strip().lower() == BATCH


@dataclass(frozen=True, slots=True)
class Admitted:
    """The events of a request, of which all can be read. ``ahead``: they go ahead in the store; ``late``: by position,
    those that are put off."""

    items: Iterable[Item]
    count: int
    ahead: bool = False
    late: frozenset[int] = frozenset()


class Admission:
    """Of all requests to this door; `most` events in one."""

    def __init__(self, slices: Slices, most: int) -> None:
        self._slices = slices
        self._most = most
        self._large: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # forgotten when nobody holds it

    @asynccontextmanager
    async def turn(self, received: Received, caller: Caller, quotas: Quotas) -> AsyncIterator[None]:
        """Wait for what came before of the same key. Batches are apart from single events: what forbids comes as one,
        and stands behind no batch, however many wait. Large bodies are one at a time: as text and objects they take
        several times their bytes, and a second one of the same sender would only make both late."""
        async with AsyncExitStack() as turns:
            if len(received.body) > LARGE_BODY:
                await turns.enter_async_context(self._large.setdefault(caller.key_id, asyncio.Lock()))
            if received.batch:
                turns.callback(await quotas.turn(f"{caller.key_id} batches"))
            yield

    async def admit(self, received: Received, caller: Caller, quotas: Quotas) -> Admitted:
        """Go through all of it, keep nothing of it but the types, and charge the key. Raises Refused when it cannot be
        read as a whole or is too much at once, and the 429 when nothing of it is taken: then nothing is decided."""
        types: list[str | None] = []
        try:
            items = split(received.content_type, received.headers, received.body)
            await self._read(items, types)
        except Refused:  # the work that it made is charged, also when it is refused on the way
            await quotas.charge("events", caller.key_id, max(1, len(types)))
            raise
        forbidding = [type in FORBIDS and may_emit(caller.agency, type or "") for type in types]
        if any(forbidding):
            await quotas.charge("forbids", caller.key_id, sum(forbidding))
        others = frozenset(number for number, forbids in enumerate(forbidding) if not forbids)
        over = quotas.over("events", caller.key_id, len(others)) if others else None
        if over is None:
            return Admitted(items, len(types), ahead=not others)
        if not any(forbidding):
            await quotas.delay(over)
            raise over
        return Admitted(items, len(types), ahead=True, late=others)  # what is left of it only forbids

    async def _read(self, items: Iterable[Item], types: list[str | None]) -> None:
        async with self._slices.work() as pause:
            for item in items:
                types.append(None if isinstance(item, Refused) else registry.known_name(item.get("type")))
                if len(types) > self._most:
                    raise Refused(Refusal("too-many-events", "", {"most": self._most}))
                await pause()
