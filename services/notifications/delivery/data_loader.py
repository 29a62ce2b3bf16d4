"""A data loader: reads by id that are asked for at the same time share one query."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

D = TypeVar("D")
MOST_AT_ONCE = 1_000  # ids in one query


class DataLoader(Generic[D]):
    """One query at a time; who asks meanwhile shares the next one. So every answer was read after it was asked for.

    ``read`` finds the documents with these ids, by id; what it raises, all who shared it get. Each query waits
    ``linger`` seconds for others to share it.
    """

    def __init__(self, read: Callable[[Sequence[str]], Awaitable[Mapping[str, D]]], linger: float = 0.0) -> None:
        self._read = read
        self._linger = linger
        self._asked: list[tuple[Sequence[str], asyncio.Future[Mapping[str, D]]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def load(self, ids: Iterable[str]) -> Mapping[str, D]:
        """Those of them that are there; the answer may hold others, too."""
        wanted = list(ids)
        if not wanted:
            return {}
        answer: asyncio.Future[Mapping[str, D]] = asyncio.get_running_loop().create_future()
        self._asked.append((wanted, answer))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all(), name="data loader")
        return await answer

    async def _read_all(self) -> None:
        while self._asked:
            if self._linger:
                await asyncio.sleep(self._linger)
            group, ids = [], set[str]()
            while self._asked and len(ids) < MOST_AT_ONCE:
                wanted, answer = self._asked.pop(0)
                group.append(answer)
                ids.update(wanted)
            try:
                found = await self._read(sorted(ids))
            except BaseException as error:
                _answer(group, error)
                if not isinstance(error, Exception):
                    raise
            else:
                _answer(group, found)


def _answer(group: Iterable[asyncio.Future[Mapping[str, D]]], found: Mapping[str, D] | BaseException) -> None:
    for answer in group:
        if answer.done():  # whoever asked is gone
            continue
        if isinstance(found, BaseException):
            answer.set_exception(found if isinstance(found, Exception) else asyncio.CancelledError())
        else:
            answer.set_result(found)
