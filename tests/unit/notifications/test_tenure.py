"""The right to hold deliveries: under one name as long as the lease lasts, under another one after it was lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifications.delivery import tenure as module
from services.notifications.delivery.tenure import DOUBT_LOOKS, Tenure

pytestmark = pytest.mark.unit


class Leases:
    """Stands for the kit's lease; every new one has the next epoch."""

    made = 0
    theirs = False
    left = 30.0

    def __init__(self, *_: Any) -> None:
        Leases.made += 1
        self.epoch = Leases.made

    @property
    def held(self) -> bool:
        return self.left > 0

    async def acquire(self) -> bool:
        return not Leases.theirs

    async def release(self) -> None:
        pass


class Books:
    """Stands for the repository."""

    def __init__(self) -> None:
        self.away = False
        self.given: list[Any] = []

    async def give_back(self, *what: Any) -> None:
        if self.away:
            raise AutoReconnect
        self.given.append(what)

    let_go = give_back


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def tenure(books: Books, monkeypatch: pytest.MonkeyPatch) -> Tenure:
    for name, value in (("made", 0), ("theirs", False), ("left", 30.0)):
        monkeypatch.setattr(Leases, name, value)
    monkeypatch.setattr(module, "Lease", Leases)
    any_part: Any = books
    return Tenure(any_part, any_part, "n-1", timedelta(seconds=45), timedelta(seconds=15))


async def test_it_has_a_name_while_the_lease_outlasts_an_attempt(
    tenure: Tenure, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tenure.owner is None
    await tenure.renew()
    await tenure.renew()
    assert tenure.owner == "n-1/1"
    monkeypatch.setattr(Leases, "left", 15.0)
    assert tenure.owner is None


async def test_who_has_lost_it_begins_anew_under_another_name(tenure: Tenure, monkeypatch: pytest.MonkeyPatch) -> None:
    await tenure.renew()
    monkeypatch.setattr(Leases, "left", 0.0)
    await tenure.renew()
    monkeypatch.setattr(Leases, "left", 30.0)
    assert tenure.owner == "n-1/2"
    monkeypatch.setattr(Leases, "theirs", True)
    await tenure.renew()
    assert tenure.owner is None


def test_it_is_renewed_several_times_before_attempts_would_have_to_wait(tenure: Tenure) -> None:
    assert 4 * tenure.renew_seconds + 15 <= 0.8 * 45


async def test_what_cannot_be_given_back_now_is_given_back_later(tenure: Tenure, books: Books) -> None:
    books.away = True
    await tenure.give_back("c1", ["a"])
    with pytest.raises(AutoReconnect):
        await tenure.pay()
    books.away = False
    await tenure.give_back("c2", ["b"])
    assert sorted(books.given) == [("c1", ["a"]), ("c2", ["b"])]


async def test_a_claim_in_doubt_is_let_go_several_times_as_it_may_come_late(tenure: Tenure, books: Books) -> None:
    tenure.doubt("n-1/1", "c1")
    for _ in range(2 * DOUBT_LOOKS):
        await tenure.pay()
    assert books.given == DOUBT_LOOKS * [("n-1/1", "c1")]
