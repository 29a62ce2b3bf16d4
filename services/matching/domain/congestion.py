"""How many look at an opening: a table of prices, made once a day from the lists that stand when the day begins.

It is an input like the wage table, never live: all day long, and whenever the day is worked out again, the same lists
come of it. A person's first places are always their best; behind them an opening that stands in many lists gives way to
one that stands in few, by so much score as the table says (`diversification.chosen`).

The prices are those of an auction that is played on paper: everybody takes the best of their pool at the prices so far,
what more people take than it is meant for becomes dearer and what fewer take cheaper, each round by less, until nothing
changes or the rounds are over. Where many people are alike, prices may swing; so the table is of the latest round in
which nearly as many openings were taken by somebody as ever (`NEARLY`). Pools are played as they are, without the
variety that `chosen` keeps, so the lists that come of the prices are nearly, not exactly, those of that round. All is
counted in whole millionths: the same pools give the same table on every machine.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.assessment import DIGITS
from services.matching.domain.opening_facts import OpeningFacts
from shared.reference.matching import CongestionData

UNIT = 10**DIGITS
AT_ONCE = 64  # people whose pools are looked at in one slice
TOGETHER = 1_024  # people of whom one slice works out what they take in a turn
NEARLY = 0.99
SETTLES = 4  # after so many rounds the step is half of what it was at first
_NOTHING = -UNIT  # the score of an empty place of a pool

Pool = Sequence[tuple[OpeningFacts, float]]
"""Openings with their scores for one person, best first."""


class Congestion(NamedTuple):
    """``day``: for which it was made; ``prices``: by opening how much score it gives way by, above 0."""

    day: date
    prices: Mapping[str, float]


class _Block(NamedTuple):
    """The pools of some people, as numbers of openings (0: none) and scores in millionths."""

    openings: NDArray[np.int32]
    scores: NDArray[np.int32]


def next_day(
    before: Congestion, pools: Iterable[Pool], openings: int, data: CongestionData, room: int, today: date
) -> Generator[None, None, Congestion]:
    """The table for today, in slices. It begins with the prices before, so that lists stay as they are where they can.

    ``openings``: how many there are in all; ``room``: places in a list. An opening is meant for `share_of_mean` of what
    the mean opening stands in, at least for one list, for each of its places.
    """
    numbers: dict[str, int] = {}
    places = [1]
    blocks: list[_Block] = []
    parts: list[_Block] = []
    for some in _portions(pools):
        parts.append(_block(some, numbers, places))
        if len(parts) * AT_ONCE >= TOGETHER:
            blocks.append(_joined(parts))
            parts = []
        yield
    if parts:
        blocks.append(_joined(parts))
    prices = np.zeros(len(places), np.int64)
    for opening, number in numbers.items():
        prices[number] = round(before.prices.get(opening, 0.0) * UNIT)
    first, most = min(data.first_places, room), round(data.most * UNIT)
    always, listed = np.zeros(len(places), np.int64), 0
    for block in blocks:
        always += _taken(block.openings[:, :first], len(places))
        listed += int(np.minimum((block.openings > 0).sum(axis=1), room).sum())
        yield
    meant = np.array(places) * max(1.0, data.share_of_mean * listed / max(openings, 1))
    rounds: list[tuple[int, NDArray[np.int64]]] = []
    for turn in range(data.rounds + 1):
        counts = always.copy()
        for block in blocks:
            counts += _taken(_chosen(block, first, room, prices), len(places))
            yield
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


def _portions(pools: Iterable[Pool]) -> Iterator[list[Pool]]:
    left = iter(pools)
    while some := list(islice(left, AT_ONCE)):
        yield some


def _joined(parts: Sequence[_Block]) -> _Block:
    """The same people in one block, as wide as the widest."""
    width = max(part.openings.shape[1] for part in parts)
    more = [((0, 0), (0, width - part.openings.shape[1])) for part in parts]
    return _Block(
        np.concatenate([np.pad(part.openings, by) for part, by in zip(parts, more, strict=True)]),
        np.concatenate(
            [np.pad(part.scores, by, constant_values=_NOTHING) for part, by in zip(parts, more, strict=True)]
        ),
    )


def _block(pools: Sequence[Pool], numbers: dict[str, int], places: list[int]) -> _Block:
    """New openings get the next numbers, and their places go into ``places``."""
    width = max((len(pool) for pool in pools), default=0)
    openings = np.zeros((len(pools), width), np.int32)
    scores = np.full((len(pools), width), _NOTHING, np.int32)
    for row, pool in enumerate(pools):
        for column, (opening, score) in enumerate(pool):
            if (number := numbers.get(opening.id)) is None:
                number = numbers[opening.id] = len(places)
                places.append(max(1, opening.places or 1))
            openings[row, column], scores[row, column] = number, round(score * UNIT)
    return _Block(openings, scores)


def _chosen(block: _Block, first: int, room: int, prices: NDArray[np.int64]) -> NDArray[np.int32]:
    """What everybody takes behind their first places at these prices; of equals what stands first in the pool."""
    openings = block.openings[:, first:]
    less = np.where(openings > 0, block.scores[:, first:] - prices[openings], -2 * UNIT)
    order = np.argsort(-less, axis=1, kind="stable")[:, : room - first]
    return np.take_along_axis(openings, order, axis=1)


def _taken(openings: NDArray[np.int32], size: int) -> NDArray[np.int64]:
    """How often each opening is among these."""
    return np.bincount(openings.ravel(), minlength=size).astype(np.int64)
