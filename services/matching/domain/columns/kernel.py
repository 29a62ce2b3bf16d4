"""The loop over pairs, compiled (numba). It knows no rule: what it is given are numbers, and tables of what rules say.

It runs outside of the interpreter's lock. The machine code is kept beside this file or under ``NUMBA_CACHE_DIR``; where
neither can be written it is compiled anew in each process (`compile_kernels`, some seconds).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

REFUSES, MEETS, BLANK = 0, 1, 255
"""Answers as the tables keep them; a number between the last two is a question: bit ``number - FIRST_QUESTION``."""
FIRST_QUESTION = 2
TABLE, BEST, SHARE, CERTAINTY = 0, 1, 2, 3
"""How the value of a factor is found: in a table, by comparing items, or from the open questions."""
UNIT = 1_000_000
"""Scores are counted in millionths."""
NOTHING = -1.0  # as a nearness: not comparable
_SLACK = 2e-6  # between a fit and a bound of it, for rounding
_STEPS = 2_000  # of the histograms from which it is known how good the best so many are at least
_MEMO = 256
_SPLIT = 134217729.0  # 2**27 + 1
_NEUTRAL = 0.5
_F = TypeVar("_F", bound=Callable[..., Any])

Integers = NDArray[np.int64]
Numbers = NDArray[np.int32]
Floats = NDArray[np.float64]


class Others(NamedTuple):
    """Those that one is compared with. ``numbers``: by position a number for each column; ``row_of``: whose position it
    is, below 0: nobody's; ``segments`` begin where the leading columns change, ``groups`` (of segments) where the first
    of them does, both with their end; ``heads``: by segment the numbers of the leading columns; ``wish``: which of
    these says which wish, below 0: all have the first."""

    numbers: Numbers
    row_of: Integers
    heads: Numbers
    segments: Integers
    groups: Integers
    wish: int


class Items(NamedTuple):
    """By comparison and number: where the items of the others begin, how many there are, and what is ``asked``
    (`Own`); then keys and weights of all items."""

    starts: Numbers
    lengths: Numbers
    sums: Floats
    keys: Numbers
    weights: Floats


class Conditions(NamedTuple):
    """In the order in which they are asked, those that lead first (``head_at``: where in the heads). ``answers`` of
    each begin ``at``; ``bits``: the questions in the order of the conditions, with how often each is answered yes."""

    columns: Integers
    leads: int
    head_at: Integers
    answers: NDArray[np.uint8]
    at: Integers
    bits: Integers
    answered_yes: Floats


class Factors(NamedTuple):
    """In their order. ``order`` is that in which they are weighed, those that lead first (``head_at``: where in the
    heads). ``first`` and ``last``: of each its comparisons. From the place ``early`` on it takes more work: the
    conditions come before. ``shares``, ``most`` (what it can add) and ``parts`` (of tables, beginning ``at``; in
    millionths) are by wish."""

    kinds: Integers
    order: Integers
    leads: int
    head_at: Integers
    early: int
    columns: Integers
    first: Integers
    last: Integers
    shares: Floats
    most: Integers
    parts: NDArray[np.int32]
    at: Integers
    between: Integers
    between_share: Floats
    evidence: Floats


class Own(NamedTuple):
    """The items of the one that is compared: by comparison (``first``) where in ``near`` the nearness of each to the
    other side's keys begins, and its weight. ``asked``: by factor the weight of all that it asks (of the best of
    comparisons: what counts where nothing is comparable); below 0: the others ask."""

    first: Integers
    near_at: Integers
    weights: Floats
    near: Floats
    asked: Floats


class Apart(NamedTuple):
    """The column in which equal numbers, all below ``size``, are counted once; 0 is not counted."""

    column: int
    size: int


class Wanted(NamedTuple):
    """Pairs with a fit from the ``threshold`` on, and of these those that are no worse by score than the ``best`` so
    many that are ``apart`` (0: all), or those that reach what ``enters`` says of their row, or are among the ``shown``
    best by fit. More may be found."""

    threshold: float
    best: int
    apart: Apart
    enters: Integers
    shown: int


def _compiled(function: _F) -> _F:
    try:
        return cast(_F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # there is no place for the machine code
        return cast(_F, numba.njit(nogil=True)(function))


@_compiled
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


@_compiled
def all_millionths(values: Floats, share: float) -> NDArray[np.int32]:
    """What a factor with this share adds at each of these values, in millionths."""
    found = np.empty(len(values), np.int32)
    for at in range(len(values)):
        found[at] = millionths(share * values[at]) if values[at] >= 0 else 0
    return found


@_compiled
def _item_value(factor: int, numbers: Numbers, items: Items, factors: Factors, own: Own) -> float:
    best, had, asked = -1.0, 0.0, float(own.asked[factor])
    number = numbers[factors.columns[factor]]
    for each in range(factors.first[factor], factors.last[factor]):
        start = items.starts[each, number]
        end = start + items.lengths[each, number]
        if own.asked[factor] < 0.0:
            asked = items.sums[each, number]
        for one in range(own.first[each], own.first[each + 1]):
            at, weight = own.near_at[one], own.weights[one]
            for item in range(start, end):
                near = own.near[at + items.keys[item]]
                if near >= 0.0:
                    value = weight * (near * items.weights[item])
                    had += value
                    best = max(best, value)
    if factors.kinds[factor] == SHARE:
        return float((had + _NEUTRAL * factors.evidence[factor]) / (asked + factors.evidence[factor]))
    return best if best >= 0.0 else asked


@_compiled
def values_by_number(factor: int, length: int, items: Items, factors: Factors, own: Own) -> Floats:
    """What a factor that compares items says to each number of the other side."""
    found, numbers = np.empty(length), np.zeros(factors.columns[factor] + 1, np.int32)
    for number in range(length):
        numbers[factors.columns[factor]] = number
        found[number] = _item_value(factor, numbers, items, factors, own)
    return found


@_compiled
def _certainty(mask: int, conditions: Conditions) -> float:
    """As `Certainty.value_of` has it: the product, in the order of the conditions."""
    value = 1.0
    for at in range(len(conditions.bits)):
        if mask >> conditions.bits[at] & 1:
            value *= conditions.answered_yes[at]
    return value


@_compiled
def _groups_best_first(others: Others, factors: Factors) -> tuple[Integers, Integers]:
    """The groups by how much the factor that leads can add, and how much that is."""
    count = len(others.groups) - 1
    adds, order = np.zeros(count, np.int64), np.empty(count, np.int64)
    steps = np.zeros(258, np.int64)
    lead = factors.order[0]
    for group in range(count):
        number = others.heads[others.groups[group], factors.head_at[lead]]
        for wish in range(len(factors.shares)):
            adds[group] = max(adds[group], factors.parts[wish, factors.at[lead] + number])
    top = max(1, adds.max()) if count else 1
    for group in range(count):
        steps[256 - adds[group] * 256 // top + 1] += 1
    for step in range(257):
        steps[step + 1] += steps[step]
    for group in range(count):
        step = 256 - adds[group] * 256 // top
        order[steps[step]] = group
        steps[step] += 1
    return order, adds


@_compiled
def scan(
    others: Others,
    items: Items,
    conditions: Conditions,
    factors: Factors,
    own: Own,
    wanted: Wanted,
    looked_at: Integers,
    refused: Integers,
) -> tuple[Integers, NDArray[np.int32]]:
    """One against all others: their rows, and what each factor adds to their score. ``looked_at`` and ``refused`` count
    for each condition."""
    conditions_count, factors_count, wishes = len(conditions.columns), len(factors.kinds), len(factors.shares)
    capacity, count = 1024, 0
    rows, found = np.empty(capacity, np.int64), np.empty((capacity, factors_count), np.int32)
    part = np.zeros(factors_count, np.int32)
    memo_masks, memo_values = np.full(_MEMO, -1, np.int64), np.empty(_MEMO)
    score_steps, scores_above, need = np.zeros(_STEPS + 1, np.int64), 0, 0
    best_step = np.full(wanted.apart.size, -1, np.int64)
    fit_steps, fits_above, need_fit = np.zeros(_STEPS + 1, np.int64), 0, 0.0
    score_step, fit_step = 0, 0
    by_row = len(wanted.enters) > 0
    rest, rest_fit = np.zeros((wishes, factors_count + 1), np.int64), np.zeros((wishes, factors_count + 1), np.int64)
    for wish in range(wishes):
        for place in range(factors_count - 1, -1, -1):
            factor = factors.order[place]
            rest[wish, place] = rest[wish, place + 1] + factors.most[wish, factor]
            rest_fit[wish, place] = rest_fit[wish, place + 1] + factors.most[wish, factor] * factors.between[factor]
    if factors.leads:
        groups, adds = _groups_best_first(others, factors)
    else:
        groups, adds = np.arange(len(others.groups) - 1), np.zeros(len(others.groups) - 1, np.int64)
    rest_of_group = 0
    for wish in range(wishes):
        rest_of_group = max(rest_of_group, rest[wish, min(1, factors.leads)])
    by_second = wanted.best > 0 and factors.leads == 2
    second = factors.order[1] if by_second else 0
    second_at, second_head = factors.at[second], factors.head_at[second]
    rest_of_second = rest[0, 2] if by_second else 0
    for group in groups:
        if wanted.best and adds[group] + rest_of_group < need:
            continue
        adds_of_group = adds[group] + rest_of_second
        for segment in range(others.groups[group], others.groups[group + 1]):
            head = others.heads[segment]
            if by_second and adds_of_group + factors.parts[0, second_at + head[second_head]] < need:
                continue  # what most segments end with
            wish = head[others.wish] if others.wish >= 0 else 0
            lead_score, lead_fit = 0, 0
            for place in range(factors.leads):
                factor = factors.order[place]
                adds_here = factors.parts[wish, factors.at[factor] + head[factors.head_at[factor]]]
                part[factor] = adds_here
                lead_score += adds_here
                lead_fit += adds_here * factors.between[factor]
            if wanted.best and lead_score + rest[wish, factors.leads] < need:
                continue
            per_fit = 1 / (UNIT * factors.between_share[wish])
            if (lead_fit + rest_fit[wish, factors.leads]) * per_fit + _SLACK < wanted.threshold:
                continue
            start, end = others.segments[segment], others.segments[segment + 1]
            lead_mask, meets = 0, True
            for place in range(conditions.leads):
                answer = conditions.answers[conditions.at[place] + head[conditions.head_at[place]]]
                looked_at[place] += end - start
                if answer == REFUSES:
                    refused[place] += end - start
                    meets = False
                    break
                if answer >= FIRST_QUESTION:
                    lead_mask |= 1 << (answer - FIRST_QUESTION)
            if not meets:
                continue
            for position in range(start, end):
                row = others.row_of[position]
                if row < 0:
                    continue
                score, fit, mask = lead_score, lead_fit, lead_mask
                enters = wanted.enters[row] if by_row else need
                most_fit = (fit + rest_fit[wish, factors.leads]) * per_fit + _SLACK
                if score + rest[wish, factors.leads] < enters and (not by_row or most_fit < need_fit):
                    continue
                numbers = others.numbers[position]
                meets = True
                for place in range(factors.leads, factors_count):
                    if place == factors.early:  # what is known without much work first, then whether they meet at all
                        for each in range(conditions.leads, conditions_count):
                            answer = conditions.answers[conditions.at[each] + numbers[conditions.columns[each]]]
                            looked_at[each] += 1
                            if answer == REFUSES:
                                refused[each] += 1
                                meets = False
                                break
                            if answer >= FIRST_QUESTION:
                                mask |= 1 << (answer - FIRST_QUESTION)
                        if not meets:
                            break
                    factor = factors.order[place]
                    kind = factors.kinds[factor]
                    if kind == TABLE:
                        adds_here = factors.parts[wish, factors.at[factor] + numbers[factors.columns[factor]]]
                    elif factors.most[wish, factor] == 0:
                        adds_here = 0
                    elif kind == CERTAINTY:
                        at = (mask ^ (mask >> 17) ^ (mask >> 31)) & (_MEMO - 1)
                        if memo_masks[at] != mask:
                            memo_masks[at], memo_values[at] = mask, _certainty(mask, conditions)
                        adds_here = millionths(factors.shares[wish, factor] * memo_values[at])
                    else:
                        value = _item_value(factor, numbers, items, factors, own)
                        adds_here = millionths(factors.shares[wish, factor] * value)
                    part[factor] = adds_here
                    score += adds_here
                    fit += adds_here * factors.between[factor]
                    most_fit = (fit + rest_fit[wish, place + 1]) * per_fit + _SLACK
                    if most_fit < wanted.threshold or (
                        score + rest[wish, place + 1] < enters and (not by_row or most_fit < need_fit)
                    ):
                        meets = False
                        break
                if not meets:
                    continue
                if count == capacity:
                    more_rows, more = (
                        np.empty(2 * capacity, np.int64),
                        np.empty((2 * capacity, factors_count), np.int32),
                    )
                    more_rows[:count], more[:count] = rows, found
                    rows, found, capacity = more_rows, more, 2 * capacity
                rows[count] = row
                found[count] = part
                count += 1
                least_fit = fit * per_fit
                if least_fit < wanted.threshold + _SLACK:  # it may yet be below the threshold
                    continue
                if wanted.best:
                    who = numbers[wanted.apart.column]
                    step = min(score * _STEPS // UNIT, _STEPS)
                    before = best_step[who]
                    if who > 0 and step > before:
                        best_step[who] = step
                        if before >= 0:
                            score_steps[before] -= 1
                            if before >= score_step:
                                scores_above -= 1
                        score_steps[step] += 1
                        if step >= score_step:
                            scores_above += 1
                        while scores_above - score_steps[score_step] >= wanted.best:
                            scores_above -= score_steps[score_step]
                            score_step += 1
                        if scores_above >= wanted.best:
                            need = score_step * UNIT // _STEPS
                if by_row:
                    step = min(int(least_fit * _STEPS), _STEPS)
                    fit_steps[step] += 1
                    if step >= fit_step:
                        fits_above += 1
                        while fits_above - fit_steps[fit_step] >= wanted.shown:
                            fits_above -= fit_steps[fit_step]
                            fit_step += 1
                        if fits_above >= wanted.shown:
                            need_fit = fit_step / _STEPS - _SLACK
    return rows[:count], found[:count]


def compile_kernels() -> None:
    """Compile what is not compiled yet, by looking at a side that is empty."""
    none, nobody = np.zeros(0, np.int64), np.zeros(1, np.int64)
    numbers = np.zeros((1, 1), np.int32)
    others = Others(numbers, none, numbers, nobody, nobody, -1)
    items = Items(numbers, numbers, np.zeros((1, 1)), np.zeros(0, np.int32), np.zeros(0))
    conditions = Conditions(none, 0, none, np.zeros(0, np.uint8), none, none, np.zeros(0))
    shares, most, one = np.zeros((1, 1)), np.zeros((1, 1), np.int64), np.ones(1)
    factors = Factors(
        nobody, nobody, 0, nobody, 0, nobody, nobody, nobody, shares, most, numbers, nobody, nobody, one, one
    )  # fmt: skip
    own = Own(nobody, none, np.zeros(0), np.zeros(0), one)
    scan(others, items, conditions, factors, own, Wanted(0.5, 0, Apart(0, 0), none, 0), none, none)
    values_by_number(0, 0, items, factors, own)
    all_millionths(np.zeros(0), 1.0)
