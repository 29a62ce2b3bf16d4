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


class Groups(NamedTuple):
    """Groups that the leading conditions do not refuse, those of a wish together (they begin at its ``starts``), and of
    these first to which the leading factors add most. By group: what these add to the score (with the most that
    certainty can add) and to the fit, that most, and the open questions."""

    order: Integers
    starts: Integers
    scores: Integers
    fits: Integers
    certain: Integers
    masks: Integers


class Block(NamedTuple):
    """Candidates with the same wish that are looked at together: their positions and groups, what they have so far in
    millionths of score and fit, the open questions, and the most that certainty can add."""

    positions: Numbers
    groups: Numbers
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


class Rest(NamedTuple):
    """The most that can still be added to scores and fits (``_fit``): by the factor that turns, by all hot ones, and by
    all of these but the first."""

    turn: int
    turn_fit: int
    hot: int
    hot_fit: int
    behind: int
    behind_fit: int


class Found(NamedTuple):
    """Rows, scores in millionths, and fits."""

    rows: Integers
    scores: Integers
    fits: Floats


class Cursor(NamedTuple):
    """How far a scan has come: the place in the order of the groups, the segment (below 0: the group begins), the
    position."""

    place: int
    segment: int
    position: int


@compiled
def fill(
    others: Others, conditions: Conditions, factors: Factors, groups: Groups, wish: int, least: Least, rest: Rest,
    cursor: Cursor, block: Block,
) -> tuple[int, Cursor, int, int]:  # fmt: skip
    """Take candidates from the cursor on until the block is full or the groups of this wish end: those of segments that
    may reach what is needed, and, ``by_row``, of these whom the first condition does not refuse and the first hot
    factor may bring there. How many; the cursor; how many were asked, and how many of them not refused.

    Segments are short (some twenty people), so what is the same for all of them is fetched once. Without a branch by
    position, for it goes one way here and another there."""
    asked, by_row = len(conditions.head_at), least.by_row
    first, enters, own = others.numbers[others.hot[0]], others.enters, factors.parts[wish, factors.at[factors.hot[0]] :]
    between, turn_between = factors.between[factors.hot[0]], factors.between[factors.turn]
    turn_parts = factors.parts[wish, factors.at[factors.turn] :]
    condition, answers, is_asked = first, conditions.answers, by_row and asked < len(conditions.columns)
    if is_asked:
        condition, answers = others.numbers[conditions.columns[asked]], conditions.answers[conditions.at[asked] :]
    place, segment, begin = cursor
    count, looked, met, stop = 0, 0, 0, groups.starts[wish + 1]
    while place < stop:
        group = groups.order[place]
        last, score, fit = others.groups[group + 1], groups.scores[group], groups.fits[group]
        if segment < 0:
            segment = others.groups[group]
            begin = others.segments[segment]
            reaches = by_row or score + rest.turn + rest.hot >= least.score
            if not reaches or fit + rest.turn_fit + rest.hot_fit < least.fit:
                segment = last
        while segment < last and count < BLOCK:
            end, adds = others.segments[segment + 1], turn_parts[others.turns[segment]]
            own_score, own_fit = score + adds, fit + adds * turn_between
            reaches = by_row or own_score + rest.hot >= least.score
            if reaches and own_fit + rest.hot_fit >= least.fit:
                until, kept = min(begin + BLOCK - count, end), count
                if by_row:
                    most_score, most_fit = own_score + rest.behind, own_fit + rest.behind_fit
                    for position in range(begin, until):
                        part = own[first[position]]
                        bound = most_fit + part * between
                        enough = (most_score + part >= enters[position]) | (bound >= least.shown_fit)
                        meets = not is_asked or answers[condition[position]] != REFUSES
                        block.positions[kept] = position
                        met += meets
                        kept += meets & enough & (bound >= least.fit)
                    looked += until - begin
                else:
                    for position in range(begin, until):
                        block.positions[kept] = position
                        kept += 1
                for at in range(count, kept):
                    block.groups[at], block.scores[at], block.fits[at] = group, own_score, own_fit
                count, begin = kept, until
                if until < end:
                    continue
            segment, begin = segment + 1, end
        if segment < last:
            break
        place, segment = place + 1, -1
    return count, Cursor(place, segment, begin), looked, met


@compiled
def add(others: Others, factors: Factors, groups: Groups, wish: int, block: Block, count: int, least: Least) -> int:
    """Add up the hot factors, and leave those that are somebody's and reach what is needed with all that certainty can
    add, with what they have without it and the questions that are open in their group; how many. Without a branch, for
    it goes one way here and another there."""
    kept, hots, by_row = 0, len(factors.hot), least.by_row
    for at in range(count):
        position, group, score, fit = block.positions[at], block.groups[at], block.scores[at], block.fits[at]
        for hot in range(hots):
            factor = factors.hot[hot]
            adds = factors.parts[wish, factors.at[factor] + others.numbers[others.hot[hot], position]]
            score, fit = score + adds, fit + adds * factors.between[factor]
        enters = others.enters[position] if by_row else least.score
        certain = groups.certain[group]
        block.positions[kept], block.groups[kept] = position, group
        block.scores[kept], block.fits[kept] = score - certain, fit
        block.masks[kept], block.certain[kept] = groups.masks[group], certain + 1.0
        reaches = (fit >= least.fit) & ((score >= enters) | (fit >= least.shown_fit))
        kept += reaches & (others.row_of[position] >= 0)
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
            block.positions[kept], block.groups[kept] = position, block.groups[at]
            block.scores[kept], block.fits[kept] = score, fit
            block.masks[kept], block.certain[kept] = block.masks[at] | bits[answer], certain
            kept += (answer != REFUSES) & ((score + certain + 1.0 >= enters) | (fit >= least.shown_fit))
        looked_at[place] += count
        refused[place] += count - kept
        count = kept
    return count


@compiled
def take(
    others: Others, block: Block, count: int, least: Least, clear_fit: int, per_fit: float, found: Found, had: int
) -> tuple[int, int]:  # fmt: skip
    """Put those in ``found``, behind those that it had, whose score enters and whose fit is clear of the threshold
    (``clear_fit``) and not among those that are shown; leave those whose fit has to be known exactly. How many are
    left, how many are found. ``certain`` of the block is what certainty adds. Without a branch."""
    kept = 0
    for at in range(count):
        position, fit, certain = block.positions[at], block.fits[at], block.certain[at]
        score = block.scores[at] + int(certain)
        shown, enters = fit >= least.shown_fit, score >= others.enters[position]
        found.rows[had], found.scores[had], found.fits[had] = others.row_of[position], score, fit * per_fit
        block.positions[kept], block.groups[kept] = position, block.groups[at]
        block.scores[kept], block.fits[kept], block.certain[kept] = block.scores[at], fit, certain
        clear = fit >= clear_fit
        had += enters & ~shown & clear
        kept += shown | (enters & ~clear)
    return kept, had
