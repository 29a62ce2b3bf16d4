"""What is claimed for an endpoint: recalls first, of each kind of notices its half, and what was looked for in vain not
again until something is said of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifications.delivery.endpoint_claims import EndpointClaims
from services.notifications.delivery.endpoint_worker import EndpointWorker
from services.notifications.delivery.held_deliveries import HeldDeliveries
from services.notifications.documents import QueueClass
from services.notifications.domain.adaptive_concurrency import ConcurrencyLimit
from tests.unit.notifications.fake_dependencies import DELIVERED, SLOTS, FakeDependencies, delivery
from tests.unit.notifications.world import START

pytestmark = pytest.mark.unit
AHEAD = SLOTS - 1 + 3 * SLOTS  # what can be sent at once, and some more


def claims_of(deps: FakeDependencies) -> tuple[EndpointClaims, HeldDeliveries]:
    shared = deps.dependencies(deps)
    held = HeldDeliveries(shared.lease)
    return EndpointClaims("s", shared, held, ConcurrencyLimit(SLOTS), look=True), held


async def claim(claims: EndpointClaims, deps: FakeDependencies) -> list[tuple[str, int]]:
    """What was asked for now, and how many were found."""
    deps.claimed.clear()
    endpoint: Any = await deps.subscription("s")
    await claims.claim(endpoint, START)
    return deps.claimed


@pytest.mark.parametrize(
    ("new", "left", "claimed"),
    [
        (100, 100, [("recall", 0), ("new", 8), ("left", 7)]),
        (100, 2, [("recall", 0), ("new", 8), ("left", 2), ("new", 5)]),
        (2, 100, [("recall", 0), ("new", 2), ("left", AHEAD - 2)]),
        (0, 0, [("recall", 0), ("new", 0), ("left", 0)]),
    ],
)
async def test_of_each_kind_half_if_there_are_both(new: int, left: int, claimed: list[tuple[str, int]]) -> None:
    deps = FakeDependencies(DELIVERED)
    deps.waiting = [delivery(number, "notice") for number in range(1, new + 1)]
    deps.waiting += [delivery(number, "notice") | {"attempts": 1} for number in range(1001, 1001 + left)]
    claims, held = claims_of(deps)
    assert await claim(claims, deps) == claimed
    assert deps.prefetched == len(held) == sum(count for _, count in claimed)
    assert [claims.looks_for("new"), claims.looks_for("left")] == [new == 100, left == 100]


async def test_recalls_leave_the_notices_where_they_are() -> None:
    deps = FakeDependencies(DELIVERED)
    deps.waiting = [delivery(1), *(delivery(number, "notice") for number in range(2, 50))]
    claims, held = claims_of(deps)
    assert await claim(claims, deps) == [("recall", 1)]
    assert [each["_id"] for each in held] == deps.sent_of(1)


async def test_it_is_looked_again_for_what_may_go_before_what_is_held_and_for_what_is_lacking() -> None:
    deps = FakeDependencies(DELIVERED)
    deps.waiting = [delivery(1, "notice"), delivery(2, "notice")]
    claims, held = claims_of(deps)
    await claim(claims, deps)
    found = [claims.worth_a_look]
    classes: tuple[QueueClass, ...] = ("new", "left", "recall")
    for queue_class in classes:
        claims.look_for_nothing()
        claims.look_for([queue_class])
        found.append(claims.worth_a_look)
    assert found == [False, False, True, True], "of what is held already no more is wanted"
    claims.look_for_nothing()
    held.clear()
    assert (claims.looks, claims.worth_a_look) == (False, True)


async def test_what_is_due_at_the_start_is_claimed_with_the_recalls_first() -> None:
    deps = FakeDependencies(DELIVERED, about="notice")
    deps.waiting += [delivery(777), delivery(778)]
    await deps.run_until_stuck()
    assert deps.claimed[0] == ("recall", 2)
    assert deps.sent[:2] == [delivery(777)["_id"], delivery(778)["_id"]]


async def test_a_claim_of_which_nothing_is_known_is_let_go() -> None:
    deps = FakeDependencies(DELIVERED)
    deps.away = True
    with pytest.raises(AutoReconnect):
        await EndpointWorker("s", deps.dependencies(deps)).run()
    assert [owner for owner, _ in deps.unknown] == ["test-1/1"]


async def test_of_a_kind_that_was_looked_for_in_vain_nothing_is_asked_until_something_is_told_of_it() -> None:
    deps = FakeDependencies(DELIVERED, about="notice")
    await deps.run_until_stuck()
    assert [count for queue_class, count in deps.claimed if queue_class == "left"] == [0]


async def test_no_more_is_claimed_than_leaves_within_a_second() -> None:
    deps = FakeDependencies(DELIVERED, about="notice")
    deps.per_second = 3.0
    worker = EndpointWorker("s", deps.dependencies(deps))
    running = asyncio.create_task(worker.run())
    await deps.until(lambda: deps.sent)
    assert deps.prefetched + len(deps.sent) <= 2 * 3
    for number in range(200, 220):
        born: Any = delivery(number, "notice") | {"owner": deps.owner, "claim": "c"}
        worker.give(born, None)
    await deps.until(lambda: deps.released)
    assert deps.prefetched <= 2 * 3
    worker.stop()
    deps.written.set()
    await running
