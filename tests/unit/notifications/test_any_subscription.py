"""Whatever partners do with their subscriptions, whatever is heard of meanwhile and whoever dies: what must hold does,
after every step and in the end."""

from __future__ import annotations

import pytest

from tests.unit.notifications.invariants import lived

pytestmark = pytest.mark.unit
LIVES, STEPS = range(8), 100


@pytest.mark.parametrize("seed", LIVES)
def test_where_all_is_tried_until_it_is_taken_partners_end_with_what_they_may_hold(seed: int) -> None:
    lived(seed, STEPS, patient=True)


@pytest.mark.parametrize("seed", LIVES)
def test_where_some_is_given_up_nobody_is_held_whose_recall_was_not(seed: int) -> None:
    lived(seed, STEPS, patient=False)
