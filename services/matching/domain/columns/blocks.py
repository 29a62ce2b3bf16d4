"""Those that one is compared with, looked at a block after the other: what is added up and asked of all in a block,
compiled (numba), without a branch, for it goes one way for one and another for the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.values import Floats, Integers, Numbers, compiled

REFUSES, MEETS, BLANK = 0, 1, 255
"""Answers as the tables keep them; a number between the last two is a question: bit ``number - FIRST_QUESTION``."""
FIRST_QUESTION = 2
MOST_QUESTIONS = 63  # that a table tells apart, of all conditions: a bit each
NOBODY = np.iinfo(np.int32).max  # no score enters there
BLOCK = 1_024  # so many are looked at together: what is noted of them stays near the processor


class Others(NamedTuple):
    """Those that one is compared with, by position. ``numbers``: by column; ``hot``: the columns of the factors that do
    not lead, ``turn``: that of the one that turns; ``enters``: from which score on one is of interest; ``row_of``:
    whose position it is, below 0: nobody's. ``groups`` (of segments, with their end) begin where the columns of
    ``heads`` change, ``segments`` (with their end) where that of ``turns`` does as well. ``wish``: which column of
    the heads says which wish, below 0: all have the first."""

    hot: Integers
    turn: int
    numbers: Numbers
    enters: Numbers
    row_of: Integers
    heads: Numbers
    turns: Numbers
    groups: Integers
    segments: Integers
    wish: int


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


class Block(NamedTuple):
    """Candidates of a group that are looked at together: their positions, what they have so far in millionths of score
    and fit, the open questions, and the most that certainty can add."""

    positions: Numbers
    scores: Numbers
    fits: Numbers
    masks: Integers
    certain: Floats


class Least(NamedTuple):
    """What is needed: of the score (``by_row``: what enters there), of the fit, and of the fit of those that are shown
    whatever their score is."""

    by_row: bool
    score: int
    fit: int
    shown_fit: int


class Bound(NamedTuple):
    """Of a segment: the most that its score and its fit can be without the first hot factor (and whether that counts
    for the fit)."""

    score: int
    fit: int
    between: int


@compiled
def within(
    others: Others, conditions: Conditions, parts: Numbers, bound: Bound, least: Least, begin: int, end: int,
    candidates: Numbers,
) -> tuple[int, int]:  # fmt: skip
    """The positions of a segment that the first condition does not refuse, and that may be wanted by what the first hot
    factor adds; how many, and how many it does not refuse. Without a branch, for it goes one way here and another
    there."""
    count, met, asked = 0, 0, len(conditions.head_at)
    first, condition, answers = others.numbers[others.hot[0]], others.numbers[0], conditions.answers
    is_asked = asked < len(conditions.columns)
    if is_asked:
        condition, answers = others.numbers[conditions.columns[asked]], conditions.answers[conditions.at[asked] :]
    for position in range(begin, end):
        adds = parts[first[position]]
        fit = bound.fit + adds * bound.between
        reaches = bound.score + adds >= others.enters[position]
        meets = not is_asked or answers[condition[position]] != REFUSES
        candidates[count] = position
        met += meets
        count += meets & (fit >= least.fit) & (reaches | (fit >= least.shown_fit))
    return count, met


@compiled
def add(
    others: Others, factors: Factors, wish: int, block: Block, count: int, least: Least, rest: Integers, fit: Integers
) -> int:
    """Add up the hot factors, and leave those that reach what is needed with the most (``rest``, ``fit``: by factor)
    that those behind it add; how many. Without a branch, for it goes one way here and another there."""
    for hot in range(len(factors.hot)):
        column, between = others.numbers[others.hot[hot]], factors.between[factors.hot[hot]]
        parts, kept = factors.parts[wish, factors.at[factors.hot[hot]] :], 0
        for at in range(count):
            position = block.positions[at]
            adds = parts[column[position]]
            score, own_fit = block.scores[at] + adds, block.fits[at] + adds * between
            enters = others.enters[position] if least.by_row else least.score
            block.positions[kept], block.scores[kept], block.fits[kept] = position, score, own_fit
            most_fit = own_fit + fit[hot]
            kept += (most_fit >= least.fit) & ((score + rest[hot] >= enters) | (most_fit >= least.shown_fit))
        count = kept
    return count


@compiled
def held(others: Others, block: Block, count: int, certain: int) -> int:
    """Leave the positions that are somebody's, with what they have without ``certain``; how many."""
    kept = 0
    for at in range(count):
        position = block.positions[at]
        block.positions[kept], block.scores[kept] = position, block.scores[at] - certain
        block.fits[kept] = block.fits[at]
        kept += others.row_of[position] >= 0
    return kept


@compiled
def ask(
    others: Others, conditions: Conditions, chances: Floats, bits: Integers, block: Block, count: int, least: Least,
    looked_at: Integers, refused: Integers,
) -> int:  # fmt: skip
    """Leave those that no condition refuses, and no question leaves without a chance; how many. ``chances`` and
    ``bits``: by answer."""
    for place in range(len(conditions.head_at), len(conditions.columns)):
        column, answers = others.numbers[conditions.columns[place]], conditions.answers[conditions.at[place] :]
        kept = 0
        for at in range(count):
            position, score, fit = block.positions[at], block.scores[at], block.fits[at]
            answer = answers[column[position]]
            certain = block.certain[at] * chances[answer]
            enters = others.enters[position] if least.by_row else least.score
            block.positions[kept], block.scores[kept], block.fits[kept] = position, score, fit
            block.masks[kept], block.certain[kept] = block.masks[at] | bits[answer], certain
            kept += (answer != REFUSES) & ((score + certain + 1.0 >= enters) | (fit >= least.shown_fit))
        looked_at[place] += count
        refused[place] += count - kept
        count = kept
    return count
