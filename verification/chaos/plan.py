"""What is hurt, in which way, after which event: drawn by lot from a seed, the same every time.

Deterministic in events sent, not in time: how far the services are with them then is what makes one run unlike another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Literal, TypeVar

from verification.chaos.failpoints import AT_BEGINNING, AT_RETURN, EVERY, POINTS, Point

Way = Literal[
    "kill", "term", "pause", "at-point", "at-beginning", "take-over", "open-transaction", "second", "broker",
    "database", "both",
]  # fmt: skip
KILLS: dict[Way, int] = {"take-over": 2, "open-transaction": 2, "at-beginning": 2, "both": 2}
"""How many kills one blow is, where it is not one."""
# In this order, again and again, until there are enough kills; then shuffled.
DECK: tuple[Way, ...] = (
    "at-point", "take-over", "broker", "kill", "database", "at-point", "term", "open-transaction", "second", "at-point",
    "pause", "broker", "at-beginning", "at-point", "database", "kill", "both", "at-point", "term",
)  # fmt: skip
MOST_PASSES = 8
BEGIN, END = 0.06, 0.96  # share of the events before the first blow and before the last
T = TypeVar("T")


@dataclass(frozen=True)
class Blow:
    """``at``: after so many events. ``signal``: how the victim is hurt where there is a choice. ``long``: longer than
    the session time-out. ``passes``: at which pass of the point."""

    number: int
    at: int
    way: Way
    victim: str
    signal: Literal["SIGKILL", "SIGTERM", "SIGSTOP"] = "SIGKILL"
    point: Point | None = None
    passes: int = 1
    long: bool = False

    @property
    def kills(self) -> int:
        """How many processes are hurt."""
        return KILLS.get(self.way, 1)


def plan_of(seed: int, events: int, kills: int) -> list[Blow]:
    """All blows in order of events."""
    random = Random(f"{seed}/chaos")
    ways = _ways(kills)
    random.shuffle(ways)
    victims: dict[str, Iterator[str]] = {}
    returns = _dealt(random, [(point, service) for point in AT_RETURN for service in point.services])
    struck = sum(way == "at-point" for way in ways)
    points = _in_turn([(point, service) for point in POINTS for service in point.services], seed * struck)
    beginnings = _dealt(random, [(point, service) for point in AT_BEGINNING for service in point.services])
    pause = cycle((False, True))
    blows = []
    step = (END - BEGIN) * events / max(1, len(ways))
    for number, way in enumerate(ways):
        at = round(events * BEGIN + step * (number + random.uniform(0.1, 0.6)))
        victim = next(victims.setdefault(way, _dealt(random, list(EVERY))))
        point: Point | None = None
        signal: Literal["SIGKILL", "SIGTERM", "SIGSTOP"] = "SIGKILL"
        passes, long = 1, False
        if way == "at-point":
            point, victim = next(points)
            passes = random.randint(1, MOST_PASSES) if point.often else random.randint(1, 2)
        elif way in ("at-beginning", "both"):
            point, victim = next(beginnings if way == "at-beginning" else returns)
        elif way in ("broker", "database"):
            victim = way
            signal = random.choice(("SIGKILL", "SIGKILL", "SIGTERM", "SIGSTOP"))
        elif way == "open-transaction":
            signal, passes = random.choice(("SIGKILL", "SIGSTOP")), random.randint(1, MOST_PASSES)
        elif way == "second":
            signal = random.choice(("SIGKILL", "SIGTERM"))
        elif way == "term":
            signal = "SIGTERM"
        elif way in ("pause", "take-over"):
            signal, long = "SIGSTOP", way == "take-over" or next(pause)
        blows.append(Blow(number, at, way, victim, signal, point, passes, long))
    return blows


def _ways(kills: int) -> list[Way]:
    """As many as make up this number of kills: the last may have to be of one kill only."""
    found: list[Way] = []
    for way in cycle(DECK):
        left = kills - sum(KILLS.get(each, 1) for each in found)
        if left <= 0:
            return found
        if KILLS.get(way, 1) <= left:
            found.append(way)
    raise AssertionError


def _in_turn(cards: list[T], start: int) -> Iterator[T]:
    """One order for all seeds, each going on where the seed before ends: a few seeds together come to every card."""
    ordered = Random("one order").sample(cards, len(cards))
    return islice(cycle(ordered), start % len(cards), None)


def _dealt(random: Random, cards: list[T]) -> Iterator[T]:
    """Every card once in an order drawn by lot, then all again."""
    while True:
        yield from random.sample(cards, len(cards))
