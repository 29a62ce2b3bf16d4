"""Which of two messages about one thing holds: by the sender's own `sequence` where both have one, else what is safe.

What ends or forbids is a floor: an opening or giving act holds only with a number above it, also when it comes later,
or first. Of equal numbers the one that forbids holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

MOST_NAMES = 50  # consents taken back that are remembered one by one, for a person who is not here yet
MOST_NAMES_OF_A_PERSON = 200  # and of one who is: as many as may stand

Numbers = Mapping[str, int | None]  # by a consent's name: "purpose/recipient", or "purpose/" for everybody


def latest(*numbers: int | None) -> int | None:
    """The highest of those that are there."""
    return max((number for number in numbers if number is not None), default=None)


def is_older(given: int | None, held: int | None) -> bool:
    """Whether the sender's own version is behind the one already held; without a version nothing is older."""
    return given is not None and held is not None and given < held


def is_newer(given: int | None, floor: int | None) -> bool:
    """Whether an act says of itself that it comes after what ended or forbade. Without both numbers it does not."""
    return given is not None and floor is not None and given > floor


def for_everybody(name: str) -> str:
    """The name of the consent of this purpose that names nobody."""
    return name.partition("/")[0] + "/"


def floor_of(taken: Numbers, name: str) -> int | None:
    """The number up to which a consent was taken back, by name or from everybody; None: not, or without a number."""
    return latest(taken.get(name), taken.get(for_everybody(name)))


def widened(numbers: Mapping[str, int]) -> dict[str, int]:
    """The highest number of each purpose, for everybody: what is kept of too many names, which forbids more."""
    wide: dict[str, int] = {}
    for name, number in numbers.items():
        everybody = for_everybody(name)
        wide[everybody] = max(number, wide.get(everybody, number))
    return wide


def said_before(said: datetime, taken_at: Mapping[str, datetime], *names: str) -> bool:
    """Whether something was said, by the sender's clock, up to the time at which one of these names was taken back;
    what is kept has milliseconds."""
    said = said.replace(microsecond=said.microsecond // 1_000 * 1_000)
    return any(said <= taken_at[name] for name in names if name in taken_at)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What was ended or taken back of a thing before the thing came.

    `ended`: that it has ended, `by` which number (None: by an act without one, which holds for whatever comes first);
    `taken`: the consents taken back, by name.
    """

    ended: bool = False
    by: int | None = None
    taken: Numbers = field(default_factory=dict)

    def with_end(self, sequence: int | None) -> Tombstone:
        """It has ended. An end without a number is weakened by nothing that has one."""
        return replace(self, ended=True, by=_both(self.by, sequence) if self.ended else sequence)

    def with_withdrawal(self, names: Iterable[str], sequence: int | None) -> Tombstone:
        """The same for consents taken back. Too many of one person become "from everybody", which forbids more."""
        taken = dict(self.taken)
        for name in names:
            taken[name] = _both(taken[name], sequence) if name in taken else sequence
        if len(taken) > MOST_NAMES:
            wide: dict[str, int | None] = {}
            for name, number in taken.items():
                everybody = for_everybody(name)
                wide[everybody] = _both(wide[everybody], number) if everybody in wide else number
            taken = wide
        return replace(self, taken=taken)

    def took(self, name: str, sequence: int | None) -> bool:
        """Whether a consent inside an arrival was taken back before the arrival came."""
        names = {name, for_everybody(name)}
        return any(name in self.taken and not is_newer(sequence, self.taken[name]) for name in names)

    def forbids(self, sequence: int | None) -> bool:
        """Whether what begins here was ended before it came."""
        return self.ended and not is_newer(sequence, self.by)

    def end(self, sequence: int | None) -> int | None:
        """The number of the end that goes on once the thing is here; None: it never ended, or nobody counted."""
        return None if not self.ended else self.by if self.by is not None else sequence

    def floors(self, sequence: int | None) -> dict[str, int]:
        """The floors of consents that go on once the thing is here. What was taken back without a number was taken from
        everything up to the arrival."""
        floors = {name: number if number is not None else sequence for name, number in self.taken.items()}
        return {name: number for name, number in floors.items() if number is not None}


def _both(one: int | None, other: int | None) -> int | None:
    """Two endings of which one has no number: that one holds."""
    return None if one is None or other is None else max(one, other)
