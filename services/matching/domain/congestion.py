"""How many look at an opening: a table that is made at the turn of a day from the lists of the day before.

It is an input like the wage table, never live: all day long, and whenever the day is worked out again, the same lists
come of it. A person's first places are always their best; behind them an opening that stands in many lists gives way to
one that stands in few, by so much score as the table says (`diversification.chosen`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import NamedTuple

from services.matching.domain.assessment import DIGITS
from shared.reference.matching import CongestionData


class Congestion(NamedTuple):
    """``day``: for which it was made; ``prices``: by opening how much score it gives way by, above 0."""

    day: date
    prices: Mapping[str, float]


def next_day(
    before: Congestion | None,
    lists: Iterable[Collection[str]],
    openings: Collection[str],
    data: CongestionData,
    today: date,
) -> Congestion:
    """The table for today: what stood in more lists than the mean of all openings becomes dearer, the rest cheaper."""
    counts = Counter(opening for one in lists for opening in one)
    mean = counts.total() / len(openings) if openings else 0.0
    last = before.prices if before is not None else {}
    prices = {}
    for opening in openings:
        price = last.get(opening, 0.0) + data.step * (counts[opening] - mean)
        if (price := round(min(data.most, price), DIGITS)) > 0:
            prices[opening] = price
    return Congestion(today, prices)
