"""What the service asks of a matching engine; a packed index can replace the plain one behind it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol

from services.matching.domain.assessment import Assessment
from services.matching.domain.matcher import Pair
from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts
from services.matching.domain.shortlist import Place, Shortlist

Slices = Generator[None, None, None]
"""Work in slices of a few milliseconds: it goes on at each `next`, and is done when it stops."""


class Revisions(NamedTuple):
    """Which change of the person and which of the opening a pair was assessed on, and on which terms."""

    person: int
    opening: int
    terms: str


@dataclass(slots=True)
class Turn:
    """What a new day ends: people whose consent is over, openings whose last day is. ``anew``: its terms are others, so
    that nobody's list is good any more."""

    people: list[str] = field(default_factory=list)
    openings: list[str] = field(default_factory=list)
    anew: bool = False


class ScoringCore(Protocol):
    """Keeps the matches of `matcher.matches_of` up to date, change by change, in slices.

    It is told only of what is committed, so nothing is undone. It holds people who take part and openings that take
    people, and of each person the best openings with a reserve. One scan at a time; while one is under way people may
    change, come and go, and openings may go, but none may come or change.
    """

    @property
    def today(self) -> date:
        """The day on which pairs are assessed."""

    @property
    def terms(self) -> str:
        """What of the day decides about pairs: as long as it is the same, every score is."""

    def set_day(self, today: date) -> Turn:
        """From now on this day, a later one. The caller drops what it ends, and scans everybody when it says so."""

    def people(self) -> Iterable[str]:
        """The ids of all people held."""

    def openings(self) -> int:
        """How many opportunities are held."""

    def holds(self, opening: str) -> bool:
        """Whether this opening is held."""

    def takes_part(self, person: str) -> bool:
        """Whether this person is held."""

    def person_revision(self, person: str) -> int | None:
        """Which change of the person is held; None when they are not."""

    def revisions(self, person: str, opening: str) -> Revisions | None:
        """On what this pair is assessed; None when one of the two is not held."""

    def hold_person(self, facts: PersonFacts, revision: int) -> bool:
        """A person is new or changed; whether they take part. Who does is to be scanned."""

    def drop_person(self, person: str) -> None:
        """Forget a person."""

    def scan_person(self, person: str) -> Slices:
        """Look at all openings for one person."""

    def hold_opening(self, facts: OpeningFacts, revision: int) -> bool:
        """An opening is new or changed; whether it takes people. What does is to be scanned at once."""

    def drop_opening(self, opening: str) -> list[str]:
        """Forget an opening; the people on whose list it was."""

    def scan_opening(self, opening: str, touched: list[str], best: list[Place]) -> Slices:
        """Look at all people for one opening: fills in whose list is another now, and who fits it best."""

    def known(self, person: str) -> bool:
        """Whether the best of this person are known; else a scan tells."""

    def best(self, person: str) -> list[str]:
        """The openings that stand as matches of this person, best first."""

    def admits(self, person: str, opening: str) -> bool:
        """Whether a pair may match at all, at or above the threshold, as both are now."""

    def explain(self, pair: Pair) -> Assessment:
        """Everything about a pair of two that are held. KeyError otherwise."""

    def list_of(self, person: str) -> tuple[int, Shortlist] | None:
        """The list of a person and the revision of the person that it is for."""

    def take_list(self, person: str, entries: Iterable[tuple[str, float]], floor: Place | None) -> None:
        """Put a kept list in place of a scan; entries that are not held are left out."""
