"""Who waits to be committed together (group commit), and in which order they are served. No IO."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from shared.kit.store.transaction_attempt import Operation

GROUP = 500
LONGEST_QUEUE = 10_000


@dataclass(slots=True)
class Submitted:
    """Operations that belong together, and whoever waits for what comes of them."""

    operations: Sequence[Operation[Any]]
    answer: asyncio.Future[list[Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupQueue:
    """Two queues: what must not wait behind traffic has one of its own. Each has every second turn while both wait, and
    a group is of one of them."""

    def __init__(self) -> None:
        self._queues: dict[bool, deque[Submitted]] = {True: deque(), False: deque()}  # ahead, and the others
        self._waiting = {True: 0, False: 0}  # operations in them
        self._went_ahead = False

    def __bool__(self) -> bool:
        return any(self._queues.values())

    def add(self, operations: Sequence[Operation[Any]], *, ahead: bool) -> asyncio.Future[list[Any]] | None:
        """What will come of them; None when too many wait."""
        if self._waiting[ahead] >= LONGEST_QUEUE:
            return None
        submitted = Submitted(operations)
        self._queues[ahead].append(submitted)
        self._waiting[ahead] += len(operations)
        return submitted.answer

    def next_group(self) -> list[Submitted]:
        """Who goes into one transaction: as many as fit, at least one, all of one queue."""
        ahead = bool(self._queues[True]) and not (self._went_ahead and self._queues[False])
        self._went_ahead = ahead
        queue = self._queues[ahead]
        group = [queue.popleft()]
        size = len(group[0].operations)
        while queue and size + len(queue[0].operations) <= GROUP:
            size += len(queue[0].operations)
            group.append(queue.popleft())
        self._waiting[ahead] -= size
        return group

    def refuse_all(self, error: Exception) -> None:
        for ahead, queue in self._queues.items():
            answer(queue, error)
            queue.clear()
            self._waiting[ahead] = 0


def answer(group: Iterable[Submitted], results: Sequence[Any] | Exception) -> None:
    """To each of the group its own results, or to all the same error. A caller that has gone is told nothing."""
    rest = iter(()) if isinstance(results, Exception) else iter(results)
    for each in group:
        own = list(islice(rest, len(each.operations)))
        if each.answer.done():
            continue
        if isinstance(results, Exception):
            each.answer.set_exception(results)
        else:
            each.answer.set_result(own)
