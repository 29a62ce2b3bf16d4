"""What stands as published, in memory: enough to see whether something is to be published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.matching.domain.match_index import Revisions

_NOTHING: Mapping[str, Revisions] = {}


class LastPublished:
    """By person the openings that stand as matches, as they were last published, and from which revisions."""

    def __init__(self) -> None:
        self._openings: dict[str, dict[str, Revisions]] = {}
        self._people: dict[str, set[str]] = {}

    def of(self, person: str) -> Mapping[str, Revisions]:
        """What stands for this person."""
        return self._openings.get(person, _NOTHING)

    def with_opening(self, opening: str) -> Iterable[str]:
        """The people for whom this opening stands."""
        return self._people.get(opening, ())

    def people(self) -> list[str]:
        """Everybody for whom something stands."""
        return list(self._openings)

    def add(self, person: str, opening: str, revisions: Revisions) -> None:
        """It was published as standing."""
        self._openings.setdefault(person, {})[opening] = revisions
        self._people.setdefault(opening, set()).add(person)

    def remove(self, person: str, opening: str) -> None:
        """It was withdrawn."""
        openings, people = self._openings.get(person, {}), self._people.get(opening, set())
        openings.pop(opening, None)
        people.discard(person)
        if not openings:
            self._openings.pop(person, None)
        if not people:
            self._people.pop(opening, None)
