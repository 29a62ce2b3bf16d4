"""What people and openings have of things that factors compare, packed: keys and weights of all items in one piece."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.table import OPENING, PERSON
from services.matching.domain.columns.values import NOTHING, Items
from services.matching.domain.factors.base import Item

FIRST_ROOM = 64


class ItemPool:
    """Of one side. Each comparison has a line; in it stands for each number (`DictionaryEncoding`) where its items are.
    What ends leaves its place to the next of the same length."""

    def __init__(self, lines: int) -> None:
        self._starts: NDArray[np.int32] = np.zeros((lines, FIRST_ROOM), np.int32)
        self._lengths: NDArray[np.int32] = np.zeros((lines, FIRST_ROOM), np.int32)
        self._sums: NDArray[np.float64] = np.zeros((lines, FIRST_ROOM))
        self._keys: NDArray[np.int32] = np.zeros(FIRST_ROOM, np.int32)
        self._weights: NDArray[np.float64] = np.zeros(FIRST_ROOM)
        self._end = 0
        self._unused: dict[int, list[int]] = {}

    def put(self, line: int, number: int, keys: Sequence[int], weights: Sequence[float], asked: float) -> None:
        """The items of a new number."""
        if number >= self._starts.shape[1]:
            more = ((0, 0), (0, max(number + 1, 2 * self._starts.shape[1]) - self._starts.shape[1]))
            self._starts, self._lengths = np.pad(self._starts, more), np.pad(self._lengths, more)
            self._sums = np.pad(self._sums, more)
        length = len(keys)
        unused = self._unused.get(length)
        if unused:
            start = unused.pop()
        else:
            start, self._end = self._end, self._end + length
            if self._end > len(self._keys):
                room = max(self._end, 2 * len(self._keys)) - len(self._keys)
                self._keys, self._weights = np.pad(self._keys, (0, room)), np.pad(self._weights, (0, room))
        self._starts[line, number], self._lengths[line, number] = start, length
        self._sums[line, number] = asked
        self._keys[start : start + length], self._weights[start : start + length] = keys, weights

    def of(self, line: int, number: int) -> tuple[list[int], list[float]]:
        """Keys and weights of one."""
        start = self._starts[line, number]
        end = start + self._lengths[line, number]
        return self._keys[start:end].tolist(), self._weights[start:end].tolist()

    def asked(self, line: int, number: int) -> float:
        """The weight of all that it asks for."""
        return float(self._sums[line, number])

    def remove(self, line: int, number: int) -> None:
        """Nobody has this number any more."""
        self._unused.setdefault(int(self._lengths[line, number]), []).append(int(self._starts[line, number]))
        self._lengths[line, number] = 0

    def packed(self) -> Items:
        """For the kernel."""
        return Items(self._starts, self._lengths, self._sums, self._keys, self._weights)


class Nearness:
    """How near the keys of people are to those of openings: asked once for each two. Without ``near`` both sides have
    the same keys, and only the same are near. Keys are codes of the pack, so they are few and stay."""

    def __init__(self, near: Callable[[Hashable, Hashable], float] | None) -> None:
        self._near = near
        keys = dict[Hashable, int]()
        self._keys = (keys, keys if near is None else dict[Hashable, int]())
        self._values = np.zeros((0, 0))  # by the numbers of both; not a number: not asked yet

    def fold(
        self, side: int, keys: Sequence[int], weights: Sequence[float], add: bool
    ) -> list[tuple[float, NDArray[np.float64]]]:
        """Items of one as few weights with a line each: what is the same in the kernel's order is put together."""
        if self._near is None:
            line = np.full(len(self._keys[1 - side]), NOTHING)
            for key, weight in zip(keys, weights, strict=True):
                line[key] = max(line[key], 0.0) + weight if add else max(line[key], weight)
            return [(1.0, line)]
        lines = [(weight, self.line(side, key)) for key, weight in zip(keys, weights, strict=True)]
        if side == PERSON and lines:
            return [(1.0, np.max([line * weight for weight, line in lines], axis=0))]
        return lines

    def numbers(self, side: int, items: Sequence[Item]) -> list[int]:
        """The numbers of their keys."""
        keys = self._keys[side]
        return [keys.setdefault(key, len(keys)) for key, _ in items]

    def clear(self) -> None:
        """It may be another than before."""
        self._values = np.zeros((0, 0))

    def line(self, side: int, number: int) -> NDArray[np.float64]:
        """Of one key of a side to all of the other."""
        assert self._near is not None
        before, needed = self._values.shape, (len(self._keys[PERSON]), len(self._keys[OPENING]))
        if needed[PERSON] > before[PERSON] or needed[OPENING] > before[OPENING]:
            room = [now if now >= most else most + most // 4 for now, most in zip(before, needed, strict=True)]
            grown = np.full(room, np.nan)
            grown[: before[PERSON], : before[OPENING]] = self._values
            self._values = grown
        whole = self._values[: needed[PERSON], : needed[OPENING]]
        known = whole[number] if side == PERSON else whole[:, number]
        unknown = np.flatnonzero(np.isnan(known)).tolist()
        if unknown:
            people, openings = map(list[Any], self._keys)
            for other in unknown:
                pair = (people[number], openings[other]) if side == PERSON else (people[other], openings[number])
                known[other] = self._near(*pair)
        return np.ascontiguousarray(known)
