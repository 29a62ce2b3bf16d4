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
MOST_QUESTIONS = 63  # that a table tells apart, of all conditions: a bit each
TABLE, BEST, SHARE, CERTAINTY = 0, 1, 2, 3
"""How the value of a factor is found: by asking it, by comparing items, or from the open questions."""
UNIT = 1_000_000
"""Scores are counted in millionths."""
NOBODY = np.iinfo(np.int32).max  # no score enters there
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
    """Those that one is compared with, by position. ``hot``: the numbers of the factors that do not lead; ``numbers``:
    of all columns, for those few that come so far; ``enters``: from which score on one is of interest; ``row_of``:
    whose position it is, below 0: nobody's. ``groups`` (of segments, with their end) begin where the columns of
    ``heads`` change, ``segments`` (with their end) where that of ``turns`` does as well. ``wish``: which column of
    the heads says which wish, below 0: all have the first."""

    hot: Numbers
    numbers: Numbers
    enters: Numbers
    row_of: Integers
    heads: Numbers
    turns: Numbers
    groups: Integers
    segments: Integers
    wish: int


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


class Conditions(NamedTuple):
    """Those that lead first (``head_at``: where in the heads), the others in the order in which they are asked.
    ``answers`` of each begin ``at``; ``bits``: the questions in the order of the conditions, with how often each is
    answered yes."""

    columns: Integers
    head_at: Integers
    answers: NDArray[np.uint8]
    at: Integers
    bits: Integers
    answered_yes: Floats


class Factors(NamedTuple):
    """By their places: ``leads`` (``head_at``: where in the heads), the one by which segments ``turn``, those that are
    ``hot``, ``certainty``. ``parts``: what each adds, in millionths, by wish and number, beginning ``at``; ``most``:
    how much that can be, by wish. ``between``: 1 for those that count between people."""

    leads: Integers
    head_at: Integers
    turn: int
    hot: Integers
    certainty: int
    parts: Numbers
    at: Integers
    most: Integers
    between: Integers
    between_share: Floats
    certainty_share: Floats


class Wanted(NamedTuple):
    """Pairs with a fit from the ``threshold`` on, and of these those that are no worse by score than the ``best`` so
    many that are apart (0: all), or, ``by_row``, those that reach what enters there, or are among the ``shown`` best by
    fit. More may be found. Apart: different numbers in the column ``apart``, all below ``apart_size``; 0 counts not."""

    threshold: float
    best: int
    apart: int
    apart_size: int
    by_row: bool
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
def parts_of(values: Floats, shares: Floats) -> Numbers:
    """What a factor with these values adds, in millionths, by its share for each wish. Below 0: not known, not used."""
    found = np.zeros((len(shares), len(values)), np.int32)
    for wish in range(len(shares)):
        for at in range(len(values)):
            if values[at] >= 0:
                found[wish, at] = millionths(shares[wish] * values[at])
    return found


@_compiled
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


@_compiled
def _certainty(mask: int, conditions: Conditions) -> float:
    """As `Certainty.value` has it: the product, in the order of the conditions."""
    value = 1.0
    for at in range(len(conditions.bits)):
        if mask >> conditions.bits[at] & 1:
            value *= conditions.answered_yes[at]
    return value


