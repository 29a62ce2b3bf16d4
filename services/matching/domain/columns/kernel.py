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
    Conditions,
    Cursor,
    Factors,
    Found,
    Groups,
    Least,
    Others,
    Rest,
    add,
    ask,
    fill,
    take,
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
_ORDER_STEPS = 257  # in which groups are ordered
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
def _admitted_groups(others: Others, conditions: Conditions, factors: Factors) -> Groups:
    """The groups that the leading conditions do not refuse."""
    count, wishes = len(others.groups) - 1, len(factors.between_share)
    scores, fits = np.full(count, -1, np.int64), np.zeros(count, np.int64)
    certain, masks, order = np.zeros(count, np.int64), np.zeros(count, np.int64), np.empty(count, np.int64)
    top = 1
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
            wish, score, fit = head[others.wish] if others.wish >= 0 else 0, 0, 0
            for place in range(len(factors.leads)):
                factor = factors.leads[place]
                adds = factors.parts[wish, factors.at[factor] + head[factors.head_at[place]]]
                score += adds
                fit += adds * factors.between[factor]
            scores[group], fits[group], masks[group], top = score, fit, mask, max(top, score)
    starts = np.zeros(wishes * _ORDER_STEPS + 1, np.int64)  # by wish, and within by how much is added
    steps = np.empty(count, np.int64)
    for group in range(count):
        if scores[group] >= 0:
            wish = others.heads[group, others.wish] if others.wish >= 0 else 0
            steps[group] = (wish + 1) * _ORDER_STEPS - 1 - scores[group] * (_ORDER_STEPS - 1) // top
            starts[steps[group] + 1] += 1
            certain[group] = millionths(factors.certainty_share[wish] * _certainty(masks[group], conditions))
    for step in range(wishes * _ORDER_STEPS):
        starts[step + 1] += starts[step]
    of_wishes = starts[::_ORDER_STEPS].copy()
    for group in range(count):
        if scores[group] >= 0:
            order[starts[steps[group]]] = group
            starts[steps[group]] += 1
            scores[group] += certain[group]  # no more questions are open than these
    return Groups(order, of_wishes, scores, fits, certain, masks)


@compiled
def _more_room(found: Found, count: int) -> Found:
    """For another block, behind the first so many."""
    room = 2 * count + 4 * BLOCK
    more = Found(np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room))
    more.rows[:count], more.scores[:count] = found.rows[:count], found.scores[:count]
    more.fits[:count] = found.fits[:count]
    return more


@compiled
def scan(
    others: Others, conditions: Conditions, factors: Factors, wanted: Wanted, looked_at: Integers, refused: Integers
) -> tuple[Integers, Integers, Floats]:
    """One against all others: their rows, scores in millionths, and fits. ``looked_at`` and ``refused`` count for each
    condition that does not lead; refused is also whom a question leaves no chance."""
    found = Found(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    count = len(found.rows)  # not a literal 0, for which what takes it would be compiled once more
    parts = np.zeros(len(factors.at), np.int64)
    memo_masks, memo_values = np.full(_MEMO, -1, np.int64), np.empty(_MEMO)
    score_steps, score_step, scores_above, need = np.zeros(_STEPS + 1, np.int64), 0, 0, 0
    fit_steps, fit_step, fits_above, need_fit = np.zeros(_STEPS + 1, np.int64), 0, 0, 0.0
    best_step = np.full(wanted.apart_size, -1, np.int64)
    by_row, hots, leading = wanted.by_row, len(factors.hot), len(conditions.head_at)
    chances, bits = np.ones(256), np.zeros(256, np.int64)  # by answer
    for place in range(len(conditions.bits)):
        question = conditions.bits[place]
        chances[FIRST_QUESTION + question] = conditions.answered_yes[place]
        bits[FIRST_QUESTION + question] = 1 << question
    turn, turn_at = factors.turn, factors.at[factors.turn]
    certainty, turn_between = factors.certainty, factors.between[factors.turn]
    groups = _admitted_groups(others, conditions, factors)
    block = Block(
        np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32),
        np.empty(BLOCK, np.int64), np.empty(BLOCK),
    )  # fmt: skip
    for wish in range(len(factors.between_share)):
        per_fit = 1 / (UNIT * factors.between_share[wish])
        least_fit = int((wanted.threshold - _SLACK) / per_fit) - 1
        clear_fit = int((wanted.threshold + _SLACK) / per_fit) + 2
        hot, hot_fit, behind, behind_fit = 0, 0, 0, 0
        for factor in factors.hot[::-1]:
            behind, behind_fit = hot, hot_fit
            hot += factors.most[wish, factor]
            hot_fit += factors.most[wish, factor] * factors.between[factor]
        most_turn = factors.most[wish, turn]
        rest = Rest(most_turn, most_turn * turn_between, hot, hot_fit, behind, behind_fit)
        cursor = Cursor(groups.starts[wish], -1, 0)
        while cursor.place < groups.starts[wish + 1]:
            least = Least(by_row, need, least_fit, int((need_fit - _SLACK) / per_fit) - 1 if by_row else _NO_FIT)
            some, cursor, looked, met = fill(others, conditions, factors, groups, wish, least, rest, cursor, block)
            if looked and leading < len(conditions.columns):
                looked_at[leading] += looked - some  # the others are asked again
                refused[leading] += looked - met
            some = add(others, factors, groups, wish, block, some, least)
            some = ask(others, conditions, chances, bits, block, some, least, looked_at, refused)
            for at in range(some):
                mask = block.masks[at]
                memo = (mask ^ (mask >> 17) ^ (mask >> 31)) & (_MEMO - 1)
                if memo_masks[memo] != mask:
                    memo_masks[memo], memo_values[memo] = mask, _certainty(mask, conditions)
                block.certain[at] = millionths(factors.certainty_share[wish] * memo_values[memo])
            if count + BLOCK > len(found.rows):
                found = _more_room(found, count)
            if by_row:
                some, count = take(others, block, some, least, clear_fit, per_fit, found, count)
            for at in range(some):
                position, score = block.positions[at], block.scores[at] + int(block.certain[at])
                if not by_row and score < need:
                    continue
                parts[certainty] = block.certain[at]
                parts[turn] = factors.parts[wish, turn_at + others.numbers[others.turn, position]]
                for place in range(len(factors.leads)):
                    factor = factors.leads[place]
                    head = others.heads[block.groups[at], factors.head_at[place]]
                    parts[factor] = factors.parts[wish, factors.at[factor] + head]
                for place in range(hots):
                    factor, number = factors.hot[place], others.numbers[others.hot[place], position]
                    parts[factor] = factors.parts[wish, factors.at[factor] + number]
                fit_value = 0.0
                for factor in range(len(parts)):  # in their order, as an assessment adds them up
                    if factors.between[factor]:
                        fit_value += parts[factor] / UNIT
                fit_value /= factors.between_share[wish]
                found.rows[count], found.scores[count], found.fits[count] = others.row_of[position], score, fit_value
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
    return found.rows[:count], found.scores[:count], found.fits[:count]


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
