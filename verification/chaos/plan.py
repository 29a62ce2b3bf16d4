"""Which fault comes after which event: drawn at random from a seed, the same every time.

Deterministic in events sent, not in time: how far the services are with them then is what makes one run unlike another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Literal, TypeVar

from verification.chaos.failpoints import AT_BEGINNING, AT_RETURN, FAILPOINTS, Failpoint
from verification.harness.keyring import SERVICES

FaultKind = Literal[
    "kill", "term", "pause", "at-failpoint", "at-beginning", "take-over", "open-transaction", "second", "broker",
    "database", "both",
]  # fmt: skip
KILLS_OF: dict[FaultKind, int] = {"take-over": 2, "open-transaction": 2, "at-beginning": 2, "both": 2}
"""How many kills one fault is, where it is not one."""
# In this order, again and again, until there are enough kills; then shuffled.
MIX: tuple[FaultKind, ...] = (
    "at-failpoint", "take-over", "broker", "kill", "database", "at-failpoint", "term", "open-transaction", "second",
    "at-failpoint", "pause", "broker", "at-beginning", "at-failpoint", "database", "kill", "both", "at-failpoint",
    "term",
)  # fmt: skip
MOST_PASSES = 8
BEGIN, END = 0.06, 0.96  # share of the events before the first fault and before the last
T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """``at``: after so many events. ``signal``: which signal, where there is a choice. ``long``: longer than
    the session time-out. ``passes``: at which pass of the failpoint."""

    number: int
    at: int
    kind: FaultKind
    target: str
    signal: Literal["SIGKILL", "SIGTERM", "SIGSTOP"] = "SIGKILL"
    failpoint: Failpoint | None = None
    passes: int = 1
    long: bool = False

    @property
    def kills(self) -> int:
        """How many processes are killed or stopped."""
        return KILLS_OF.get(self.kind, 1)


def plan_of(seed: int, events: int, kills: int) -> list[Fault]:
    """All faults in order of events."""
    random = Random(f"{seed}/chaos")
    kinds = _kinds(kills)
    random.shuffle(kinds)
    targets: dict[str, Iterator[str]] = {}
    returns = _shuffled(random, [(failpoint, service) for failpoint in AT_RETURN for service in failpoint.services])
    struck = sum(kind == "at-failpoint" for kind in kinds)
    failpoints = _in_turn(
        [(failpoint, service) for failpoint in FAILPOINTS for service in failpoint.services], seed * struck
    )
    beginnings = _shuffled(
        random, [(failpoint, service) for failpoint in AT_BEGINNING for service in failpoint.services]
    )
    pause = cycle((False, True))
    faults = []
    step = (END - BEGIN) * events / max(1, len(kinds))
    for number, kind in enumerate(kinds):
        at = round(events * BEGIN + step * (number + random.uniform(0.1, 0.6)))
        target = next(targets.setdefault(kind, _shuffled(random, list(SERVICES))))
        failpoint: Failpoint | None = None
        signal: Literal["SIGKILL", "SIGTERM", "SIGSTOP"] = "SIGKILL"
        passes, long = 1, False
        if kind == "at-failpoint":
            failpoint, target = next(failpoints)
            passes = random.randint(1, MOST_PASSES) if failpoint.often else random.randint(1, 2)
        elif kind in ("at-beginning", "both"):
            failpoint, target = next(beginnings if kind == "at-beginning" else returns)
        elif kind in ("broker", "database"):
            target = kind
            signal = random.choice(("SIGKILL", "SIGKILL", "SIGTERM", "SIGSTOP"))
        elif kind == "open-transaction":
            signal, passes = random.choice(("SIGKILL", "SIGSTOP")), random.randint(1, MOST_PASSES)
        elif kind == "second":
            signal = random.choice(("SIGKILL", "SIGTERM"))
        elif kind == "term":
            signal = "SIGTERM"
        elif kind in ("pause", "take-over"):
            signal, long = "SIGSTOP", kind == "take-over" or next(pause)
        faults.append(Fault(number, at, kind, target, signal, failpoint, passes, long))
    return faults


def _kinds(kills: int) -> list[FaultKind]:
    """As many as make up this number of kills: the last may have to be of one kill only."""
    found: list[FaultKind] = []
    for kind in cycle(MIX):
        left = kills - sum(KILLS_OF.get(each, 1) for each in found)
        if left <= 0:
            return found
        if KILLS_OF.get(kind, 1) <= left:
            found.append(kind)
    raise AssertionError


def _in_turn(choices: list[T], start: int) -> Iterator[T]:
    """One order for all seeds, each going on where the seed before ends: a few seeds together come to every one of
    them."""
    ordered = Random("one order").sample(choices, len(choices))
    return islice(cycle(ordered), start % len(choices), None)


def _shuffled(random: Random, choices: list[T]) -> Iterator[T]:
    """Every one of them once in random order, then all again."""
    while True:
        yield from random.sample(choices, len(choices))
