"""How many connections there may be, and how long each may dawdle: the rules, without sockets.

A connection holds its place safely only while a request with a good key, come whole, is being answered. When places run
out, the one that has been without for longest gives way: first those that never showed a good key, then those whose
body is still coming; but whoever has just come, after those that have been slow. So whoever only holds connections
open, sends slowly, or has no key, holds nobody off. A few places more are kept for probes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

from shared.kit.base import metrics
from shared.kit.web.edge_settings import EdgeSettings

Place = Literal["open", "reserve"]
# waits for its first good key; showed one, and its body is still coming, as slowly as it likes; showed one, and has
# nothing in progress
Wait = Literal["unproven", "coming", "idle"]
SLOW_SECONDS = 1.0
_GIVE_WAY: tuple[tuple[Wait, float], ...] = (  # in this order, when it has waited for so long
    ("unproven", SLOW_SECONDS), ("coming", SLOW_SECONDS), ("unproven", 0.0), ("coming", 0.0), ("idle", 0.0),
)  # fmt: skip
RESERVE = 32
PROBES = frozenset({"/live", "/ready", "/metrics"})


class Connection(Protocol):
    """What is counted. ``cut`` ends it, and says why; ``overdue`` says why it has taken too long, if it has."""

    address: str
    address_free: bool

    def cut(self, reason: str) -> None: ...
    def overdue(self, now: float) -> str | None: ...


class Connections:
    """All connections of one server. ``shown``: in the gauge, which is the API's."""

    def __init__(
        self,
        limits: EdgeSettings,
        clock: Callable[[], float] = time.monotonic,
        *,
        shown: bool = True,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self._shown = shown
        self._places: dict[Connection, Place] = {}
        self._open: Counter[str] = Counter()
        self._count: Counter[Place] = Counter()
        # without a request of a good key in progress, longest first, with the time since when
        self._waiting: dict[Wait, dict[Connection, float]] = {wait: {} for wait, _ in _GIVE_WAY}

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._places))

    def enter(self, connection: Connection) -> Place | None:
        """A place for a new connection, another one's if need be; None: there is none, it was cut."""
        place = self._find_place(connection)
        if place is None:
            metrics.connections_cut.of(reason="full").inc()
            return None
        self._places[connection] = place
        self._count[place] += 1
        if place == "open":
            self._open[connection.address] += 1
        self.waits(connection, "unproven")
        return place

    def leave(self, connection: Connection) -> None:
        """It has ended. May be said of one that never had a place."""
        place = self._places.pop(connection, None)
        if place is None:
            return
        self.works(connection)
        self._count[place] -= 1
        if place == "open":
            self._open[connection.address] -= 1
            if not self._open[connection.address]:
                del self._open[connection.address]

    def works(self, connection: Connection) -> None:
        """A request of it, with a good key, is being answered: it keeps its place."""
        for waiting in self._waiting.values():
            waiting.pop(connection, None)

    def waits(self, connection: Connection, wait: Wait) -> None:
        """It may give way from now on."""
        self.works(connection)
        if connection in self._places:
            self._waiting[wait][connection] = self.clock()

    def sweep(self) -> None:
        """Cut what takes too long; say how many there are."""
        now = self.clock()
        for connection in self:
            reason = connection.overdue(now)
            if reason is not None:
                self._cut(connection, reason)
        for place in ("open", "reserve") if self._shown else ():
            metrics.connections.of(kind=place).set(self._count[place])

    def _find_place(self, new: Connection) -> Place | None:
        of_an_address = not new.address_free and self._open[new.address] >= self.limits.connections_per_address
        if not of_an_address and self._count["open"] < self.limits.connections:
            return "open"
        if self._give_way("open", new.address if of_an_address else None):
            return "open"
        return "reserve" if self._count["reserve"] < RESERVE or self._give_way("reserve") else None

    def _give_way(self, place: Place, address: str | None = None) -> bool:
        """One that waits, of this address, if one is named, gives up its place."""
        for wait, least in _GIVE_WAY:
            waiting = self._waiting[wait]
            of_it = (each for each in waiting if self._places[each] == place and address in (None, each.address))
            oldest = next(of_it, None)
            if oldest is not None and self.clock() - waiting[oldest] >= least:
                self._cut(oldest, "gave-way")
                return True
        return False

    def _cut(self, connection: Connection, reason: str) -> None:
        metrics.connections_cut.of(reason=reason).inc()
        self.leave(connection)
        connection.cut(reason)
