"""The right to hold deliveries: under one name as long as the lease lasts, under another one after it was lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from pymongo.errors import AutoReconnect, ExecutionTimeout

from services.notifications.delivery import dispatcher_lease as module
from services.notifications.delivery.dispatcher_lease import UNKNOWN_CLAIM_TRIES, DispatcherLease, LeaseTerm
from services.notifications.queries.delivery_queries import ROUNDS_AT_ONCE

pytestmark = pytest.mark.unit


class Leases:
    """Stands for the kit's lease; every new one of a name has the next epoch. ``since``: when it was last renewed."""

    made: ClassVar = Counter[str]()
    theirs = False
    since = 0.0

    def __init__(self, _: Any, name: str, __: str, seconds: float) -> None:
        Leases.made[name] += 1
        self.epoch, self._seconds = Leases.made[name], seconds

    @property
    def left(self) -> float:
        return max(0.0, 0.8 * self._seconds - Leases.since)

    @property
    def held(self) -> bool:
        return self.left > 0

    async def acquire(self) -> bool:
        return not Leases.theirs

    async def release(self) -> None:
        pass


class FakeRepository:
    """Stands for the repository."""

    def __init__(self) -> None:
        self.away = False
        self.in_the_way: set[str] = set()  # transactions over these
        self.stands_still: set[str] = set()  # of these no answer ever comes
        self.late: set[str] = set()  # the database ends what is asked of these, because it takes too long
        self.given: list[Any] = []
        self.rounds: list[int | None] = []
        self.asked = 0
        self.live = ["n-1"]

    async def live_dispatchers(self) -> list[str]:
        return self.live

    async def release_unsent(self, claims: Mapping[str, Sequence[str]], rounds: int | None = None) -> Sequence[str]:
        if self.away:
            raise AutoReconnect
        self.rounds.append(rounds)
        self.asked += len(claims)
        if self.stands_still.intersection(id for ids in claims.values() for id in ids):
            await asyncio.Event().wait()
        for claim, ids in claims.items():
            if given := [id for id in ids if id not in self.in_the_way]:
                self.given.append((claim, given))
        return [id for ids in claims.values() for id in ids if id in self.in_the_way]

    async def release_claim(self, owner: str, claim: str) -> None:
        if claim in self.stands_still:
            await asyncio.Event().wait()
        if claim in self.late:
            raise ExecutionTimeout("longer than was allowed", 50)
        self.given.append((owner, claim))


@pytest.fixture
def repository() -> FakeRepository:
    return FakeRepository()


@pytest.fixture
def lease(repository: FakeRepository, monkeypatch: pytest.MonkeyPatch) -> DispatcherLease:
    for name, value in (("made", Counter[str]()), ("theirs", False), ("since", 0.0)):
        monkeypatch.setattr(Leases, name, value)
    monkeypatch.setattr(module, "Lease", Leases)
    anything: Any = repository
    usual = LeaseTerm(timedelta(seconds=45), timedelta(seconds=15))
    slow = LeaseTerm(timedelta(seconds=101.25), timedelta(seconds=60))
    return DispatcherLease(anything, anything, "n-1", usual, slow, ["email"])


