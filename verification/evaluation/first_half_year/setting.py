"""Tables of this family, and the chance of it: trades, places, ways."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

REGION, OCCUPATION, CERTIFICATE = "legal-dong-2026:", "work24-2024-occupation:", "kr-certificate-2020:"
COURSE, INDUSTRY, PLAIN = "ncs-2026:", "ksic-11:", "kr-gyeonggi-1:"
EDUCATION, EMPLOYMENT, WELFARE = "work24-2024-education:", "work24-2024-employment:", "work24-2024-welfare:"
T = TypeVar("T")
STYLES = ("hands", "machine", "people", "care", "outdoors", "desk", "food")
GYEONGGI, SEOUL, INCHEON = "41", "11", "28"
CAPITAL = (GYEONGGI, SEOUL, INCHEON)


class Trade(NamedTuple):
    """A line of ``trades.csv``."""

    name: str
    codes: tuple[str, ...]
    industry: str
    titles: tuple[str, ...]
    weight: float
    pay: tuple[float, float]
    load: float
    talk: float
    watched: float
    style: str
    shifts: tuple[tuple[str, float], ...]
    hours: tuple[int, ...]
    needs: str | None
    helps: tuple[str, ...]
    licence: float
    car: float
    bar: float
    lodge: float
    women: float
    course: str | None

    @property
    def factory(self) -> bool:
        """Manufacturing or a warehouse: what agencies post."""
        return self.industry == "C" or self.name in ("loading", "picking", "forklift")


class Place(NamedTuple):
    """A line of ``places.csv``."""

    code: str
    short: tuple[str, ...]
    point: tuple[float, float]
    homes: float
    works: float
    land: str

    @property
    def province(self) -> str:
        """The first two digits."""
        return self.code[:2]


def _rows(name: str) -> Iterable[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))


def _several(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


@cache
def trades() -> tuple[Trade, ...]:
    """All trades."""
    return tuple(
        Trade(
            name=row["name"],
            codes=_several(row["codes"]),
            industry=row["industry"],
            titles=_several(row["titles"]),
            weight=float(row["weight"]),
            pay=(float(row["pay_low"]), float(row["pay_high"])),
            load=float(row["load"]),
            talk=float(row["talk"]),
            watched=float(row["watched"]),
            style=row["style"],
            shifts=tuple((one.split(":")[0], float(one.split(":")[1])) for one in _several(row["shifts"])),
            hours=tuple(int(one) for one in _several(row["hours"])),
            needs=row["needs"] or None,
            helps=_several(row["helps"]),
            licence=float(row["licence"]),
            car=float(row["car"]),
            bar=float(row["bar"]),
            lodge=float(row["lodge"]),
            women=float(row["women"]),
            course=row["course"] or None,
        )
        for row in _rows("trades.csv")
    )


@cache
def places() -> tuple[Place, ...]:
    """All places."""
    return tuple(
        Place(
            code=row["code"],
            short=_several(row["short"]),
            point=(float(row["lat"]), float(row["lon"])),
            homes=float(row["homes"]),
            works=float(row["works"]),
            land=row["land"],
        )
        for row in _rows("places.csv")
    )


def pick(random: Random, some: Sequence[tuple[T, float]]) -> T:
    """One of them by weight."""
    return random.choices([one for one, _ in some], [weight for _, weight in some])[0]


def bounded(value: float, low: float = 0.0, high: float = 1.0) -> float:
    """Within both."""
    return min(high, max(low, value))


def said(random: Random, value: T, share: float) -> T | None:
    """The value in so many cases: people and employers leave things out."""
    return value if random.random() < share else None


def near(place: Place, random: Random) -> tuple[float, float]:
    """A point around it, some four kilometres off, in the country farther."""
    spread = 0.05 if place.land == "r" else 0.028
    return place.point[0] + random.gauss(0, spread), place.point[1] + random.gauss(0, spread * 1.25)


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """As the crow flies; the country is small enough for a plane."""
    north = (one[0] - other[0]) * 111.0
    east = (one[1] - other[1]) * 111.0 * math.cos(math.radians(36.8))
    return math.hypot(north, east)


def shares(counts: Mapping[str, float]) -> dict[str, float]:
    """Each of the whole."""
    whole = sum(counts.values())
    return {name: count / whole for name, count in counts.items()}
