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
    """Operations that belong together, and whoever waits for what comes of them. ``operations``: those that are not
    done; ``results``: of those that are."""

    operations: Sequence[Operation[Any]]
    results: list[Any] = field(default_factory=list)
    answer: asyncio.Future[list[Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(slots=True)
class Group:
    """Who goes into one transaction. ``operations``: theirs, of the last one perhaps not all."""

    members: list[Submitted] = field(default_factory=list)
    operations: list[Operation[Any]] = field(default_factory=list)
    ahead: bool = False


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

    def next_group(self, most: int = GROUP) -> Group:
        """Who goes into one transaction: as many as fit, all of one queue; of somebody who has more than that alone, as
        much as fits."""
        ahead = bool(self._queues[True]) and not (self._went_ahead and self._queues[False])
        self._went_ahead = ahead
        queue = self._queues[ahead]
        group = Group(ahead=ahead)
        while queue and (not group.members or len(group.operations) + len(queue[0].operations) <= most):
            group.members.append(queue.popleft())
            group.operations += group.members[-1].operations[:most]
        self._waiting[ahead] -= sum(len(each.operations) for each in group.members)
        return group

    def done(self, group: Group, results: Iterable[Any]) -> None:
        """What came of its operations, as far as they were done: whoever has some left is next again. A caller that has
        gone is told nothing."""
        rest, left = iter(results), list[Submitted]()
        for each in group.members:
            own = list(islice(rest, len(each.operations)))
            each.results += own
            each.operations = each.operations[len(own) :]
            if each.operations:
                left.append(each)
            elif not each.answer.done():
                each.answer.set_result(each.results)
        self._queues[group.ahead].extendleft(reversed(left))
        self._waiting[group.ahead] += sum(len(each.operations) for each in left)

    def refuse_all(self, error: Exception) -> None:
        for ahead, queue in self._queues.items():
            refuse(queue, error)
            queue.clear()
            self._waiting[ahead] = 0


def refuse(those: Iterable[Submitted], error: Exception) -> None:
    """To all the same error. A caller that has gone is told nothing."""
    for each in those:
        if not each.answer.done():
            each.answer.set_exception(error)
