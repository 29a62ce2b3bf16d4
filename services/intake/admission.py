"""How many events of one key the door takes at a time, and what is never put off because of others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from services.intake.domain.agencies import may_emit
from services.intake.service import Admit, Arrival
from shared.kit.keys import Caller
from shared.kit.quotas import Quotas

T = TypeVar("T")
# What ends or forbids: nothing else that an agency sends may keep it waiting.
FORBIDS = frozenset({"consent-withdrawn", "person-left", "agency-changed"})


class Counted:
    """Counts what was taken out of an iterator: the work that a request made, also when it is refused on the way."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, items: Iterable[T]) -> Iterator[T]:
        """The same items."""
        for item in items:
            self.number += 1
            yield item


def admission(quotas: Quotas, caller: Caller) -> Admit:
    """For `Door.take`: what forbids has a quota of its own and goes ahead in the store when it comes alone, or when
    what came with it is put off for being too much. Raises the 429 when nothing of it is taken."""

    def forbids(arrival: Arrival) -> bool:
        """What this agency may not send forbids nothing, and goes ahead of nobody."""
        return arrival.type in FORBIDS and may_emit(caller.agency, str(arrival.type))

    async def admit(arrivals: Mapping[int, Arrival]) -> tuple[bool, Collection[int]]:
        forbidding = sum(forbids(arrival) for arrival in arrivals.values())
        if forbidding:
            await quotas.charge("forbids", caller.key_id, forbidding)
        others = [number for number, arrival in arrivals.items() if not forbids(arrival)]
        over = quotas.over("events", caller.key_id, len(others)) if others else None
        if over is None:
            return not others, ()
        if not forbidding:
            await quotas.delay(over)
            raise over
        return True, others  # what is left of it only forbids

    return admit
