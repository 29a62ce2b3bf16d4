"""How many events of one key the door takes at a time, and what is never put off because of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from services.intake.domain.agencies import may_emit
from services.intake.service import Admit
from shared.access.keys import Caller
from shared.kit.web.quotas import Quotas

T = TypeVar("T")
# What ends or forbids: nothing else that an agency sends may keep it waiting.
FORBIDS = frozenset({"consent-withdrawn", "person-left", "agency-changed"})
LARGE_BODY = 1_000_000  # bytes


class Large:
    """Large bodies, one at a time of each key: as text and objects they take several times their bytes, and a second
    one of the same sender would only make both late. Smaller ones wait for nobody here."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # forgotten when nobody holds it

    @asynccontextmanager
    async def turn(self, caller: Caller, size: int) -> AsyncIterator[None]:
        """Wait for those that came before, if this body is large."""
        if size <= LARGE_BODY:
            yield
            return
        turn = self._turns.setdefault(caller.key_id, asyncio.Lock())
        async with turn:
            yield


class Counted(Generic[T]):
    """The items of a request, and how many of them were taken since somebody began to go through them: the work that it
    made, also when it is refused on the way."""

    def __init__(self) -> None:
        self.items: Iterable[T] = ()
        self.number = 0

    def __iter__(self) -> Iterator[T]:
        self.number = 0
        for item in self.items:
            self.number += 1
            yield item


def admission(quotas: Quotas, caller: Caller) -> Admit:
    """For `Door.take`: what forbids has a quota of its own and goes ahead in the store when it comes alone, or when
    what came with it is put off for being too much. Raises the 429 when nothing of it is taken."""

    def forbids(type: str | None) -> bool:
        """What this agency may not send forbids nothing, and goes ahead of nobody."""
        return type in FORBIDS and may_emit(caller.agency, str(type))

    async def admit(types: Sequence[str | None]) -> tuple[bool, Collection[int]]:
        forbidding = sum(forbids(type) for type in types)
        if forbidding:
            await quotas.charge("forbids", caller.key_id, forbidding)
        others = [number for number, type in enumerate(types) if not forbids(type)]
        over = quotas.over("events", caller.key_id, len(others)) if others else None
        if over is None:
            return not others, ()
        if not forbidding:
            await quotas.delay(over)
            raise over
        return True, others  # what is left of it only forbids

    return admit
