"""How far what the partners hold is from what they must hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from samples.partners.held import Holding
from verification.oracle.expected import Told
from verification.oracle.state import Own


@dataclass(frozen=True)
class Verdict:
    """`missing`: expected and not held; `surplus`: held and not expected (after an end or a recall, or by mistake).

    `lost` counts both: a partner that still holds what was taken back has lost the recall.
    """

    missing: frozenset[Told]
    surplus: frozenset[Told]
    doubled: int

    @property
    def lost(self) -> int:
        """Everything that is not as it must be."""
        return len(self.missing) + len(self.surplus)


def verdict_of(
    expected: frozenset[Told],
    holdings: Mapping[str, Holding],
    person_of: Mapping[tuple[str, str], Own],
    opening_of: Mapping[str, Own],
) -> Verdict:
    """``holdings`` by partner; ``person_of`` by (partner, alias); ``opening_of`` by the hub's id.

    An alias or id that nobody knows counts as held by mistake.
    """
    nobody: Own = ("?", "?")
    held: set[Told] = set()
    for partner, holding in holdings.items():
        for alias, opportunity in holding.pairs:
            person = person_of.get((partner, alias), ("?", alias))
            held.add((partner, person, opening_of.get(opportunity, nobody)))
    doubled = sum(holding.doubled for holding in holdings.values())
    return Verdict(expected - held, frozenset(held - expected), doubled)


def percentile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that is not below this share of all (nearest rank); None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * int(share * 1000) // 1000))
    return ordered[rank - 1]
