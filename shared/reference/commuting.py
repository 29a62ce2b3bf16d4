"""How long the way to work is, in bands. A straight line is no timetable: good for ranking and for a
first question, never a promise to a person."""

from collections.abc import Sequence
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple, Self

from pydantic import Field, model_validator

from shared.reference.codes import CodeLists
from shared.reference.models import Data

_EARTH_KM = 6371.0


class CommuteBand(Data):
    """Minutes one way for pairs this band holds for: inside one area, or to a place, or within a distance.

    ``least``: of ways inside one area, or within the distance, only the mean is known, and one may be as short as this.
    """

    name: str
    minutes: int = Field(gt=0)
    least: int | None = Field(default=None, gt=0)
    same_area: bool = False
    to: str | None = None
    within_km: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _a_mean_is_not_below_its_least(self) -> Self:
        if self.least is not None and self.least > self.minutes:
            raise ValueError(f"{self.name}: least is above minutes")
        return self


class Way(NamedTuple):
    """Minutes one way: by the pack's band, and how short it may be in truth where that is a mean (else the same)."""

    minutes: int
    least: int


class CommutingSpec(Data):
    """How long ways are for people who live in ``homes_within``; a pack has one for each part of the country.

    Bands in the order they are tried; the last distance is also where `minutes_per_km_beyond` begins to count.
    """

    homes_within: tuple[str, ...] = Field(min_length=1)
    bands: tuple[CommuteBand, ...] = Field(min_length=1)
    minutes_per_km_beyond: float = Field(ge=0)
    car_factor: float = Field(gt=0, le=1)
    source: str


class Commuting:
    """Minutes one way between regions.

    A region belongs to the commuting area of the nearest region above it (itself included) that has a point.
    """

    def __init__(self, specs: Sequence[CommutingSpec], codes: CodeLists) -> None:
        self.specs = tuple(specs)
        self._codes = codes

    def way(self, home: str, work: str, car: bool = False) -> Way | None:
        """By the first band that fits; farther pairs add minutes for each further kilometre.

        None when a place is not known finely enough, or no table is for people who live there.
        A car shortens ways that leave the own area.
        """
        above = set(self._codes.ancestors(home))
        spec = next((each for each in self.specs if above.intersection(each.homes_within)), None)
        start, goal = self._area(home), self._area(work)
        if spec is None or start is None or goal is None:
            return None
        distance = self._distance(start, goal)
        band = self._band(spec, start, goal, work, distance)
        if band.same_area:
            return Way(band.minutes, band.least or band.minutes)
        beyond = max(0.0, distance - band.within_km) if band.within_km is not None else 0.0
        factor = spec.car_factor if car else 1.0
        minutes = round((band.minutes + beyond * spec.minutes_per_km_beyond) * factor)
        # beyond it the distance was counted, so it is no mean of near and far ones any more
        return Way(minutes, minutes if band.least is None or beyond else round(band.least * factor))

    def _band(self, spec: CommutingSpec, start: str, goal: str, work: str, distance: float) -> CommuteBand:
        above = self._codes.ancestors(work)
        for band in spec.bands:
            if band.same_area:
                fits = start == goal
            elif band.to is not None:
                fits = band.to in above
            else:
                fits = band.within_km is None or distance <= band.within_km
            if fits:
                return band
        return spec.bands[-1]

    def _area(self, region: str) -> str | None:
        chain = self._codes.ancestors(region)
        return next((code for code in chain if self._codes.entries[code].point is not None), None)

    def _distance(self, start: str, goal: str) -> float:
        one, other = self._codes.entries[start].point, self._codes.entries[goal].point
        if one is None or other is None:
            raise AssertionError("an area always has a point")
        lat, lon = radians(one[0]), radians(one[1])
        other_lat, other_lon = radians(other[0]), radians(other[1])
        chord = sin((other_lat - lat) / 2) ** 2 + cos(lat) * cos(other_lat) * sin((other_lon - lon) / 2) ** 2
        return 2 * _EARTH_KM * asin(sqrt(chord))
