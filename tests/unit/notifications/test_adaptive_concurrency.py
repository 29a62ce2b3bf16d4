"""ConcurrencyLimit of one endpoint: narrowed by its faults, widened by good answers, one of them kept for recalls."""

from __future__ import annotations

import pytest

from services.notifications.domain.adaptive_concurrency import ConcurrencyLimit

pytestmark = pytest.mark.unit


def taken(limit: ConcurrencyLimit, *about: str) -> ConcurrencyLimit:
    for each in about:
        limit.acquire(each)
    return limit


def test_notices_leave_one_slot_to_recalls() -> None:
    limit = ConcurrencyLimit(8)
    assert (limit.available("notice"), limit.available("recall")) == (7, 8)
    taken(limit, *["notice"] * 7)
    assert (limit.available("notice"), limit.available("recall")) == (0, 1)
    taken(limit, "recall")
    assert limit.available("recall") == 0
    limit.release("notice")
    assert (limit.available("notice"), limit.available("recall")) == (0, 1)  # the one that is free is the recalls'


def test_recalls_may_take_them_all() -> None:
    assert taken(ConcurrencyLimit(4), *["recall"] * 4).available("recall") == 0


def test_one_slot_is_for_whoever_comes() -> None:
    assert (ConcurrencyLimit(1).available("notice"), ConcurrencyLimit(1).available("recall")) == (1, 1)


def test_halved_by_every_fault_down_to_one_and_one_more_by_every_good_answer() -> None:
    limit, seen = ConcurrencyLimit(8), []
    for well in (False, False, False, False, True, True):
        limit.adjust(well)
        seen.append(limit.available("recall"))
    assert seen == [4, 2, 1, 1, 2, 3]
    assert not limit.at_maximum
    for _ in range(20):
        limit.adjust(True)
    assert limit.available("recall") == 8
    assert limit.at_maximum


def test_with_more_under_way_than_it_still_gets_none_is_free() -> None:
    limit = taken(ConcurrencyLimit(8), *["notice"] * 6)
    limit.adjust(False)
    assert (limit.available("notice"), limit.available("recall")) == (0, 0)
