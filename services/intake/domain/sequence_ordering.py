"""Which of two messages about one thing holds: by the sender's own `sequence` where both have one, else what is safe.

What ends or forbids is a floor: an opening or giving act holds only with a number above it, also when it comes later,
or first. Of equal numbers the one that forbids holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

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


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What was ended or taken back of a thing before the thing came.

    `ended`: that it has ended, `by` which number (None: by an act without one, which holds for whatever comes first);
    `taken`: the consents taken back, "purpose/recipient" to number.
    """

    ended: bool = False
    by: int | None = None
    taken: Numbers = field(default_factory=dict)

    def with_end(self, sequence: int | None) -> Tombstone:
        """It has ended. An end without a number is weakened by nothing that has one."""
        return replace(self, ended=True, by=_both(self.by, sequence) if self.ended else sequence)

    def with_withdrawal(self, consents: Iterable[tuple[str, str | None]], sequence: int | None) -> Tombstone:
        """The same for consents taken back. Too many of one person become "from everybody", which forbids more."""
        taken = dict(self.taken)
        for purpose, recipient in consents:
            key = f"{purpose}/{recipient or ''}"
            taken[key] = _both(taken[key], sequence) if key in taken else sequence
        if len(taken) > MOST_KEYS:
            wide: dict[str, int | None] = {}
            for key, number in taken.items():
                purpose = key.partition("/")[0] + "/"
                wide[purpose] = _both(wide[purpose], number) if purpose in wide else number
            taken = wide
        return replace(self, taken=taken)

    def took(self, purpose: str, recipient: str | None, sequence: int | None) -> bool:
        """Whether a consent inside an arrival was taken back before the arrival came."""
        keys = {f"{purpose}/{recipient or ''}", f"{purpose}/"}
        return any(key in self.taken and not is_newer(sequence, self.taken[key]) for key in keys)

    def forbids(self, sequence: int | None) -> bool:
        """Whether what begins here was ended before it came."""
        return self.ended and not is_newer(sequence, self.by)

    def end(self, sequence: int | None) -> int | None:
        """The number of the end that goes on once the thing is here; None: it never ended, or nobody counted."""
        return None if not self.ended else self.by if self.by is not None else sequence

    def floors(self, sequence: int | None) -> dict[str, int]:
        """The floors of consents that go on once the thing is here. What was taken back without a number was taken from
        everything up to the arrival."""
        floors = {key: number if number is not None else sequence for key, number in self.taken.items()}
        return {key: number for key, number in floors.items() if number is not None}


def _both(one: int | None, other: int | None) -> int | None:
    """Two endings of which one has no number: that one holds."""
    return None if one is None or other is None else max(one, other)
