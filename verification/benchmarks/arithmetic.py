"""The benchmark's own arithmetic: ratios within a round, their median and spread over the rounds, percentiles."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio over several rounds: the median, and the lowest and highest that was seen."""

    median: float
    lowest: float
    highest: float


def ratio(pairs: Iterable[tuple[float, float]]) -> Ratio:
    """Of (ours, reference) measured next to each other: each pair is divided first, so that a machine which was slow
    for one round does not count twice. Raises ValueError without pairs, ZeroDivisionError for a reference of 0."""
    ratios = sorted(ours / reference for ours, reference in pairs)
    if not ratios:
        raise ValueError("no rounds")
    return Ratio(statistics.median(ratios), ratios[0], ratios[-1])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of the values does not exceed. Raises ValueError if none."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def rate(arrivals: Sequence[tuple[float, int]], warm_up: int) -> float:
    """Events per second from (second, events so far): from the first moment at which at least ``warm_up`` were there
    until the last one. Raises ValueError when all came at once."""
    begun = next(((second, count) for second, count in arrivals if count >= warm_up), None)
    if begun is None or arrivals[-1][0] <= begun[0]:
        raise ValueError("too few events after the warm-up")
    last, total = arrivals[-1]
    return (total - begun[1]) / (last - begun[0])
