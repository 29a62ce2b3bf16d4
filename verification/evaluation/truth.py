"""What every invented labour market tells whoever measures on it: who is there, what is open, and how good it is in
truth."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

TODAY = date(2026, 11, 22)


@dataclass(frozen=True, kw_only=True)
class Seeker:
    """A person: what the bus shows, and the groups they are counted in. ``education``: 1 primary school to 5
    university; ``whim``: what their lot is drawn from."""

    shown: Person
    region: str
    woman: bool
    age: int
    childcare: bool
    education: int
    whim: int
    kinds: frozenset[str] = frozenset({"job"})


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An opening: what the bus shows of it. ``group``: the same of adverts that are nearly the same."""

    shown: Opportunity
    region: str
    group: int
    elementary: bool
    lodging: bool = False
    bus: bool = False
    kind: str = "job"


HINDRANCES = ("kind", "times", "pay", "certificate", "driving", "education", "experience", "rule", "load", "way")
"""Why something cannot be, in this order."""


class World(ABC):
    """An invented labour market. Everything follows from its seed."""

    pack: Pack
    workers: Sequence[Seeker]
    adverts: Sequence[Offer]

    @abstractmethod
    def utilities(self, worker: int) -> list[float]:
        """The truth: how good each advert would be for the worker of this number, 0 when it cannot be."""

    @abstractmethod
    def hindrance(self, worker: int, advert: int) -> str | None:
        """Why it cannot be, the first of several reasons; None: it can."""

    def truth(self) -> list[list[float]]:
        """The same of everybody."""
        return [self.utilities(number) for number in range(len(self.workers))]


def points() -> dict[str, tuple[float, float]]:
    """Where each region lies."""
    with (Path(__file__).parent / "points.csv").open(encoding="utf-8") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["code"]: (float(row["lat"]), float(row["lon"])) for row in rows}
