"""Recalls first; what is told for the first time and what was tried before take turns."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.delivery.fair_queue import FairQueue, queue_class_of
from tests.unit.notifications.world import START

pytestmark = pytest.mark.unit


def held(*ids: str) -> FairQueue:
    """``f1``: a first attempt, ``t1``: one that was tried before, ``r1``: a recall."""
    made = FairQueue()
    made.add([delivery(id) for id in ids])
    return made


def delivery(id: str) -> Any:
    return {"_id": id, "about": "recall" if id[0] == "r" else "notice", "attempts": 1 if id[0] == "t" else 0}


def order(made: FairQueue) -> list[str]:
    return [made.take()["_id"] for _ in range(len(made))]


@pytest.mark.parametrize(
    ("ids", "leave"),
    [
        ("t1 t2 t3 f1 f2", "f1 t1 f2 t2 t3"),
        ("f1 f2 f3 t1", "f1 t1 f2 f3"),
        ("t1 t2 t3", "t1 t2 t3"),
        ("t1 f1 r1 r2 t2", "r1 r2 f1 t1 t2"),
        ("", ""),
    ],
)
def test_they_take_turns_and_none_waits_for_a_kind_that_is_not_there(ids: str, leave: str) -> None:
    assert order(held(*ids.split())) == leave.split()


def test_who_comes_while_the_others_were_alone_goes_next() -> None:
    made = held("t1", "t2", "t3", "t4")
    assert [made.take()["_id"] for _ in range(2)] == ["t1", "t2"]
    made.add([delivery("f1"), delivery("f2")])
    assert order(made) == ["f1", "t3", "f2", "t4"]


def test_what_is_put_back_goes_next_again() -> None:
    made = held("t1", "t2", "f1", "f2")
    taken = [made.take() for _ in range(3)]
    made.put_back(taken[1:])
    assert order(made) == ["t1", "f2", "t2"]


def test_a_recall_takes_nobodys_turn() -> None:
    made = held("t1", "t2", "f1", "f2")
    assert made.take()["_id"] == "f1"
    made.add([delivery("r1")])
    assert made.first()["_id"] == "r1"
    assert order(made) == ["r1", "t1", "f2", "t2"]


def test_whose_turn_it_is_among_notices() -> None:
    made = held("t1", "f1")
    assert list(made.notices) == ["new", "left"]
    made.take()
    assert list(made.notices) == ["left", "new"]
    assert (made.count("new"), made.count("left"), made.count("new", "left"), len(made)) == (0, 1, 1, 1)
    assert [each["_id"] for each in made.clear()] == ["t1"]
    assert not made


KINDS = st.lists(st.sampled_from("rft"), max_size=40)


@given(KINDS, st.lists(st.integers(0, 5), max_size=20))
def test_of_two_kinds_that_wait_neither_gets_two_turns_and_each_keeps_its_order(
    kinds: list[str], put_back: list[int]
) -> None:
    ids = [f"{kind}{number:02d}" for number, kind in enumerate(kinds)]
    made, left = held(*ids), list[str]()
    for back in [*put_back, *[0] * len(ids)]:
        taken = [made.take() for _ in range(min(back + 1, len(made)))]
        left += [each["_id"] for each in taken[:1]]
        made.put_back(taken[1:])
    assert sorted(left) == sorted(ids)
    for kind in "rft":
        assert [id for id in left if id[0] == kind] == sorted(id for id in ids if id[0] == kind)
    assert [id[0] for id in left[: kinds.count("r")]] == ["r"] * kinds.count("r")
    notices = [id[0] for id in left if id[0] != "r"]
    both = 2 * min(notices.count("f"), notices.count("t"))
    assert all(one != other for one, other in pairwise(notices[:both]))


def test_what_became_due_while_its_endpoint_was_held_was_left_waiting_too() -> None:
    made = FairQueue()
    made.held_until = START
    made.add([delivery(f"f{n}") | {"due": START + timedelta(seconds=n - 2)} for n in range(5)])
    assert order(made) == ["f3", "f0", "f4", "f1", "f2"]


def test_what_was_tried_before_is_a_retry_and_a_recall_is_a_recall_however_often() -> None:
    tried: Any = {"about": "recall", "attempts": 3}
    assert queue_class_of(tried) == "recall"
    assert [queue_class_of(delivery(id)) for id in ("f", "t")] == ["new", "left"]
