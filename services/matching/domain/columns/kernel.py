"""The loop over pairs, compiled (numba). It knows no rule: what it is given are numbers, and tables of what rules say.

It runs outside of the interpreter's lock.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from services.matching.domain.columns.blocks import (
    BLOCK,
    FIRST_QUESTION,
    REFUSES,
    Block,
    Bound,
    Conditions,
    Factors,
    Least,
    Others,
    add,
    ask,
    held,
    within,
)
from services.matching.domain.columns.list_kernel import compile_lists
from services.matching.domain.columns.values import (
    BEST,
    UNIT,
    Compared,
    Floats,
    Integers,
    Items,
    Own,
    compiled,
    item_values,
    millionths,
    parts_of,
)

_SLACK = 2e-6  # between a fit and a bound of it, for rounding
_STEPS = 2_000  # of the histograms from which it is known how good the best so many are at least
_MEMO = 256
_NO_FIT = 1 << 60


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


@compiled
def _certainty(mask: int, conditions: Conditions) -> float:
    """As `Certainty.value` has it: the product, in the order of the conditions."""
    value = 1.0
    for at in range(len(conditions.bits)):
        if mask >> conditions.bits[at] & 1:
            value *= conditions.answered_yes[at]
    return value


@compiled
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


@compiled
def scan(
    others: Others, conditions: Conditions, factors: Factors, wanted: Wanted, looked_at: Integers, refused: Integers
) -> tuple[Integers, Integers, Floats]:
    """One against all others: their rows, scores in millionths, and fits. ``looked_at`` and ``refused`` count for each
    condition that does not lead; refused is also whom a question leaves no chance."""
    capacity, count = 256, 0
    rows, scores, fits_of = np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty(capacity)
    parts = np.zeros(len(factors.at), np.int64)
    memo_masks, memo_values = np.full(_MEMO, -1, np.int64), np.empty(_MEMO)
    score_steps, score_step, scores_above, need = np.zeros(_STEPS + 1, np.int64), 0, 0, 0
    fit_steps, fit_step, fits_above, need_fit = np.zeros(_STEPS + 1, np.int64), 0, 0, 0.0
    best_step = np.full(wanted.apart_size, -1, np.int64)
    by_row, hots, leading = wanted.by_row, len(factors.hot), len(conditions.head_at)
    first_of, between_of = np.empty(hots, np.int64), np.empty(hots, np.int64)
    rest_of, rest_fit_of = np.zeros(hots, np.int64), np.zeros(hots, np.int64)  # the most that those behind it add
    for hot in range(hots):
        first_of[hot], between_of[hot] = factors.at[factors.hot[hot]], factors.between[factors.hot[hot]]
    chances, bits = np.ones(256), np.zeros(256, np.int64)  # by answer
    for place in range(len(conditions.bits)):
        question = conditions.bits[place]
        chances[FIRST_QUESTION + question] = conditions.answered_yes[place]
        bits[FIRST_QUESTION + question] = 1 << question
    turn, turn_at = factors.turn, factors.at[factors.turn]
    certainty, turn_between = factors.certainty, factors.between[factors.turn]
    order, adds, masks = _admitted_groups(others, conditions, factors)
    block = Block(
        np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int64),
        np.empty(BLOCK),
    )  # fmt: skip
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
        own_parts, least_fit = factors.parts[wish, first_of[0] :], int((wanted.threshold - _SLACK) / per_fit) - 1
        if not by_row and lead_score + most_turn + most_hot < need:
            continue
        if (lead_fit + most_turn * turn_between + most_hot_fit) * per_fit + _SLACK < wanted.threshold:
            continue
        segment, last = others.groups[group], others.groups[group + 1]
        begin = others.segments[segment]
        while segment < last:
            some = 0
            least = Least(by_row, need, least_fit, int((need_fit - _SLACK) / per_fit) - 1 if by_row else _NO_FIT)
            while segment < last and some < BLOCK:
                end, turn_adds = others.segments[segment + 1], factors.parts[wish, turn_at + others.turns[segment]]
                segment_score, segment_fit = lead_score + turn_adds, lead_fit + turn_adds * turn_between
                wants = by_row or segment_score + most_hot >= need
                if not wants or (segment_fit + most_hot_fit) * per_fit + _SLACK < wanted.threshold:
                    segment, begin = segment + 1, end
                    continue
                end, first = min(begin + BLOCK - some, end), some
                if by_row:
                    bound = Bound(segment_score + rest_of[0], segment_fit + rest_fit_of[0], between_of[0])
                    more, met = within(others, conditions, own_parts, bound, least, begin, end, block.positions[first:])
                    some += more
                    if leading < len(conditions.columns):
                        looked_at[leading] += end - begin - more
                        refused[leading] += end - begin - met
                else:
                    for position in range(begin, end):
                        block.positions[some] = position
                        some += 1
                for at in range(first, some):
                    block.scores[at], block.fits[at] = segment_score, segment_fit
                begin = end
                if begin == others.segments[segment + 1]:
                    segment += 1
            some = add(others, factors, wish, block, some, least, rest_of, rest_fit_of)
            some = held(others, block, some, certain)
            block.masks[:some], block.certain[:some] = masks[group], certain + 1.0
            some = ask(others, conditions, chances, bits, block, some, least, looked_at, refused)
            for at in range(some):
                position, mask = block.positions[at], block.masks[at]
                memo = (mask ^ (mask >> 17) ^ (mask >> 31)) & (_MEMO - 1)
                if memo_masks[memo] != mask:
                    memo_masks[memo], memo_values[memo] = mask, _certainty(mask, conditions)
                certain_here = millionths(factors.certainty_share[wish] * memo_values[memo])
                score = block.scores[at] + certain_here
                enters = others.enters[position] if by_row else need
                if score < enters and block.fits[at] < least.shown_fit:
                    continue
                if count == capacity:
                    capacity = 2 * count
                    more_rows, more_scores = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
                    more_fits = np.empty(capacity)
                    more_rows[:count], more_scores[:count], more_fits[:count] = rows, scores, fits_of
                    rows, scores, fits_of = more_rows, more_scores, more_fits
                fit = block.fits[at]
                if by_row and fit < least.shown_fit and fit * per_fit > wanted.threshold + _SLACK:
                    rows[count], scores[count], fits_of[count] = others.row_of[position], score, fit * per_fit
                    count += 1
                    continue
                parts[certainty] = certain_here
                parts[turn] = factors.parts[wish, turn_at + others.numbers[others.turn, position]]
                for place in range(len(factors.leads)):
                    factor = factors.leads[place]
                    parts[factor] = factors.parts[wish, factors.at[factor] + head[factors.head_at[place]]]
                for hot in range(hots):
                    number = others.numbers[others.hot[hot], position]
                    parts[factors.hot[hot]] = factors.parts[wish, first_of[hot] + number]
                fit_value = 0.0
                for factor in range(len(parts)):  # in their order, as an assessment adds them up
                    if factors.between[factor]:
                        fit_value += parts[factor] / UNIT
                fit_value /= factors.between_share[wish]
                rows[count], scores[count], fits_of[count] = others.row_of[position], score, fit_value
                count += 1
                if fit_value < wanted.threshold + _SLACK:  # it may yet be below the threshold
                    continue
                if wanted.best:
                    who = others.numbers[wanted.apart, position]
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
    return rows[:count], scores[:count], fits_of[:count]


def compile_kernels() -> None:
    """Compile what is not compiled yet, by looking at a side that is empty."""
    none, start, one = np.zeros(0, np.int64), np.zeros(1, np.int64), np.ones(1)
    numbers = np.zeros((1, 1), np.int32)
    others = Others(none, 0, numbers, numbers[0], none, numbers, numbers[0], start, start, -1)
    conditions = Conditions(none, none, np.zeros(0, np.uint8), none, none, np.zeros(0))
    factors = Factors(none, none, 0, none, 0, numbers, start, np.zeros((1, 1), np.int64), start, one, one)
    scan(others, conditions, factors, Wanted(0.5, 0, 0, 0, False, 0), none, none)
    items = Items(numbers, numbers, np.zeros((1, 1)), np.zeros(0, np.int32), np.zeros(0))
    item_values(none, items, Compared(BEST, 0, 0, 0.0), Own(start, none, one, one, 0.0))
    parts_of(one, one)
    compile_lists()
