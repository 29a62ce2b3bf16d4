"""What each person could match with, as far as it is needed: the best of it, not too much of a sort, and a reserve."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.blocks import NOBODY
from services.matching.domain.columns.list_kernel import Lists, Words, clear, cut, fill, place
from services.matching.domain.columns.rows import Rowset
from services.matching.domain.columns.values import UNIT, Numbers
from services.matching.domain.opening_facts import Crowd

RankKey = tuple[float, str]
"""Minus the score, then an id: the natural order of tuples is best first, ties by id."""
ID_BYTES = 32
BENEATH, MOST_SORTS = 0, 256
FIRST_ROOM = 64
UNKNOWN = -1.0
LOTS, MOST_CHANCES = 2**32, 2**16  # of different lots; of different chances that are kept
T = TypeVar("T", np.uint8, np.bool_, np.uint16, np.int32, np.uint32, np.uint64)


class Bounds(NamedTuple):
    """How many of a crowd are held: of these kinds (of others any number), of what is beneath the person, of one
    employer, of what is nearly the same."""

    of_kind: Mapping[str, int]
    of_beneath: int
    of_employer: int
    of_alike: int


class Shortlist(NamedTuple):
    """One person's, to be stored: openings with their scores, best first, and the cutoff."""

    entries: tuple[tuple[str, float], ...]
    cutoff: RankKey | None


