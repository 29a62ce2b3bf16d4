"""What factors add to a score, compiled (numba): by values that a rule said, or by comparing items.

The machine code is kept beside this file or under ``NUMBA_CACHE_DIR``; where neither can be written it is compiled anew
in each process (`kernel.compile_kernels`, some seconds).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

TABLE, BEST, SHARE, CERTAINTY = 0, 1, 2, 3
"""How the value of a factor is found: by asking it, by comparing items, or from the open questions."""
UNIT = 1_000_000
"""Scores are counted in millionths."""
NOTHING = -1.0  # as a nearness: not comparable
_SPLIT = 134217729.0  # 2**27 + 1
_NEUTRAL = 0.5
_F = TypeVar("_F", bound=Callable[..., Any])

Integers = NDArray[np.int64]
Numbers = NDArray[np.int32]
Floats = NDArray[np.float64]


class Items(NamedTuple):
    """By comparison and number: where the items of the others begin, how many there are, and what is ``asked``
    (`Own`); then keys and weights of all items."""

    starts: Numbers
    lengths: Numbers
    sums: Floats
    keys: Numbers
    weights: Floats


class Compared(NamedTuple):
    """How a factor compares items: its kind, the first of its comparisons and the end of them, its evidence."""

    kind: int
    first: int
    last: int
    evidence: float


class Own(NamedTuple):
    """The items of the one that is compared, for one factor: by comparison (``first``) where in ``near`` the nearness
    of each to the other side's keys begins, and its weight. ``asked``: the weight of all that it asks (of the best of
    comparisons: what counts where nothing is comparable); below 0: the others ask."""

    first: Integers
    near_at: Integers
    weights: Floats
    near: Floats
    asked: float


def compiled(function: _F) -> _F:
    try:
        return cast(_F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # there is no place for the machine code
        return cast(_F, numba.njit(nogil=True)(function))


@compiled
def millionths(x: float) -> int:
    """A number from 0 rounded to six digits just as `round` does, in millionths. What lies near a half is decided by
    the exact product (Dekker): ties go to the even one."""
    product = x * 1e6
    floor = np.floor(product)
    over = (product - floor) - 0.5
    whole = int(floor)
    if over > 1e-6:
        return whole + 1
    if over < -1e-6:
        return whole
    spread = _SPLIT * x
    high = spread - (spread - x)
    over += (high * 1e6 - product) + (x - high) * 1e6  # 10**6 has 14 binary digits without its zeros: both are exact
    if over > 0:
        return whole + 1
    if over < 0:
        return whole
    return whole + (whole & 1)


@compiled
def parts_of(values: Floats, shares: Floats) -> Numbers:
    """What a factor with these values adds, in millionths, by its share for each wish. Below 0: not known, not used."""
    found = np.zeros((len(shares), len(values)), np.int32)
    for wish in range(len(shares)):
        for at in range(len(values)):
            if values[at] >= 0:
                found[wish, at] = millionths(shares[wish] * values[at])
    return found


@compiled
def item_values(numbers: Integers, items: Items, compared: Compared, own: Own) -> Floats:
    """What a factor that compares items says to these numbers of the other side."""
    found = np.empty(len(numbers))
    for place in range(len(numbers)):
        number = numbers[place]
        best, had, asked = -1.0, 0.0, own.asked
        for each in range(compared.first, compared.last):
            start = items.starts[each, number]
            end = start + items.lengths[each, number]
            if own.asked < 0.0:
                asked = items.sums[each, number]
            for one in range(own.first[each - compared.first], own.first[each - compared.first + 1]):
                at, weight = own.near_at[one], own.weights[one]
                for item in range(start, end):
                    near = own.near[at + items.keys[item]]
                    if near >= 0.0:
                        value = weight * (near * items.weights[item])
                        had += value
                        best = max(best, value)
        if compared.kind == SHARE:
            found[place] = (had + _NEUTRAL * compared.evidence) / (asked + compared.evidence)
        else:
            found[place] = best if best >= 0.0 else asked
    return found
