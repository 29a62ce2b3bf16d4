"""How many people's consents end soon, told so that nobody can be made out in it.

People who graduate together give their consents together, and these end together: an exact count would show, on one
day, how large a class was and when it graduated. So: no count below the size of a class, coarse steps above it, no
agency and no purpose; and whoever publishes it counts once a day, not when somebody renews.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

SOON = timedelta(days=30)  # time enough for an agency to ask its people again
FEWEST = 20  # people; about as many graduate in a month
_STEPS = (1, 2, 5)
_TENTHS = 10


class Endings(NamedTuple):
    """People whose first consent ends soon: at least so many, at least this share (0 to 1) of all with a consent."""

    people: int
    share: float


def until(today: date) -> date:
    """The last day that is soon."""
    return today + SOON


def endings(ending: int, standing: int) -> Endings:
    """Rounded down: people to 20, 50, 100, 200, 500, ... and the share to tenths; both 0 for fewer than 20 people."""
    if ending < FEWEST:
        return Endings(0, 0.0)
    magnitude = 10 ** (len(str(ending)) - 1)
    people = max(step * magnitude for step in _STEPS if step * magnitude <= ending)
    return Endings(people, ending * _TENTHS // max(ending, standing) / _TENTHS)
