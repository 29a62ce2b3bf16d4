"""Everybody's shortlist, and whom of all people a change of an opening may concern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.columns.rows import Rows, Rowset
from services.matching.domain.columns.scores import UNIT, Scored
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.shortlist import Shortlist

_NOBODY = np.iinfo(np.int64).max


class Shortlists:
    """By person; of each opening who holds it, and by row of the people the score from which on an opening would enter
    (in millionths): so of all people only those are looked at whose list becomes another."""

    def __init__(self, people: Rows[PersonFacts]) -> None:
        self._people = people
        self._lists: dict[str, Shortlist] = {}
        self._holders: dict[str, set[str]] = {}
        self._enters: NDArray[np.int64] = np.full(0, _NOBODY)

    def get(self, person: str) -> Shortlist | None:
        """The list of this person."""
        return self._lists.get(person)

    def set(self, person: str, shortlist: Shortlist) -> None:
        """Another list in place of what there was; the person is held."""
        self.remove(person)
        self._lists[person] = shortlist
        for opening, _ in shortlist.entries():
            self._holders.setdefault(opening, set()).add(person)
        self._note(person, shortlist)

    def remove(self, person: str) -> None:
        """Forget the list of somebody who is held; call it before they go."""
        shortlist = self._lists.pop(person, None)
        if shortlist is not None:
            for opening, _ in shortlist.entries():
                self._let_go(opening, person)
            self._note(person, None)

    def clear(self) -> None:
        """Forget all."""
        self._lists.clear()
        self._holders.clear()
        self._enters[:] = _NOBODY

    def put(self, person: str, opening: str, score: float | None) -> bool:
        """An opening was assessed for somebody with a list; whether that changed it."""
        shortlist = self._lists[person]
        cutoff = shortlist.cutoff
        if not shortlist.put(opening, score):
            return False
        if opening in shortlist:
            self._holders.setdefault(opening, set()).add(person)
        else:
            self._let_go(opening, person)
        if shortlist.cutoff is not None and shortlist.cutoff is not cutoff:
            self._let_go(shortlist.cutoff[1], person)
            self._note(person, shortlist)
        return True

    def drop(self, opening: str) -> list[str]:
        """An opening is gone; on whose list it was."""
        people = sorted(self._holders.pop(opening, ()))
        for person in people:
            self._lists[person].drop(opening)
        return people

    def holders(self, opening: str) -> frozenset[str]:
        """On whose list this opening is."""
        return frozenset(self._holders.get(opening, ()))

    def enters(self, people: Rowset) -> NDArray[np.int64]:
        """From which score on, in millionths, an opening would enter the lists of these people, by row."""
        self._make_room()
        return self._enters[people]

    def entered(self, scored: Scored) -> list[tuple[int, float]]:
        """Of people with their scores for one opening those whose list it may enter."""
        kept = scored.scores >= self.enters(scored.rows)
        return list(zip(scored.rows[kept].tolist(), (scored.scores[kept] / UNIT).tolist(), strict=True))

    def _note(self, person: str, shortlist: Shortlist | None) -> None:
        self._make_room()
        row = self._people[person].row
        if shortlist is None:
            self._enters[row] = _NOBODY
        else:
            self._enters[row] = 0 if shortlist.cutoff is None else round(-shortlist.cutoff[0] * UNIT)

    def _make_room(self) -> None:
        if (room := len(self._people.taken) - len(self._enters)) > 0:
            self._enters = np.concatenate((self._enters, np.full(room, _NOBODY)))

    def _let_go(self, opening: str, person: str) -> None:
        holders = self._holders.get(opening)
        if holders is not None:
            holders.discard(person)
            if not holders:
                del self._holders[opening]
