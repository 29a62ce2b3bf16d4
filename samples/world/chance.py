"""Drawing lots."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def maybe(random: Random, share: float) -> bool:
    """True with this probability."""
    return random.random() < share


def pick(random: Random, weighted: Sequence[tuple[T, float]]) -> T:
    """One of the things, each as likely as its weight says."""
    return random.choices([thing for thing, _ in weighted], [weight for _, weight in weighted])[0]


def some(random: Random, things: Sequence[T], most: int) -> list[T]:
    """Up to ``most`` different ones."""
    return random.sample(things, min(most, len(things)))
