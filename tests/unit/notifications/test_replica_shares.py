"""What each of several replicas takes of what an endpoint wants: together no more than that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.notifications.domain.adaptive_concurrency import ConcurrencyLimit
from services.notifications.domain.rate_limiter import BURST_SECONDS, Pace
from services.notifications.domain.replica_shares import ReplicaShare

pytestmark = pytest.mark.unit
PATIENCE = timedelta(seconds=20)
REPLICAS = ["n-1", "n-2", "n-3"]
ENDPOINTS = [f"s{number}" for number in range(300)]


def share(me: str, *live: str) -> ReplicaShare:
    return ReplicaShare(me, live, PATIENCE)


@pytest.mark.parametrize(
    ("live", "rate", "slots"),
    [
        ((), 4.0, 8),
        (("n-1",), 4.0, 8),
        (("n-1", "n-2"), 2.0, 4),
        (("n-2",), 2.0, 4),  # this one runs, too, whether it has read it or not
        (("n-1", "n-2", "n-3"), 4 / 3, 2),
        (tuple(f"n-{number}" for number in range(1, 21)), 0.2, 1),
    ],
)
def test_rate_and_slots_are_divided_and_one_slot_is_left_to_each(
    live: tuple[str, ...], rate: float, slots: int
) -> None:
    mine = share("n-1", *live)
    assert mine.rate(4.0) == pytest.approx(rate)
    assert mine.rate(None) is None
    assert mine.slots(8) == slots


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("per_second", [0.5, 4.0, 100.0])
def test_all_together_send_no_more_than_the_rate_and_a_burst_for_each(count: int, per_second: float) -> None:
    names = [f"n-{number}" for number in range(count)]
    paces = {name: Pace() for name in names}
    sent = 0
    for tick in range(50 * 60 + 1):
        for name, pace in paces.items():
            sent += pace.allow(share(name, *names).rate(per_second), 1_000, tick / 50)
    assert per_second * 60 * 0.9 <= sent <= per_second * 60 + max(count, per_second * BURST_SECONDS)


def test_who_has_all_slots_has_all_of_its_share_and_who_had_fewer_keeps_those() -> None:
    limit = ConcurrencyLimit(8)
    limit.give_at_most(4)
    assert (limit.available("recall"), limit.at_maximum) == (4, True)
    limit.adjust(False)
    limit.give_at_most(8)
    assert (limit.available("recall"), limit.at_maximum) == (2, False)
    for _ in range(20):
        limit.adjust(True)
    assert (limit.available("recall"), limit.at_maximum) == (8, True)
    limit.adjust(False)
    limit.give_at_most(2)
    assert (limit.available("recall"), limit.at_maximum) == (2, True)


def test_one_replica_asks_an_endpoint_that_is_down_and_the_next_only_when_it_does_not() -> None:
    for endpoint in ENDPOINTS:
        for places in range(len(REPLICAS)):
            asking = {me for me in REPLICAS if share(me, *REPLICAS).probes(endpoint, places * PATIENCE)}
            assert len(asking) == places + 1
    assert share("n-1", "n-1").probes("s", timedelta(0))


def test_endpoints_are_spread_over_replicas_and_stay_where_they_are_when_another_goes() -> None:
    def asks(live: list[str], endpoint: str) -> str:
        (found,) = (me for me in live if share(me, *live).probes(endpoint, PATIENCE - timedelta(seconds=1)))
        return found

    before = {endpoint: asks(REPLICAS, endpoint) for endpoint in ENDPOINTS}
    assert min(list(before.values()).count(me) for me in REPLICAS) > len(ENDPOINTS) / 5
    after = {endpoint: asks(REPLICAS[:2], endpoint) for endpoint in ENDPOINTS}
    assert all(after[each] == before[each] for each in ENDPOINTS if before[each] in REPLICAS[:2])


def test_a_replica_of_which_the_others_do_not_know_yet_asks_as_one_of_them() -> None:
    """So at most as many ask at once as there are."""
    known = [me for me in REPLICAS[:2] if share(me, *REPLICAS[:2]).probes("s", timedelta(0))]
    assert len(known) == 1
    assert share("n-3", *REPLICAS).probes("s", 2 * PATIENCE)
