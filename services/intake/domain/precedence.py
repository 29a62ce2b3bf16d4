"""Which of two messages about one thing holds: by the sender's own `sequence` where both have one, else what is safe.

What ends or forbids is a floor: an opening or giving act holds only with a number above it, also when it comes later,
or first. Of equal numbers the one that forbids holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

MOST_KEYS = 50  # consents taken back that are remembered one by one, for a person who is not here yet

Numbers = Mapping[str, int | None]


def latest(*numbers: int | None) -> int | None:
    """The highest of those that are there."""
    return max((number for number in numbers if number is not None), default=None)


def is_older(given: int | None, held: int | None) -> bool:
    """Whether the sender's own version is behind the one already held; without a version nothing is older."""
    return given is not None and held is not None and given < held


def is_newer(given: int | None, floor: int | None) -> bool:
    """Whether an act says of itself that it comes after what ended or forbade. Without both numbers it does not."""
    return given is not None and floor is not None and given > floor


def floor_of(taken: Numbers, purpose: str, recipient: str | None) -> int | None:
    """The number up to which a consent was taken back, by name or from everybody; None: not, or without a number."""
    return latest(taken.get(f"{purpose}/{recipient or ''}"), taken.get(f"{purpose}/"))


def remembered_end(early: Mapping[str, Any], sequence: int | None) -> dict[str, Any]:
    """What is kept about a thing that is not here yet: that it has ended. Without a number it holds for whatever comes
    first, so nothing with a number weakens it."""
    by = sequence if not early.get("ended") else _both(early.get("by"), sequence)
    return {**early, "ended": True, "by": by}


def remembered_withdrawal(
    early: Mapping[str, Any], consents: Iterable[tuple[str, str | None]], sequence: int | None
) -> dict[str, Any]:
    """The same for consents taken back. Too many of one person become "from everybody", which forbids more."""
    taken: dict[str, int | None] = dict(early.get("taken", {}))
    for purpose, recipient in consents:
        key = f"{purpose}/{recipient or ''}"
        taken[key] = _both(taken[key], sequence) if key in taken else sequence
    if len(taken) > MOST_KEYS:
        wide: dict[str, int | None] = {}
        for key, number in taken.items():
            purpose = key.partition("/")[0] + "/"
            wide[purpose] = _both(wide[purpose], number) if purpose in wide else number
        taken = wide
    return {**early, "taken": taken}


def was_taken(early: Mapping[str, Any], purpose: str, recipient: str | None, sequence: int | None) -> bool:
    """Whether a consent inside an arrival was taken back before the arrival came."""
    taken = early.get("taken", {})
    return any(key in taken and not is_newer(sequence, taken[key]) for key in _keys(purpose, recipient))


def had_ended(early: Mapping[str, Any], sequence: int | None) -> bool:
    """Whether what begins here was ended before it came."""
    return bool(early.get("ended")) and not is_newer(sequence, early.get("by"))


def kept_floors(early: Mapping[str, Any], sequence: int | None) -> dict[str, int]:
    """The floors that go on once the thing is here. What was taken back without a number was taken from everything up
    to the arrival."""
    floors = {key: number if number is not None else sequence for key, number in early.get("taken", {}).items()}
    return {key: number for key, number in floors.items() if number is not None}


def _keys(purpose: str, recipient: str | None) -> Collection[str]:
    return {f"{purpose}/{recipient or ''}", f"{purpose}/"}


def _both(one: int | None, other: int | None) -> int | None:
    """Two endings of which one has no number: that one holds."""
    return None if one is None or other is None else max(one, other)