async def test_it_has_a_name_while_the_lease_outlasts_an_attempt(
    lease: DispatcherLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lease.owner_for("webhook") is lease.owner_for("email") is None
    await lease.renew()
    await lease.renew()
    assert (lease.owner_for("webhook"), lease.owner_for("email")) == ("n-1/1", "n-1/slow/1")
    assert lease.is_ours("n-1/1")
    assert lease.is_ours("n-1/slow/1")
    assert not lease.is_ours("n-1/2")
    monkeypatch.setattr(Leases, "since", 21.0)  # 15 more seconds end with the 36 that are believed, 60 with 81
    assert lease.owner_for("webhook") is lease.owner_for("email") is None
    assert not lease.is_ours("n-1/1")
    assert not lease.is_ours("n-1/slow/1")


async def test_at_the_end_each_is_let_go_of_also_when_the_database_does_not_take_that_of_the_other(
    lease: DispatcherLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[int] = []

    async def release(_: Leases) -> None:
        released.append(1)
        if len(released) == 1:
            raise AutoReconnect

    monkeypatch.setattr(Leases, "release", release)
    await lease.renew()
    with pytest.raises(AutoReconnect):
        await lease.end()
    assert len(released) == 2


async def test_a_channel_whose_attempts_take_longer_keeps_its_name_longer(
    lease: DispatcherLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a new one others would take what is still being sent for left behind."""
    await lease.renew()
    for since, names in ((40.0, ("n-1/2", "n-1/slow/1")), (81.0, ("n-1/3", "n-1/slow/2"))):
        monkeypatch.setattr(Leases, "since", since)
        await lease.renew()
        monkeypatch.setattr(Leases, "since", 0.0)
        assert (lease.owner_for("webhook"), lease.owner_for("email")) == names


async def test_who_has_lost_it_begins_anew_under_another_name(
    lease: DispatcherLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lease.renew()
    monkeypatch.setattr(Leases, "since", 36.0)
    await lease.renew()
    monkeypatch.setattr(Leases, "since", 0.0)
    assert lease.owner_for("webhook") == "n-1/2"
    monkeypatch.setattr(Leases, "theirs", True)
    await lease.renew()
    assert lease.owner_for("webhook") is lease.owner_for("email") is None


async def test_with_each_renewal_it_sees_with_whom_it_shares(
    lease: DispatcherLease, repository: FakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lease.share.count == 1
    repository.live = ["n-1", "n-2", "n-3"]
    await lease.renew()
    assert (lease.share.me, lease.share.count) == ("n-1", 3)
    repository.live = ["n-3"]
    monkeypatch.setattr(Leases, "theirs", True)
    await lease.renew()
    assert lease.share.count == 2, "itself, and who is there"


async def test_one_that_is_gone_is_waited_for_no_longer_than_an_attempt_and_a_little(lease: DispatcherLease) -> None:
    lease.share = replace(lease.share, live=("n-1", "n-2"))
    down: list[Any] = [{"_id": id, "held_until": None} for id in "abcdefgh"]
    others = [endpoint for endpoint in down if not lease.asks(endpoint, timedelta(0))]
    assert others
    assert all(lease.asks(endpoint, timedelta(seconds=15) + module.STANDS_IN_AFTER) for endpoint in others)


async def test_one_that_asks_and_cannot_get_there_is_not_the_only_one_that_asks(lease: DispatcherLease) -> None:
    """Each failure begins another wait, and with it another order."""
    lease.share = replace(lease.share, live=("n-1", "n-2"))
    waits: list[Any] = [{"_id": "s", "held_until": n, "recall_at": -n} for n in range(1, 40)]
    assert {lease.asks(endpoint, timedelta(0)) for endpoint in waits} == {True, False}
    opened: list[Any] = [{**endpoint, "held_until": endpoint["recall_at"]} for endpoint in waits]
    same = [lease.asks(endpoint, timedelta(0)) for endpoint in opened]
    assert same == [lease.asks(endpoint, timedelta(0)) for endpoint in waits], "also once its wait ends for a recall"


def test_it_is_renewed_several_times_before_attempts_would_have_to_wait(lease: DispatcherLease) -> None:
    assert 4 * lease.renew_seconds + 15 <= 0.8 * 45


async def test_what_cannot_be_given_back_now_is_given_back_later(
    lease: DispatcherLease, repository: FakeRepository
) -> None:
    repository.away = True
    await lease.release_unsent({"c1": ["a"], "c2": ["b"]})
    with pytest.raises(AutoReconnect):
        await lease.release_pending()
    repository.away = False
    await lease.release_pending()
    assert sorted(repository.given) == [("c1", ["a"]), ("c2", ["b"])]


async def test_what_transactions_are_in_the_way_of_is_given_back_later_and_keeps_back_nothing_else(
    lease: DispatcherLease, repository: FakeRepository
) -> None:
    repository.in_the_way = {"b", "c"}
    lease.claim_unknown("n-1/1", "c9")
    await lease.release_unsent({"c1": ["a", "b"], "c2": ["c"], "c3": ["d"]})
    assert repository.given == [("c1", ["a"]), ("c3", ["d"])]
    await lease.release_pending()
    assert repository.given[2:] == [("n-1/1", "c9")]
    repository.given.clear()
    repository.in_the_way = {"c"}
    await lease.release_pending()
    repository.away, repository.in_the_way = True, set()
    with pytest.raises(AutoReconnect):
        await lease.release_pending()
    repository.away = False
    for _ in range(2):
        await lease.release_pending()
    assert [each for each in repository.given if each[0] != "n-1/1"] == [("c1", ["b"]), ("c2", ["c"])], "each once"


async def test_a_claim_in_doubt_is_let_go_several_times_as_it_may_come_late(
    lease: DispatcherLease, repository: FakeRepository
) -> None:
    lease.claim_unknown("n-1/1", "c1")
    for _ in range(2 * UNKNOWN_CLAIM_TRIES):
        await lease.release_pending()
    assert repository.given == UNKNOWN_CLAIM_TRIES * [("n-1/1", "c1")]


class TestThePollWaitsForNone:
    """However many cannot be given back: what is due stands behind it."""

    async def test_all_that_a_worker_lets_go_of_is_one_question_and_waits_once(
        self, lease: DispatcherLease, repository: FakeRepository
    ) -> None:
        repository.in_the_way = {str(n) for n in range(1_000)}
        await lease.release_unsent({f"c{n}": [str(n)] for n in range(1_000)})
        assert repository.rounds == [None]

    async def test_no_round_of_the_poll_is_one_that_is_waited_for(
        self, lease: DispatcherLease, repository: FakeRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "GIVE_BACK_SECONDS", 60.0)
        repository.in_the_way = {str(n) for n in range(1_000)}
        await lease.release_unsent({f"c{n}": [str(n)] for n in range(1_000)})
        await lease.release_pending()
        assert repository.rounds == [None, *1_000 * [ROUNDS_AT_ONCE]]

    @pytest.mark.parametrize("some", [1, 50, 5_000])
    async def test_all_of_it_takes_so_long_and_each_has_its_turn(
        self, lease: DispatcherLease, repository: FakeRepository, monkeypatch: pytest.MonkeyPatch, some: int
    ) -> None:
        monkeypatch.setattr(module, "GIVE_BACK_SECONDS", 0.02)
        monkeypatch.setattr(module, "ONE_SECONDS", 0.01)
        monkeypatch.setattr(module, "LET_GO_SECONDS", 0.01)
        stuck, free = [str(n) for n in range(some)], ["free", "free too"]
        repository.stands_still = {*stuck, *(f"doubt {n}" for n in range(some))}
        for n in range(some):
            lease.claim_unknown("n-1/1", f"doubt {n}")
        lease.claim_unknown("n-1/1", "c9")
        await lease.release_unsent({f"c{id}": [id] for id in [*stuck[: some // 2], *free, *stuck[some // 2 :]]})
        before = repository.asked
        await lease.release_pending()  # and returns: before, not while one of them stands still
        assert repository.asked - before <= some + len(free)
        repository.stands_still = set()
        monkeypatch.setattr(module, "GIVE_BACK_SECONDS", 60.0)
        await lease.release_pending()
        given = sorted(id for claim, ids in repository.given if claim != "n-1/1" for id in ids)
        assert given == sorted([*stuck, *free]), "each once"
        assert {claim for owner, claim in repository.given if owner == "n-1/1"} == {
            "c9", *(f"doubt {n}" for n in range(some)),
        }  # fmt: skip

    async def test_who_stands_behind_one_that_stands_still_has_its_turn(
        self, lease: DispatcherLease, repository: FakeRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "GIVE_BACK_SECONDS", 0.02)
        monkeypatch.setattr(module, "ONE_SECONDS", 0.02)
        monkeypatch.setattr(module, "LET_GO_SECONDS", 0.01)
        repository.stands_still = {"a", "doubt"}
        for claim in ("doubt", "c9"):
            lease.claim_unknown("n-1/1", claim)
        await lease.release_unsent({"c1": ["a"], "c2": ["b"]})
        for _ in range(5):
            await lease.release_pending()
        assert ("c2", ["b"]) in repository.given
        assert ("n-1/1", "c9") in repository.given

    async def test_what_the_database_ends_as_too_late_is_no_failure_and_no_try(
        self, lease: DispatcherLease, repository: FakeRepository
    ) -> None:
        repository.late = {"c1"}
        lease.claim_unknown("n-1/1", "c1")
        for _ in range(2 * UNKNOWN_CLAIM_TRIES):
            await lease.release_pending()
        repository.late = set()
        for _ in range(2 * UNKNOWN_CLAIM_TRIES):
            await lease.release_pending()
        assert repository.given == UNKNOWN_CLAIM_TRIES * [("n-1/1", "c1")]