@_compiled
def _admitted_groups(others: Others, conditions: Conditions, factors: Factors) -> tuple[Integers, Integers, Integers]:
    """The groups that the leading conditions do not refuse, those first to which the leading factors add most; by group
    how much that is, and the open questions."""
    count = len(others.groups) - 1
    adds, masks, order = np.full(count, -1, np.int64), np.zeros(count, np.int64), np.empty(count, np.int64)
    steps = np.zeros(258, np.int64)
    admitted = 0
    for group in range(count):
        head, mask, meets = others.heads[group], 0, True
        for place in range(len(conditions.head_at)):
            answer = conditions.answers[conditions.at[place] + head[conditions.head_at[place]]]
            if answer == REFUSES:
                meets = False
                break
            if answer >= FIRST_QUESTION:
                mask |= 1 << (answer - FIRST_QUESTION)
        if meets:
            wish, score = head[others.wish] if others.wish >= 0 else 0, 0
            for place in range(len(factors.leads)):
                score += factors.parts[wish, factors.at[factors.leads[place]] + head[factors.head_at[place]]]
            adds[group], masks[group] = score, mask
            admitted += 1
    top = max(1, adds.max()) if count else 1
    for group in range(count):
        if adds[group] >= 0:
            steps[256 - adds[group] * 256 // top + 1] += 1
    for step in range(257):
        steps[step + 1] += steps[step]
    for group in range(count):
        if adds[group] >= 0:
            step = 256 - adds[group] * 256 // top
            order[steps[step]] = group
            steps[step] += 1
    return order[:admitted], adds, masks


@_compiled
def scan(
    others: Others, conditions: Conditions, factors: Factors, wanted: Wanted, looked_at: Integers, refused: Integers
) -> tuple[Integers, Numbers]:
    """One against all others: their rows, and what each factor adds to their score. ``looked_at`` and ``refused`` count
    for each condition that does not lead; refused is also whom a question leaves no chance."""
    capacity, count = 256, 0
    rows, found = np.empty(capacity, np.int64), np.zeros((capacity, len(factors.at)), np.int32)
    memo_masks, memo_values = np.full(_MEMO, -1, np.int64), np.empty(_MEMO)
    score_steps, score_step, scores_above, need = np.zeros(_STEPS + 1, np.int64), 0, 0, 0
    fit_steps, fit_step, fits_above, need_fit = np.zeros(_STEPS + 1, np.int64), 0, 0, 0.0
    best_step = np.full(wanted.apart_size, -1, np.int64)
    by_row, hots, leading = wanted.by_row, len(factors.hot), len(conditions.head_at)
    first_of, between_of = np.empty(hots, np.int64), np.empty(hots, np.int64)
    rest_of, rest_fit_of = np.zeros(hots, np.int64), np.zeros(hots, np.int64)  # the most that those behind it add
    for hot in range(hots):
        first_of[hot], between_of[hot] = factors.at[factors.hot[hot]], factors.between[factors.hot[hot]]
    chances = np.ones(MOST_QUESTIONS)  # by question
    for place in range(len(conditions.bits)):
        chances[conditions.bits[place]] = conditions.answered_yes[place]
    turn, turn_at = factors.turn, factors.at[factors.turn]
    certainty, turn_between = factors.certainty, factors.between[factors.turn]
    order, adds, masks = _admitted_groups(others, conditions, factors)
    for group in order:
        head = others.heads[group]
        wish = head[others.wish] if others.wish >= 0 else 0
        per_fit = 1 / (UNIT * factors.between_share[wish])
        most_hot, most_hot_fit, lead_fit = 0, 0, 0
        for hot in range(hots - 1, -1, -1):
            rest_of[hot], rest_fit_of[hot] = most_hot, most_hot_fit
            most_hot += factors.most[wish, factors.hot[hot]]
            most_hot_fit += factors.most[wish, factors.hot[hot]] * between_of[hot]
        for place in range(len(factors.leads)):
            factor = factors.leads[place]
            lead_fit += factors.parts[wish, factors.at[factor] + head[factors.head_at[place]]] * factors.between[factor]
        certain = millionths(factors.certainty_share[wish] * _certainty(masks[group], conditions))
        lead_score = adds[group] + certain  # no more questions are open than these
        most_turn = factors.most[wish, turn]
        if not by_row and lead_score + most_turn + most_hot < need:
            continue
        if (lead_fit + most_turn * turn_between + most_hot_fit) * per_fit + _SLACK < wanted.threshold:
            continue
        for segment in range(others.groups[group], others.groups[group + 1]):
            turn_adds = factors.parts[wish, turn_at + others.turns[segment]]
            segment_score, segment_fit = lead_score + turn_adds, lead_fit + turn_adds * turn_between
            most_score = segment_score + most_hot
            if not by_row and most_score < need:
                continue
            most_fit = (segment_fit + most_hot_fit) * per_fit + _SLACK
            if most_fit < wanted.threshold:
                continue
            for position in range(others.segments[segment], others.segments[segment + 1]):
                enters = others.enters[position] if by_row else need
                if most_score < enters and (not by_row or most_fit < need_fit):
                    continue
                score, fit, fits, reaches = segment_score, segment_fit, False, True
                for hot in range(hots):
                    adds_here = factors.parts[wish, first_of[hot] + others.hot[position, hot]]
                    score += adds_here
                    fit += adds_here * between_of[hot]
                    most_fit_here = (fit + rest_fit_of[hot]) * per_fit + _SLACK
                    fits = by_row and most_fit_here >= need_fit
                    reaches = most_fit_here >= wanted.threshold and (score + rest_of[hot] >= enters or fits)
                    if not reaches:
                        break
                if not reaches:
                    continue
                fit_value = fit * per_fit
                row = others.row_of[position]
                if row < 0:
                    continue
                numbers, mask, meets, most_certain = others.numbers[position], masks[group], True, certain + 1.0
                for place in range(leading, len(conditions.columns)):
                    answer = conditions.answers[conditions.at[place] + numbers[conditions.columns[place]]]
                    looked_at[place] += 1
                    if answer >= FIRST_QUESTION:
                        mask |= 1 << (answer - FIRST_QUESTION)
                        most_certain *= chances[answer - FIRST_QUESTION]
                    if answer == REFUSES or (not fits and score - certain + most_certain + 1.0 < enters):
                        refused[place] += 1
                        meets = False
                        break
                if not meets:
                    continue
                at = (mask ^ (mask >> 17) ^ (mask >> 31)) & (_MEMO - 1)
                if memo_masks[at] != mask:
                    memo_masks[at], memo_values[at] = mask, _certainty(mask, conditions)
                certain_here = millionths(factors.certainty_share[wish] * memo_values[at])
                score += certain_here - certain
                if score < enters and not fits:
                    continue
                if count == capacity:
                    more_rows, more = np.empty(2 * count, np.int64), np.zeros((2 * count, len(factors.at)), np.int32)
                    more_rows[:count], more[:count] = rows, found
                    rows, found, capacity = more_rows, more, 2 * count
                rows[count], found[count, certainty], found[count, turn] = row, certain_here, turn_adds
                for place in range(len(factors.leads)):
                    factor = factors.leads[place]
                    found[count, factor] = factors.parts[wish, factors.at[factor] + head[factors.head_at[place]]]
                for hot in range(hots):
                    found[count, factors.hot[hot]] = factors.parts[wish, first_of[hot] + others.hot[position, hot]]
                count += 1
                if fit_value < wanted.threshold + _SLACK:  # it may yet be below the threshold
                    continue
                if wanted.best:
                    who = numbers[wanted.apart]
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
                    step = min(int(fit_value * _STEPS), _STEPS)
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
    none, start, one = np.zeros(0, np.int64), np.zeros(1, np.int64), np.ones(1)
    numbers = np.zeros((1, 1), np.int32)
    others = Others(numbers, numbers, numbers[0], none, numbers, numbers[0], start, start, -1)
    conditions = Conditions(none, none, np.zeros(0, np.uint8), none, none, np.zeros(0))
    factors = Factors(none, none, 0, none, 0, numbers, start, np.zeros((1, 1), np.int64), start, one, one)
    scan(others, conditions, factors, Wanted(0.5, 0, 0, 0, False, 0), none, none)
    items = Items(numbers, numbers, np.zeros((1, 1)), np.zeros(0, np.int32), np.zeros(0))
    item_values(none, items, Compared(BEST, 0, 0, 0.0), Own(start, none, one, one, 0.0))
    parts_of(one, one)
