"""What is held for an endpoint counts into what all workers hold, for as long as it is held."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.delivery.held_deliveries import HeldDeliveries
from services.notifications.delivery.pre_send_check import FoundAllowed
from tests.unit.notifications.fake_dependencies import DELIVERED, FakeDependencies, delivery
from tests.unit.notifications.world import START

pytestmark = pytest.mark.unit
ALLOWED = FoundAllowed(START.date(), 1.0)


def held_by(deps: FakeDependencies) -> HeldDeliveries:
    return HeldDeliveries(deps.dependencies(deps).lease)


def claimed(number: int, claim: str = "c", owner: str = "test-1/1") -> Any:
    return {**delivery(number, "notice"), "claim": claim, "owner": owner}


@given(st.lists(st.sampled_from(["add", "give", "take", "put back", "clear"]), max_size=40))
async def test_whatever_is_done_with_them_they_are_counted(steps: list[str]) -> None:
    deps = FakeDependencies(DELIVERED)
    one, other = held_by(deps), held_by(deps)
    other.add([claimed(1_000)])
    taken: list[Any] = []
    for number, step in enumerate(steps, start=1):
        if step == "add":
            one.add([claimed(number), claimed(100 + number)])
        elif step == "give":
            one.give(claimed(number), ALLOWED)
        elif step == "take" and one:
            taken.append(one.take())
        elif step == "put back":
            one.put_back(taken)
            taken = []
        elif step == "clear":
            one.clear()
        assert deps.prefetched == len(one) + len(other)


async def test_what_is_let_go_is_let_go_by_the_claims_that_took_it_and_counts_no_more() -> None:
    deps = FakeDependencies(DELIVERED)
    released: list[Any] = []

    async def release_unsent(claims: Any) -> None:
        released.append(claims)

    deps.release_unsent = release_unsent  # type: ignore[method-assign]  # by claim
    held = held_by(deps)
    held.add([claimed(1, "one"), claimed(2, "other"), claimed(3, "one")])
    await held.release()
    assert released == [{"one": deps.sent_of(1, 3), "other": deps.sent_of(2)}], "at once, whatever the number of claims"
    await held.release()
    assert len(released) == 1, "nothing is asked for nothing"
    assert (len(held), deps.prefetched) == (0, 0)


async def test_what_was_found_at_birth_is_said_once_and_forgotten_with_what_is_let_go() -> None:
    held = held_by(FakeDependencies(DELIVERED))
    held.give(claimed(1), ALLOWED)
    held.give(claimed(2), None)
    batch = [held.take(), held.take()]
    ids = [each["_id"] for each in batch]
    assert held.found_allowed(batch) == {ids[0]: ALLOWED, ids[1]: None}
    held.put_back(batch)
    assert held.found_allowed(batch) == dict.fromkeys(ids)
    held.give(claimed(3), ALLOWED)
    await held.release()
    assert held.found_allowed([claimed(3)]) == {claimed(3)["_id"]: None}


async def test_what_was_claimed_under_another_epoch_is_seen() -> None:
    deps = FakeDependencies(DELIVERED)
    held = held_by(deps)
    assert not held.of_another_lease
    held.add([claimed(1), claimed(2)])
    assert not held.of_another_lease
    deps.owner = "test-1/2"
    assert held.of_another_lease
    deps.owner = None
    assert held.of_another_lease
