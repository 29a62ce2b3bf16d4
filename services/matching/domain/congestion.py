"""How many look at an opening: a table of prices, made once a day from the lists that stand when the day begins.

It is an input like the wage table, never live: all day long, and whenever the day is worked out again, the same lists
come of it. A person's first places are always their best; behind them an opening that stands in many lists gives way to
one that stands in few, by so much score as the table says (`diversification.chosen`).

The prices are those of an auction that is played on paper: everybody takes the best of their pool at the prices so far,
what more people take than it is meant for becomes dearer and what fewer take cheaper, each round by less, until nothing
changes or the rounds are over. Where many people are alike, prices may swing; so the table is of the latest round in
which nearly as many openings were taken by somebody as ever (`NEARLY`). Of the variety that `chosen` keeps employers
are left out, so the lists that come of the prices are nearly, not exactly, those of that round. All is counted in whole
millionths: the same pools give the same table on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment import DIGITS
from services.matching.domain.diversification import LOT_ALIKE, Candidate, others
from shared.reference.matching_data import MatchingData

UNIT = 10**DIGITS
AT_ONCE = 64  # people whose pools are looked at in one slice
TOGETHER = 1_024  # people of whom one slice works out what they take in a turn
NEARLY = 0.99
SETTLES = 4  # after so many rounds the step is half of what it was at first
_NOTHING = -UNIT  # the score of an empty place of a pool


class Congestion(NamedTuple):
    """``day``: for which it was made; ``prices``: by opening how much score it gives way by, above 0."""

    day: date
    prices: Mapping[str, float]


class _Block(NamedTuple):
    """The pools of some people, as numbers of openings (0: none), scores with the lots in millionths, which stand
    first, and kinds of which few stand, as numbers (0: another kind). ``alike``: of those of which one stands with a
    person row, column and lot, and whether it is the first of them."""

    openings: NDArray[np.int32]
    scores: NDArray[np.int32]
    first: NDArray[np.bool_]
    kinds: NDArray[np.int8]
    alike: NDArray[np.int32]


def next_day(
    before: Congestion, pools: Iterable[Sequence[Candidate]], openings: int, matching: MatchingData, today: date
) -> Generator[None, None, Congestion]:
    """The table for today, in slices; empty where nothing gives way. It begins with the prices before, so that lists
    stay as they are where they can.

    ``openings``: how many there are in all. An opening is meant for `share_of_mean` of what the mean opening stands in,
    at least for one list, for each of its places.
    """
    data = matching.congestion
    if data is None:
        return Congestion(today, {})
    numbers: dict[str, int] = {}
    kinds, places = {kind: number for number, kind in enumerate(matching.most_of_kind, 1)}, [1]
    blocks: list[_Block] = []
    parts: list[_Block] = []
    for some in _portions(pools):
        parts.append(_block(some, numbers, kinds, places, matching.lot))
        if len(parts) * AT_ONCE >= TOGETHER:
            blocks.append(_joined(parts))
            parts = []
        yield
    if parts:
        blocks.append(_joined(parts))
    prices = np.zeros(len(places), np.int64)
    for opening, number in numbers.items():
        prices[number] = round(before.prices.get(opening, 0.0) * UNIT)
    behind = np.array([others(first, matching) for first in range(matching.best_of_person + 1)])
    most, meant = round(data.most * UNIT), np.zeros(len(places))
    rounds: list[tuple[int, NDArray[np.int64]]] = []
    for turn in range(data.rounds + 1):
        counts = np.zeros(len(places), np.int64)
        for block in blocks:
            counts += _taken(block, behind, list(matching.most_of_kind.values()), prices)
            yield
        if turn == 0:
            meant = np.array(places) * max(1.0, data.share_of_mean * int(counts[1:].sum()) / max(openings, 1))
        rounds.append((int((counts[1:] > 0).sum()), prices))
        step = data.step * UNIT * SETTLES / (SETTLES + turn)
        dearer = np.clip(prices + np.rint(step * (counts - meant) / meant).astype(np.int64), 0, most)
        dearer[0] = 0
        if np.array_equal(dearer, prices):
            break
        prices = dearer
    most_taken = max(taken for taken, _ in rounds)
    prices = next(prices for taken, prices in reversed(rounds) if taken >= NEARLY * most_taken)
    return Congestion(today, {id: prices[number].item() / UNIT for id, number in numbers.items() if prices[number]})


def whole(slices: Generator[None, None, Congestion]) -> Congestion:
    """The table that slices come to, in one piece."""
    while True:
        try:
            next(slices)
        except StopIteration as done:
            table: Congestion = done.value
            return table


def _portions(pools: Iterable[Sequence[Candidate]]) -> Iterator[list[Sequence[Candidate]]]:
    left = iter(pools)
    while some := list(islice(left, AT_ONCE)):
        yield some


def _joined(parts: Sequence[_Block]) -> _Block:
    """The same people in one block, as wide as the widest."""
    width = max(part.openings.shape[1] for part in parts)

    more = [((0, 0), (0, width - part.openings.shape[1])) for part in parts]
    both = list(zip(parts, more, strict=True))
    above = np.cumsum([0, *(len(part.openings) for part in parts[:-1])])
    return _Block(
        np.concatenate([np.pad(part.openings, by) for part, by in both]),
        np.concatenate([np.pad(part.scores, by, constant_values=_NOTHING) for part, by in both]),
        np.concatenate([np.pad(part.first, by) for part, by in both]),
        np.concatenate([np.pad(part.kinds, by) for part, by in both]),
        np.concatenate(
            [part.alike + np.array([rows, 0, 0, 0], np.int32) for part, rows in zip(parts, above, strict=True)]
        ),
    )


def _block(
    pools: Sequence[Sequence[Candidate]],
    numbers: dict[str, int],
    kinds: Mapping[str, int],
    places: list[int],
    apart: float,
) -> _Block:
    """New openings get the next numbers, and their places go into ``places``; ``apart``: how far lots move scores."""
    shape = len(pools), max((len(pool) for pool in pools), default=0)
    openings, scores = np.zeros(shape, np.int32), np.full(shape, _NOTHING, np.int32)
    first, of_kind, alike = np.zeros(shape, np.bool_), np.zeros(shape, np.int8), list[tuple[int, int, int, bool]]()
    for row, pool in enumerate(pools):
        same = Counter(each.opening.crowd.alike for each in pool)
        before: tuple[str, ...] = ()
        for column, (opening, score, stands_first, lot) in enumerate(pool):
            if (number := numbers.get(opening.id)) is None:
                number = numbers[opening.id] = len(places)
                places.append(max(1, opening.places or 1))
            openings[row, column], scores[row, column] = number, round((score + apart * lot) * UNIT)
            first[row, column], of_kind[row, column] = stands_first, kinds.get(opening.kind, 0)
            if same[opening.crowd.alike] > 1:
                alike.append((row, column, round(LOT_ALIKE * lot * UNIT), opening.crowd.alike != before))
                before = opening.crowd.alike
    return _Block(openings, scores, first, of_kind, np.array(alike, np.int32).reshape(-1, 4))


def _taken(
    block: _Block, behind: NDArray[np.int64], most_of_kind: Sequence[int], prices: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How often each opening is taken at these prices; of equals what stands first in the pool. ``behind``: how many
    stand behind so many first places."""
    openings, first = _one_of_each(block, prices)
    able = (openings > 0) & ~first
    less = np.where(able, block.scores - prices[openings], -2 * UNIT)
    order = np.argsort(-less, axis=1, kind="stable")
    rest, kinds = (np.take_along_axis(each, order, axis=1) for each in (np.where(able, openings, 0), block.kinds))
    takes = rest > 0
    for kind, most in enumerate(most_of_kind, 1):
        own = takes & (kinds == kind)
        before = (first & (block.kinds == kind)).sum(axis=1)
        takes &= ~own | (np.cumsum(own, axis=1) + before[:, None] <= most)
    takes &= np.cumsum(takes, axis=1) <= behind[first.sum(axis=1)][:, None]
    return np.bincount(np.concatenate([openings[first], rest[takes]]), minlength=len(prices)).astype(np.int64)


def _one_of_each(block: _Block, prices: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The pools and what stands first, without those of which another that is nearly the same stands: of equally dear
    ones the first of the pool."""
    if not len(block.alike):
        return block.openings, block.first
    rows, columns, lots, begins = block.alike.T
    dear = (prices[block.openings[rows, columns]] - lots) * len(lots) + np.arange(len(lots))
    starts = np.flatnonzero(begins)
    least = np.repeat(np.minimum.reduceat(dear, starts), np.diff([*starts, len(dear)]))
    openings, first = block.openings.copy(), block.first.copy()
    others = rows[dear > least], columns[dear > least]
    openings[others], first[others] = 0, False
    return openings, first
