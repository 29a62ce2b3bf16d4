"""Between what a transaction reads and its commit others claim, let go and commit: claims are updates outside of
transactions, and whoever writes what they wrote begins anew. What must hold does all the same."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest

from services.notifications.channels.feed_files import FileChanged
from tests.unit.notifications.invariants import WhatMustHold
from tests.unit.notifications.simulation import Life, a_life

pytestmark = pytest.mark.unit
LIVES, STEPS, DEEPEST, AT_MOST = range(6), 80, 2, 3
OUTSIDE = ("claim", "claim", "let_go", "let_go", "release", "die", "lose_lease", "probe")
TRANSACTIONS = ("hear", "hear", "answer", "send", "follow", "resync", "pull", "acknowledge", "end_recalled", "recovery",
                "send_again", "pause", "resume")  # fmt: skip


class Others:
    """Other replicas and partners, while a transaction is under way; theirs overlap with others in their turn."""

    def __init__(self, life: Life, random: Random) -> None:
        self._life, self._random, self._depth = life, random, 0

    def __call__(self) -> None:
        if self._depth == DEEPEST:
            return
        self._depth += 1
        for _ in range(AT_MOST):
            for steps in (OUTSIDE, TRANSACTIONS):
                if self._random.random() < 0.3:
                    name = self._random.choice(steps)
                    self._life.log.append(f"({name})")
                    getattr(self._life, name)()
        self._depth -= 1


@pytest.mark.parametrize("patient", [True, False])
@pytest.mark.parametrize("seed", LIVES)
def test_whoever_writes_at_the_same_moment_what_must_hold_does(seed: int, patient: bool) -> None:
    with a_life(seed, patient=patient) as life:
        looks = WhatMustHold(life)
        try:
            life.world.store.meanwhile = Others(life, Random(seed))
            for _ in range(STEPS):
                with suppress(FileChanged):  # its answer is cut off
                    life.step()
            life.world.store.meanwhile = None
            life.drain()
            looks.at_the_end()
        except BaseException as error:
            error.add_note(" ".join(life.log))
            raise
