"""What stands as told, in memory: enough to see whether something is to be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.matching.domain.core import Revisions

_NOTHING: Mapping[str, Revisions] = {}


class Told:
    """By person the openings that stand as matches, as they were last told, and on what they were assessed then."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Revisions]] = {}
        self._people: dict[str, set[str]] = {}

    def of(self, person: str) -> Mapping[str, Revisions]:
        """What stands for this person."""
        return self._of.get(person, _NOTHING)

    def with_opening(self, opening: str) -> Iterable[str]:
        """The people for whom this opening stands."""
        return self._people.get(opening, ())

    def people(self) -> list[str]:
        """Everybody for whom something stands."""
        return list(self._of)

    def stands(self, person: str, opening: str, revisions: Revisions) -> None:
        """It was told."""
        self._of.setdefault(person, {})[opening] = revisions
        self._people.setdefault(opening, set()).add(person)

    def gone(self, person: str, opening: str) -> None:
        """It was withdrawn."""
        of, people = self._of.get(person, {}), self._people.get(opening, set())
        of.pop(opening, None)
        people.discard(person)
        if not of:
            self._of.pop(person, None)
        if not people:
            self._people.pop(opening, None)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))
