"""What changes in many people's shortlists at once, compiled (numba). What a shortlist is stands at `Shortlists`.

An entry stands in a slot of its person as long as it is held; only the ranks move. So the entries of one opening are a
doubly linked list through the slots of all people who hold it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.values import Integers, Numbers, compiled

Words = NDArray[np.uint64]
Small = NDArray[np.uint8]
_LONG_TIE = 16


class Lists(NamedTuple):
    """By person: ``ranks`` (the slots in use, best first, and behind them the free ones), ``counts`` (below 0: there is
    no list), the cutoff (``cut_scores`` below 0: there was room for all). By person and slot: the entry, the nodes
    (person times slots plus slot; below 0: none) ``after`` and ``before`` it of the same opening, and what was noted of
    the pair, 0: nothing yet (``chances``, by number, and ``lots``). By opening: the ``first`` node, the id in words
    that compare as the id does, ``employers`` (0: nobody says) and ``alikes`` as lists hold it. ``of_sort``,
    ``of_employer`` and ``of_alike``: how many of a crowd are held; ``most``: how many in all."""

    ranks: Small
    counts: Numbers
    cut_scores: Numbers
    cut_ids: Words
    openings: Numbers
    scores: Numbers
    sorts: Small
    after: Numbers
    before: Numbers
    chances: NDArray[np.uint16]
    lots: NDArray[np.uint32]
    first: Numbers
    ids: Words
    employers: Numbers
    alikes: Numbers
    of_sort: Numbers
    of_employer: int
    of_alike: int
    most: int


@compiled
def _precedes(score: int, id: Words, other_score: int, other_id: Words) -> bool:
    """The higher score, then the id."""
    if score != other_score:
        return score > other_score
    for word in range(len(id)):
        if id[word] != other_id[word]:
            return bool(id[word] < other_id[word])
    return False


@compiled
def _rank(lists: Lists, person: int, score: int, id: Words) -> int:
    """How many of the list come before this."""
    low, high = 0, lists.counts[person]
    while low < high:
        middle = (low + high) // 2
        slot = lists.ranks[person, middle]
        if _precedes(lists.scores[person, slot], lists.ids[lists.openings[person, slot]], score, id):
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _insert(lists: Lists, person: int, rank: int, opening: int, score: int, sort: int) -> None:
    count, slots = lists.counts[person], lists.ranks.shape[1]
    slot = lists.ranks[person, count]
    for at in range(count, rank, -1):
        lists.ranks[person, at] = lists.ranks[person, at - 1]
    lists.ranks[person, rank] = slot
    lists.counts[person] = count + 1
    lists.openings[person, slot], lists.scores[person, slot], lists.sorts[person, slot] = opening, score, sort
    lists.chances[person, slot], lists.lots[person, slot] = 0, 0
    second = lists.first[opening]
    node = person * slots + slot
    lists.after[person, slot], lists.before[person, slot] = second, -1
    if second >= 0:
        lists.before[second // slots, second % slots] = node
    lists.first[opening] = node


@compiled
def _remove(lists: Lists, person: int, rank: int) -> None:
    count, slots = lists.counts[person] - 1, lists.ranks.shape[1]
    slot = lists.ranks[person, rank]
    for at in range(rank, count):
        lists.ranks[person, at] = lists.ranks[person, at + 1]
    lists.ranks[person, count] = slot
    lists.counts[person] = count
    after, before = lists.after[person, slot], lists.before[person, slot]
    if after >= 0:
        lists.before[after // slots, after % slots] = before
    if before >= 0:
        lists.after[before // slots, before % slots] = after
    else:
        lists.first[lists.openings[person, slot]] = after


@compiled
def cut(lists: Lists, person: int, score: int, id: Words) -> None:
    """From here on others may come between: the cutoff is no later than this."""
    before = lists.cut_scores[person]
    if before >= 0 and not _precedes(score, id, before, lists.cut_ids[person]):
        return
    lists.cut_scores[person] = score
    for word in range(len(id)):
        lists.cut_ids[person, word] = id[word]
    first = _rank(lists, person, score, id)
    while lists.counts[person] > first:
        _remove(lists, person, lists.counts[person] - 1)


@compiled
def _crowds(lists: Lists, person: int, sort: int, employer: int, alike: int) -> tuple[int, int, int, int]:
    """How many are nearly the same, and the rank of the last of these, of the employer's and of the sort, where they
    are full; else -1."""
    last_alike, last_same, last_of_sort, number_alike, same, of_sort = -1, -1, -1, 0, 0, 0
    for rank in range(lists.counts[person]):
        slot = lists.ranks[person, rank]
        if lists.sorts[person, slot] != sort:
            continue
        of_sort, last_of_sort, opening = of_sort + 1, rank, lists.openings[person, slot]
        if lists.employers[opening] == employer:
            same, last_same = same + 1, rank
            if lists.alikes[opening] == alike:
                number_alike, last_alike = number_alike + 1, rank
    if number_alike < lists.of_alike:
        last_alike = -1
    if employer == 0 or same < lists.of_employer:
        last_same = -1
    if of_sort < lists.of_sort[sort]:
        last_of_sort = -1
    return number_alike, last_alike, last_same, last_of_sort


@compiled
def _drop(lists: Lists, person: int, slot: int, twins: int) -> None:
    """An entry goes, and what it kept off the list may come: up to the last of its full crowds the list is right. Where
    all ``twins`` are on the list, none waits."""
    opening, score, hole = lists.openings[person, slot], lists.scores[person, slot], lists.most + 1
    own = _rank(lists, person, score, lists.ids[opening])
    alike, last_alike, last_same, last_of_sort = _crowds(
        lists, person, lists.sorts[person, slot], lists.employers[opening], lists.alikes[opening]
    )
    if last_alike >= 0 and twins >= alike:
        hole = last_alike
    if last_same >= 0:
        hole = min(hole, last_same)
    if last_of_sort >= 0:
        hole = min(hole, last_of_sort)
    if hole > lists.most:
        _remove(lists, person, own)
        return
    end = lists.ranks[person, hole]
    end_score, end_opening = lists.scores[person, end], lists.openings[person, end]
    _remove(lists, person, own)
    cut(lists, person, end_score, lists.ids[end_opening])


@compiled
def _put(lists: Lists, person: int, opening: int, score: int, sort: int) -> bool:
    """An entry that is not there comes, if there is room for it; whether it did."""
    id = lists.ids[opening]
    if lists.cut_scores[person] >= 0 and not _precedes(score, id, lists.cut_scores[person], lists.cut_ids[person]):
        return False
    _, last_alike, last_same, last_of_sort = _crowds(
        lists, person, sort, lists.employers[opening], lists.alikes[opening]
    )
    instead = last_alike if last_alike >= 0 else (last_same if last_same >= 0 else last_of_sort)
    rank = _rank(lists, person, score, id)
    if instead >= 0:
        if rank > instead:
            return False
        _remove(lists, person, instead)
    _insert(lists, person, rank, opening, score, sort)
    if lists.counts[person] > lists.most:
        slot = lists.ranks[person, lists.most]
        cut(lists, person, lists.scores[person, slot], lists.ids[lists.openings[person, slot]])
    return True


@compiled
def clear(lists: Lists, person: int) -> None:
    """There is no list any more."""
    for rank in range(lists.counts[person] - 1, -1, -1):
        _remove(lists, person, rank)
    lists.counts[person] = lists.cut_scores[person] = -1


@compiled
def _order_tie(lists: Lists, openings: Integers, sorts: Small) -> None:
    """By their ids."""
    if len(openings) > _LONG_TIE:
        first = np.empty(len(openings), np.uint64)
        for at in range(len(openings)):
            first[at] = lists.ids[openings[at], 0]
        order = np.argsort(first)
        openings[:], sorts[:] = openings[order], sorts[order]
    for end in range(1, len(openings)):
        opening, sort, at = openings[end], sorts[end], end
        while at > 0 and _precedes(0, lists.ids[opening], 0, lists.ids[openings[at - 1]]):
            openings[at], sorts[at] = openings[at - 1], sorts[at - 1]
            at -= 1
        openings[at], sorts[at] = opening, sort


@compiled
def fill(lists: Lists, person: int, openings: Integers, scores: Integers, sorts: Small) -> None:
    """A new list of these, which come in the order of their scores; those that tie are put in their order here."""
    clear(lists, person)
    lists.counts[person] = 0
    of_sort, begin = np.zeros(len(lists.of_sort), np.int64), 0
    employers, alikes = np.zeros(lists.most, np.int64), np.zeros(lists.most, np.int64)
    while begin < len(openings):
        end = begin + 1
        while end < len(openings) and scores[end] == scores[begin]:
            end += 1
        if end - begin > 1:
            _order_tie(lists, openings[begin:end], sorts[begin:end])
        for at in range(begin, end):
            opening, sort, count = openings[at], sorts[at], lists.counts[person]
            if of_sort[sort] >= lists.of_sort[sort]:
                continue
            employer, alike, same, number_alike = lists.employers[opening], lists.alikes[opening], 0, 0
            for rank in range(count):
                if employers[rank] == employer and lists.sorts[person, lists.ranks[person, rank]] == sort:
                    same += 1
                    number_alike += alikes[rank] == alike
            if number_alike >= lists.of_alike or (employer > 0 and same >= lists.of_employer):
                continue
            if count == lists.most:
                cut(lists, person, scores[at], lists.ids[opening])
                return
            _insert(lists, person, count, opening, scores[at], sort)
            of_sort[sort] += 1
            employers[count], alikes[count] = employer, alike
        begin = end


@compiled
def place(
    lists: Lists,
    opening: int,
    crowd: tuple[int, int],
    twins: int,
    people: Integers,
    scores: Integers,
    sorts: Small,
    slot_of: Numbers,
) -> tuple[NDArray[np.bool_], Integers]:
    """An opening is new, or another: it may match these people with a list, and nobody else. ``crowd``: its employer
    and what it is alike from now on; ``twins``: how many others are nearly the same as it was. Whose list is another
    now, of these; and who held it and does no longer. ``slot_of``: -1 for everybody, before and after."""
    slots = lists.ranks.shape[1]
    node, number = lists.first[opening], 0
    while node >= 0:
        slot_of[node // slots] = node % slots
        number += 1
        node = lists.after[node // slots, node % slots]
    holders, node = np.empty(number, np.int64), lists.first[opening]
    for at in range(number):
        holders[at] = node // slots
        node = lists.after[node // slots, node % slots]
    changed, is_same = np.zeros(len(people), np.bool_), np.zeros(len(people), np.bool_)
    same_crowd = lists.employers[opening] == crowd[0] and lists.alikes[opening] == crowd[1]
    for at in range(len(people)):
        person = people[at]
        slot = slot_of[person]
        if slot < 0:
            continue
        slot_of[person] = -1
        alike, before = same_crowd and lists.sorts[person, slot] == sorts[at], lists.scores[person, slot]
        if alike and before == scores[at]:
            is_same[at], lists.chances[person, slot] = True, 0
            continue
        changed[at] = True
        if alike and before < scores[at]:
            _remove(lists, person, _rank(lists, person, before, lists.ids[opening]))  # what waits behind it still does
        else:
            _drop(lists, person, slot, twins)
    left, count = np.empty(number, np.int64), 0
    for person in holders:
        if slot_of[person] >= 0:
            _drop(lists, int(person), int(slot_of[person]), twins)
            slot_of[person] = -1
            left[count] = person
            count += 1
    lists.employers[opening], lists.alikes[opening] = crowd[0], crowd[1]
    for at in range(len(people)):
        if not is_same[at]:
            changed[at] |= _put(lists, people[at], opening, scores[at], sorts[at])
    return changed, left[:count]


def compile_lists() -> None:
    """Compile what is not compiled yet, by a list that is empty."""
    none, slots, words = np.zeros(0, np.int64), np.zeros((1, 2), np.int32), np.zeros((1, 4), np.uint64)
    ranks, sorts = np.zeros((1, 2), np.uint8), np.zeros(0, np.uint8)
    counts, cuts, first, employers, alikes, of_sort, slot_of = (np.full(1, -1, np.int32) for _ in range(7))
    chances, lots = np.zeros((1, 2), np.uint16), np.zeros((1, 2), np.uint32)
    lists = Lists(
        ranks, counts, cuts, words, slots, slots, ranks, slots, slots, chances, lots, first, words, employers, alikes,
        of_sort, 1, 1, 1,
    )  # fmt: skip
    fill(lists, 0, none, none, sorts)
    cut(lists, 0, 0, words[0])
    place(lists, 0, (0, 0), 0, none, none, sorts, slot_of)
    clear(lists, 0)
