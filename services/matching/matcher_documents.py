"""What the matcher stores of its own work, as typed documents: lists, how far they know the openings, the table of
congestion, what was purged. Whoever loads them goes on where another one stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import ClassVar

from services.matching.documents import ASSESSED, CANDIDATES, LISTS, MATCHES, PRICES, PROGRESS, PURGED, Stored
from services.matching.domain.shortlists import RankKey, Shortlist
from shared.kit.store.mongo import Document


@dataclass(frozen=True, slots=True)
class StoredList(Stored):
    """A person's shortlist: of which revision of the person, by which rules, and with every change of an opening up to
    the revision ``assessed_through``. So whoever loads it knows what is missing in it, and whether it is valid."""

    collection: ClassVar[str] = LISTS
    person: str
    person_revision: int
    assessed_through: int
    rules: str
    entries: tuple[tuple[str, float], ...]
    cutoff: RankKey | None

    @classmethod
    def of(cls, person: str, revision: int, found: Shortlist, assessed_through: int, rules: str) -> StoredList:
        """A shortlist as it is now."""
        return cls(person, revision, assessed_through, rules, found.entries, found.cutoff)

    @classmethod
    def from_document(cls, document: Document) -> StoredList:
        """Read it back."""
        cutoff = document["cutoff"]
        return cls(
            document["_id"],
            document["person_revision"],
            document["assessed_through"],
            document["rules"],
            tuple(zip(document["openings"], document["scores"], strict=True)),
            None if cutoff is None else (cutoff[0], cutoff[1]),
        )

    def to_document(self) -> Document:
        """Openings and scores as two arrays: a fourth of the size."""
        return {
            "_id": self.person,
            "person_revision": self.person_revision,
            "assessed_through": self.assessed_through,
            "rules": self.rules,
            "openings": [id for id, _ in self.entries],
            "scores": [score for _, score in self.entries],
            "cutoff": None if self.cutoff is None else list(self.cutoff),
        }


@dataclass(frozen=True, slots=True)
class StoredCandidates(Stored):
    """Who fitted an opening best when it was last scanned."""

    collection: ClassVar[str] = CANDIDATES
    opening: str
    people: tuple[str, ...]

    @classmethod
    def from_document(cls, document: Document) -> StoredCandidates:
        """Read it back."""
        return cls(document["_id"], tuple(document["people"]))

    def to_document(self) -> Document:
        """One document per opening."""
        return {"_id": self.opening, "people": list(self.people)}


@dataclass(frozen=True, slots=True)
class StoredProgress(Stored):
    """Every stored list knows the openings up to this revision, as of this day; ``waiting``: what was not published."""

    collection: ClassVar[str] = PROGRESS
    assessed_through: int
    waiting: int
    day: date

    @classmethod
    def from_document(cls, document: Document) -> StoredProgress:
        """Read it back."""
        return cls(document["assessed_through"], document["waiting"], date.fromisoformat(document["day"]))

    def to_document(self) -> Document:
        """One document in all."""
        day = self.day.isoformat()
        return {"_id": ASSESSED, "assessed_through": self.assessed_through, "waiting": self.waiting, "day": day}


@dataclass(frozen=True, slots=True)
class StoredPrices(Stored):
    """A part of a day's table of congestion: by opening how much score it gives way by."""

    collection: ClassVar[str] = PRICES
    day: date
    part: str
    prices: Mapping[str, float]

    @classmethod
    def from_document(cls, document: Document) -> StoredPrices:
        """Read it back."""
        day, _, part = document["_id"].partition("/")
        return cls(date.fromisoformat(day), part, document["prices"])

    def to_document(self) -> Document:
        """``at``: from when it is counted how long it is kept."""
        at = datetime.combine(self.day, time.min, UTC)
        return {"_id": f"{self.day.isoformat()}/{self.part}", "at": at, "prices": dict(self.prices)}


@dataclass(frozen=True, slots=True)
class StoredTable(Stored):
    """Which day's table of congestion is in force."""

    collection: ClassVar[str] = PROGRESS
    day: date

    @classmethod
    def from_document(cls, document: Document) -> StoredTable:
        """Read it back."""
        return cls(date.fromisoformat(document["day"]))

    def to_document(self) -> Document:
        """One document in all, under the name of the collection it is about."""
        return {"_id": PRICES, "day": self.day.isoformat()}


@dataclass(frozen=True, slots=True)
class StoredPurge(Stored):
    """The highest sequence of all matches that were purged."""

    collection: ClassVar[str] = PURGED
    sequence: int

    @classmethod
    def from_document(cls, document: Document) -> StoredPurge:
        """Read it back."""
        return cls(document["sequence"])

    def to_document(self) -> Document:
        """One document in all, under the name of the collection it is about."""
        return {"_id": MATCHES, "sequence": self.sequence}