class Shortlists:
    """Bounded lists of the best that know what they do not know, packed, by the rows of people and openings.

    In the order of their scores all openings that come before the ``cutoff`` are on a list, but those of which so many
    of a crowd were there already (`Bounds`). The cutoff is the first that was left out for want of room; there is none
    where there was room. When one of a full crowd goes, the next of its like is not known: the list is right up to the
    last of that crowd, which becomes the cutoff. So its beginning is right whatever is added or removed, as long as it
    is long enough; then the whole has to be scanned again (`is_complete`).

    An opening that changed is a crowd's as it was before until it is placed again.
    """

    def __init__(self, most: int, bounds: Bounds) -> None:
        assert most < MOST_SORTS, "a slot is a small number"
        self._bounds = bounds
        self._kinds = dict[str, int]()
        self._employers, self._alikes = _Numbering(), _Numbering()
        self._sorts: NDArray[np.uint8] = np.zeros(0, np.uint8)  # by opening, of what is not beneath
        self._is_held: NDArray[np.bool_] = np.zeros(0, bool)
        self._changed = dict[int, tuple[int, int]]()  # openings that are not placed yet as they are now
        self._slot_of: Numbers = np.zeros(0, np.int32)
        of_sort = np.full(MOST_SORTS, most + 1, np.int32)
        of_sort[BENEATH] = bounds.of_beneath
        small, slots, words = np.zeros((0, most + 1), np.uint8), np.zeros((0, most + 1), np.int32), (0, ID_BYTES // 8)
        each, ids = np.zeros(0, np.int32), np.zeros(words, np.uint64)
        self._lists = Lists(
            small, each, each, ids, slots, slots, small, slots, slots, small.astype(np.uint16),
            small.astype(np.uint32), each, ids, each, each, of_sort, bounds.of_employer, bounds.of_alike, most,
        )  # fmt: skip
        self._chances: dict[float, int] = {}
        self._chance_of: list[float] = [UNKNOWN]

    # --- openings

    def hold(self, opening: int, id: str, crowd: Crowd) -> None:
        """There is an opening in this row, or it is another now and is to be placed again."""
        self._make_room_for_opening(opening)
        employer = 0 if crowd.employer is None else self._employers.take(crowd.employer)
        numbers = employer, self._alikes.take(crowd.alike)
        self._let_go(self._changed.pop(opening, None))
        if self._lists.first[opening] >= 0:
            self._changed[opening] = numbers
        else:
            self._let_go(self._numbers_of(opening) if self._is_held[opening] else None)
            self._is_held[opening] = True
            self._lists.ids[opening] = _words(id)
            self._lists.employers[opening], self._lists.alikes[opening] = numbers
        self._sorts[opening] = self._sort_of(crowd.sort)

    def place(
        self, opening: int, people: Rowset, scores: NDArray[np.int64], beneath: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], Rowset]:
        """It may match these people, who have lists, and nobody else. Whose list is another now, of these; and who had
        it on their list and has no longer."""
        before = self._numbers_of(opening)
        now = self._changed.pop(opening, None)
        twins = self._twins(before, now)
        sorts = np.where(beneath, BENEATH, self._sorts[opening]).astype(np.uint8)
        found = place(self._lists, opening, now or before, twins, people, scores, sorts, self._slot_of)
        if now is not None:
            self._let_go(before)
        return found

    def drop(self, opening: int) -> Rowset:
        """It is gone; on whose list it was."""
        before, now = self._numbers_of(opening), self._changed.pop(opening, None)
        twins = self._twins(before, now)
        none, nothing = np.zeros(0, np.int64), np.zeros(0, np.uint8)
        _, left = place(self._lists, opening, before, twins, none, none, nothing, self._slot_of)
        self._let_go(before)
        self._let_go(now)
        self._is_held[opening] = False
        return left

    # --- people

    def fill(
        self, person: int, openings: Rowset, scores: NDArray[np.int64], beneath: NDArray[np.bool_],
        cutoff: RankKey | None = None,
    ) -> None:  # fmt: skip
        """Another list in place of what there was: the best of these. ``cutoff``: from there on others are not known
        even if there is room."""
        self._make_room_for_person(person)
        order = np.argsort(-scores, kind="stable")
        openings = openings[order]
        sorts = np.where(beneath[order], BENEATH, self._sorts[openings]).astype(np.uint8)
        fill(self._lists, person, openings, scores[order], sorts)
        if cutoff is not None:
            cut(self._lists, person, round(-cutoff[0] * UNIT), _words(cutoff[1]))

    def remove(self, person: int) -> None:
        """Forget a list."""
        if self._has(person):
            clear(self._lists, person)

    def clear(self) -> None:
        """Forget all of them."""
        self._lists.counts[:] = self._lists.cut_scores[:] = self._lists.first[:] = -1

    # --- what they say

    def ranked(self, person: int) -> tuple[Rowset, NDArray[np.float64]] | None:
        """Everything on a list with its score, best first."""
        if not self._has(person):
            return None
        lists = self._lists
        slots = lists.ranks[person, : lists.counts[person]]
        return lists.openings[person, slots].astype(np.int64), lists.scores[person, slots] / UNIT

    def noted(self, person: int, most: int) -> tuple[list[float], list[float]]:
        """Of the first so many on a list how likely each is to be possible and the person's lot for it, as they were
        noted since it is there, `UNKNOWN`: not yet."""
        slots = self._lists.ranks[person, : min(most, self._lists.counts[person])]
        lots = self._lists.lots[person, slots].tolist()
        chances = [self._chance_of[number] for number in self._lists.chances[person, slots].tolist()]
        return chances, [lot / LOTS or UNKNOWN for lot in lots]

    def note(self, person: int, chances: Sequence[float], lots: Sequence[float]) -> None:
        """Note it of the first so many."""
        slots = self._lists.ranks[person, : len(lots)]
        self._lists.lots[person, slots] = (np.maximum(lots, 0.0) * LOTS).astype(np.uint32)
        for chance in {*chances} - self._chances.keys() - {UNKNOWN}:
            if len(self._chance_of) < MOST_CHANCES:
                self._chances[chance] = len(self._chance_of)
                self._chance_of.append(chance)
        self._lists.chances[person, slots] = [self._chances.get(chance, 0) for chance in chances]

    def cutoff(self, person: int) -> RankKey | None:
        """Of somebody who has a list."""
        score = int(self._lists.cut_scores[person])
        return None if score < 0 else (-score / UNIT, _id(self._lists.cut_ids[person]))

    def is_complete(self, person: int, most: int) -> bool:
        """Whether the best so many are known: there are so many, or there are no others."""
        return self._has(person) and bool(self._lists.counts[person] >= most or self._lists.cut_scores[person] < 0)

    def enters(self, people: Rowset) -> Numbers:
        """From which score on (in millionths) an opening would enter their lists; of people who have or had one."""
        cutoffs = np.maximum(self._lists.cut_scores[people], 0)
        return np.where(self._lists.counts[people] < 0, np.int32(NOBODY), cutoffs)

    # --- how it is done

    def _has(self, person: int) -> bool:
        return person < len(self._lists.counts) and bool(self._lists.counts[person] >= 0)

    def _numbers_of(self, opening: int) -> tuple[int, int]:
        return int(self._lists.employers[opening]), int(self._lists.alikes[opening])

    def _twins(self, before: tuple[int, int], now: tuple[int, int] | None) -> int:
        """How many others are nearly the same as an opening was."""
        return self._alikes.held(before[1]) - 1 - (now is not None and before[1] == now[1])

    def _let_go(self, numbers: tuple[int, int] | None) -> None:
        if numbers is not None:
            if numbers[0]:
                self._employers.give_back(numbers[0])
            self._alikes.give_back(numbers[1])

    def _sort_of(self, kind: str) -> int:
        number = self._kinds.get(kind)
        if number is None:
            number = self._kinds[kind] = len(self._kinds) + 1
            assert number < MOST_SORTS, "a pack has some tens of kinds"
            if kind in self._bounds.of_kind:
                self._lists.of_sort[number] = self._bounds.of_kind[kind]
        return number

    def _make_room_for_opening(self, row: int) -> None:
        lists, more = self._lists, max(FIRST_ROOM, row + 1 + row // 2) - len(self._sorts)
        if row < len(self._sorts):
            return
        self._sorts, self._is_held = _longer(self._sorts, more, 0), _longer(self._is_held, more, 0)
        self._lists = lists._replace(
            first=_longer(lists.first, more, -1), ids=_longer(lists.ids, more, 0),
            employers=_longer(lists.employers, more, 0), alikes=_longer(lists.alikes, more, 0),
        )  # fmt: skip

    def _make_room_for_person(self, row: int) -> None:
        lists, before = self._lists, len(self._slot_of)
        if row < before:
            return
        more = max(FIRST_ROOM, row + 1 + row // 4) - before
        self._slot_of = _longer(self._slot_of, more, -1)
        self._lists = lists._replace(
            ranks=_longer(lists.ranks, more, 0), counts=_longer(lists.counts, more, -1),
            cut_scores=_longer(lists.cut_scores, more, -1), cut_ids=_longer(lists.cut_ids, more, 0),
            openings=_longer(lists.openings, more, 0), scores=_longer(lists.scores, more, 0),
            sorts=_longer(lists.sorts, more, 0), after=_longer(lists.after, more, -1),
            before=_longer(lists.before, more, -1), chances=_longer(lists.chances, more, 0),
            lots=_longer(lists.lots, more, 0),
        )  # fmt: skip
        self._lists.ranks[before:] = np.arange(lists.most + 1)


class _Numbering:
    """A number from 1 on for each that is held, and how often it is."""

    def __init__(self) -> None:
        self._numbers = dict[Hashable, int]()
        self._keys: list[Hashable] = [None]
        self._counts = [0]
        self._unused = list[int]()

    def take(self, key: Hashable) -> int:
        """Once more; `give_back` follows."""
        number = self._numbers.get(key)
        if number is None:
            if self._unused:
                number = self._unused.pop()
                self._keys[number] = key
            else:
                number = len(self._counts)
                self._keys.append(key)
                self._counts.append(0)
            self._numbers[key] = number
        self._counts[number] += 1
        return number

    def give_back(self, number: int) -> None:
        """Once less."""
        self._counts[number] -= 1
        if not self._counts[number]:
            del self._numbers[self._keys[number]]
            self._keys[number] = None
            self._unused.append(number)

    def held(self, number: int) -> int:
        """How often."""
        return self._counts[number]


def _longer(array: NDArray[T], more: int, value: int) -> NDArray[T]:
    added: NDArray[T] = np.full((more, *array.shape[1:]), value, array.dtype)
    return np.concatenate((array, added))


def _words(id: str) -> Words:
    """An id in words that compare as it does."""
    data = id.encode()
    assert len(data) <= ID_BYTES, "ids have 32 digits"
    return np.frombuffer(data.ljust(ID_BYTES, b"\0"), ">u8").astype(np.uint64)


def _id(words: Words) -> str:
    return words.astype(">u8").tobytes().rstrip(b"\0").decode()
