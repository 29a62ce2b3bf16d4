"""How many connections there may be, and how long each may dawdle: the rules, without sockets.

A connection holds its place safely only while a request with a good key, come whole, is being answered. When places run
out, the one that has been without for longest gives way: first those that never showed a good key. So whoever only
holds connections open, sends slowly, or has no key, holds nobody off. A few places more are kept for probes.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from shared.kit import metrics

Place = Literal["open", "reserve"]
RESERVE = 32
PROBES = frozenset({"/live", "/ready", "/metrics"})


class Connection(Protocol):
    """What is counted. ``cut`` ends it, and says why; ``overdue`` says why it has taken too long, if it has."""

    address: str
    address_free: bool

    def cut(self, reason: str) -> None: ...
    def overdue(self, now: float) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """See ``edge.EdgeSettings``."""

    connections: int
    per_address: int
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    body_bytes_per_second: int = 1_000
    unread_seconds: float = 30.0


class Connections:
    """All connections of one server. ``shown``: in the gauge, which is the API's."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic, *, shown: bool = True) -> None:
        self.limits = limits
        self.clock = clock
        self._shown = shown
        self._places: dict[Connection, Place] = {}
        self._open: Counter[str] = Counter()
        self._count: Counter[Place] = Counter()
        # without a request of a good key in progress, longest first, by whether it ever had one; by address too
        self._waiting: dict[bool, OrderedDict[Connection, None]] = {False: OrderedDict(), True: OrderedDict()}
        self._waiting_of: dict[tuple[str, bool], OrderedDict[Connection, None]] = {}

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
        self.rests(connection, proven=False)
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
        for proven, waiting in self._waiting.items():
            waiting.pop(connection, None)
            mine = self._waiting_of.get((connection.address, proven))
            if mine is not None:
                mine.pop(connection, None)
                if not mine:
                    del self._waiting_of[connection.address, proven]

    def rests(self, connection: Connection, *, proven: bool) -> None:
        """It waits for its first or next request, or has shown no good key yet. ``proven``: it has, before."""
        self.works(connection)
        if connection in self._places:
            self._waiting[proven][connection] = None
            self._waiting_of.setdefault((connection.address, proven), OrderedDict())[connection] = None

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
        if not new.address_free and self._open[new.address] >= self.limits.per_address:
            found = any(self._give_way(self._waiting_of.get((new.address, each)), "open") for each in (False, True))
        else:
            found = self._count["open"] < self.limits.connections or any(
                self._give_way(self._waiting[proven], "open") for proven in (False, True)
            )
        return "open" if found else self._in_reserve()

    def _in_reserve(self) -> Place | None:
        if self._count["reserve"] < RESERVE:
            return "reserve"
        return "reserve" if any(self._give_way(self._waiting[p], "reserve") for p in (False, True)) else None

    def _give_way(self, waiting: OrderedDict[Connection, None] | None, place: Place) -> bool:
        oldest = next((each for each in waiting or () if self._places[each] == place), None)
        if oldest is None:
            return False
        self._cut(oldest, "gave-way")
        return True

    def _cut(self, connection: Connection, reason: str) -> None:
        metrics.connections_cut.of(reason=reason).inc()
        self.leave(connection)
        connection.cut(reason)
