"""Slots of one endpoint: narrowed by its faults, widened by good answers, one of them kept for recalls."""

from __future__ import annotations

import pytest

from services.notifications.domain.slots import Slots

pytestmark = pytest.mark.unit


def taken(slots: Slots, *about: str) -> Slots:
    for each in about:
        slots.take(each)
    return slots


def test_notices_leave_one_slot_to_recalls() -> None:
    slots = Slots(8)
    assert (slots.free("notice"), slots.free("recall")) == (7, 8)
    taken(slots, *["notice"] * 7)
    assert (slots.free("notice"), slots.free("recall")) == (0, 1)
    taken(slots, "recall")
    assert slots.free("recall") == 0
    slots.give("notice")
    assert (slots.free("notice"), slots.free("recall")) == (0, 1)  # the one that is free is the recalls'


def test_recalls_may_take_them_all() -> None:
    assert taken(Slots(4), *["recall"] * 4).free("recall") == 0


def test_one_slot_is_for_whoever_comes() -> None:
    assert (Slots(1).free("notice"), Slots(1).free("recall")) == (1, 1)


def test_halved_by_every_fault_down_to_one_and_one_more_by_every_good_answer() -> None:
    slots, seen = Slots(8), []
    for well in (False, False, False, False, True, True):
        slots.answered(well)
        seen.append(slots.free("recall"))
    assert seen == [4, 2, 1, 1, 2, 3]
    assert not slots.all
    for _ in range(20):
        slots.answered(True)
    assert slots.free("recall") == 8
    assert slots.all


def test_with_more_under_way_than_it_still_gets_none_is_free() -> None:
    slots = taken(Slots(8), *["notice"] * 6)
    slots.answered(False)
    assert (slots.free("notice"), slots.free("recall")) == (0, 0)
