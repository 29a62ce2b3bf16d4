"""What the service asks of a matching engine; a packed index can replace the plain one behind it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Protocol

from services.matching.domain.assessment import Assessment
from services.matching.domain.matcher import Pair, Standing
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person


class ScoringCore(Protocol):
    """Keeps the matches of `matcher.matches_of` up to date, change by change.

    Every change returns the pairs whose match may now be another: those that came, those that went, and the kept ones
    of the changed side. Whoever keeps matches compares and tells. It is a view of the kit's store (mark, undo,
    committed, aborted): what is not committed can be taken back.
    """

    @property
    def today(self) -> date:
        """The day on which pairs are assessed."""

    def set_day(self, today: date) -> None:
        """From now on assess on this day, a later one; `reassess` every person then, and `drop_ended`."""

    def people(self) -> Iterable[str]:
        """The ids of all people held."""

    def put_person(self, person: Person) -> set[Pair]:
        """A person is new or changed (whatever the state: the rules decide)."""

    def drop_person(self, person: str) -> set[Pair]:
        """Forget a person; nothing when not held."""

    def reassess(self, person: str) -> set[Pair]:
        """Assess a person again, on the day that is set; nothing when not held."""

    def put_opportunity(self, opportunity: Opportunity) -> set[Pair]:
        """An opportunity is new or changed."""

    def drop_opportunity(self, opportunity: str) -> set[Pair]:
        """Forget an opportunity; nothing when not held."""

    def drop_ended(self) -> set[Pair]:
        """Forget every opportunity whose last day is over."""

    def openings(self) -> int:
        """How many opportunities are held."""

    def standing(self, pair: Pair) -> Standing | None:
        """The match of a pair as it is kept now; None when it is not kept."""

    def kept(self) -> Iterable[Pair]:
        """All pairs that are kept now."""

    def explain(self, pair: Pair) -> Assessment:
        """Everything about a pair of two that are held. KeyError otherwise."""

    def mark(self) -> object:
        """A point to go back to."""

    def undo(self, mark: object) -> None:
        """Take back everything since the mark."""

    def committed(self) -> None:
        """What was done is now true."""

    def aborted(self) -> None:
        """Nothing since the last commit is true."""
