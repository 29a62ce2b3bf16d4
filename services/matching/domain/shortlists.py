"""Everybody's shortlist, and whom of all people a change of an opening may concern."""

from __future__ import annotations

from collections.abc import Iterable

from services.matching.domain.columns.kernel import NOBODY
from services.matching.domain.columns.rows import Rows
from services.matching.domain.columns.scores import Scored
from services.matching.domain.columns.values import UNIT
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.shortlist import Entry, Shortlist


class Shortlists:
    """By person; of each opening who holds it, and with the people the score from which on an opening would enter (in
    millionths): so of all people only those are looked at whose list becomes another."""

    def __init__(self, people: Rows[PersonFacts]) -> None:
        self._people = people
        self._lists: dict[str, Shortlist] = {}
        self._holders: dict[str, set[str]] = {}

    def get(self, person: str) -> Shortlist | None:
        """The list of this person."""
        return self._lists.get(person)

    def set(self, person: str, shortlist: Shortlist) -> None:
        """Another list in place of what there was; the person is held."""
        self.remove(person)
        self._lists[person] = shortlist
        for entry in shortlist.entries():
            self._holders.setdefault(entry.id, set()).add(person)
        self._note(person, shortlist)

    def remove(self, person: str) -> None:
        """Forget the list of somebody who is held; call it before they go."""
        shortlist = self._lists.pop(person, None)
        if shortlist is not None:
            for entry in shortlist.entries():
                self._let_go(entry.id, person)
            self._note(person, None)

    def clear(self) -> None:
        """Forget all."""
        self._lists.clear()
        self._holders.clear()
        self._people.layout.nobody_enters()

    def put(self, person: str, entry: Entry) -> bool:
        """An opening may match somebody with a list; whether that changed it."""
        left = self._lists[person].put(entry)
        if left is None:
            return False
        if entry.id in self._lists[person]:
            self._holders.setdefault(entry.id, set()).add(person)
        self._left(person, left)
        return True

    def drop(self, opening: str) -> list[str]:
        """An opening is gone; on whose list it was."""
        people = sorted(self._holders.get(opening, ()))
        for person in people:
            self.drop_of(person, opening)
        return people

    def drop_of(self, person: str, opening: str) -> None:
        """An opening is on somebody's list no longer."""
        self._left(person, self._lists[person].drop(opening) or ())

    def holders(self, opening: str) -> frozenset[str]:
        """On whose list this opening is."""
        return frozenset(self._holders.get(opening, ()))

    def entered(self, scored: Scored) -> list[tuple[int, float]]:
        """Of people with their scores for one opening those whose list it may enter."""
        kept = scored.scores >= self._people.layout.enters_of(scored.rows)
        return list(zip(scored.rows[kept].tolist(), (scored.scores[kept] / UNIT).tolist(), strict=True))

    def _note(self, person: str, shortlist: Shortlist | None) -> None:
        score = NOBODY
        if shortlist is not None:
            score = 0 if shortlist.cutoff is None else round(-shortlist.cutoff[0] * UNIT)
        self._people.layout.enter_from(self._people[person].row, score)

    def _left(self, person: str, openings: Iterable[str]) -> None:
        shortlist = self._lists[person]
        for opening in openings:
            if opening not in shortlist:
                self._let_go(opening, person)
        self._note(person, shortlist)

    def _let_go(self, opening: str, person: str) -> None:
        holders = self._holders.get(opening)
        if holders is not None:
            holders.discard(person)
            if not holders:
                del self._holders[opening]
