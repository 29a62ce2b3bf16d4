"""What told matches were made of, kept so that each can be worked out again (`recomputation.py`): the state of the
person and of the opening, one document for each revision that a match was told by, however many matches name it.

It is written in the transaction that tells. Of a person it goes in the transaction by which they may no longer be
matched (`forget_unless_matched`), at the latest when the consent ends under which it was told; all of it after
`KEEP_DAYS`. Names by which agencies know the person, and consents to anything but matching, are not in it: no rule of
a pair asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import ClassVar, Self

from pymongo import ASCENDING, IndexModel

from services.matching.documents import Stored, StoredOpening, StoredPerson
from services.matching.domain.visibility import MATCHING, is_matched
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import Need, UnitOfWork

PEOPLE_TOLD, OPENINGS_TOLD = "told_people", "told_openings"
KEEP_DAYS = 400  # as the tables of congestion are
MOST_REMEMBERED = 50_000  # documents of which this process knows that they are kept
_KEPT = IndexModel([("expires", ASCENDING)], expireAfterSeconds=0, name="kept_until")
INDEXES = {
    PEOPLE_TOLD: [_KEPT, IndexModel([("person", ASCENDING)], name="of_person")],
    OPENINGS_TOLD: [_KEPT],
}


def input_id(id: str, revision: int) -> str:
    """The id of what is kept of a person or an opening at this revision."""
    return f"{id}/{revision}"


@dataclass(frozen=True, slots=True)
class StoredInput(Stored):
    """What both kinds have in common. ``expires``: when the database deletes it."""

    id: str
    expires: datetime
    state: Document

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Read it back."""
        return cls(document["_id"], document["expires"], document["state"])

    def to_document(self) -> Document:
        """As it is found by the revision."""
        return {"_id": self.id, "expires": self.expires, "state": self.state}


@dataclass(frozen=True, slots=True)
class StoredPersonInput(StoredInput):
    """A person as the rules saw them."""

    collection: ClassVar[str] = PEOPLE_TOLD

    @classmethod
    def of(cls, stored: StoredPerson, expires: datetime) -> StoredPersonInput:
        """As they are stored now."""
        state = {name: value for name, value in stored.state.items() if name not in ("aliases", "owner")}
        state["consents"] = [one for one in stored.state.get("consents", ()) if one["purpose"] == MATCHING]
        return cls(input_id(stored.id, stored.revision), expires, state)

    @property
    def person(self) -> Person:
        """The state as the contract's model; whose person it is nobody asks here."""
        return Person.model_validate({**self.state, "owner": "nobody"}, strict=False)

    def to_document(self) -> Document:
        """With whose it is, for `forget_unless_matched`."""
        return {**StoredInput.to_document(self), "person": self.state["person"]}


@dataclass(frozen=True, slots=True)
class StoredOpeningInput(StoredInput):
    """An opening as the rules saw it."""

    collection: ClassVar[str] = OPENINGS_TOLD

    @classmethod
    def of(cls, stored: StoredOpening, expires: datetime) -> StoredOpeningInput:
        """As it is stored now."""
        return cls(input_id(stored.id, stored.revision), expires, stored.state)

    @property
    def opportunity(self) -> Opportunity:
        """The state as the contract's model."""
        return Opportunity.model_validate(self.state, strict=False)


class ToldInputs:
    """Keeps what a match is told by. A document that this process has written already is not written again, so a flood
    of matches of few people and openings costs few documents."""

    def __init__(self) -> None:
        self._kept: dict[str, None] = {}  # in the order in which they came

    def keep(self, person: StoredPerson, opening: StoredOpening, consent_until: date, work: UnitOfWork) -> None:
        """Keep both, in this transaction."""
        longest = work.trusted + timedelta(days=KEEP_DAYS)
        if (id := input_id(person.id, person.revision)) not in self._kept:
            StoredPersonInput.of(person, min(longest, _after(consent_until, work))).save(work)
            work.after_commit(partial(self._note, id))
        if (id := input_id(opening.id, opening.revision)) not in self._kept:
            StoredOpeningInput.of(opening, longest).save(work)
            work.after_commit(partial(self._note, id))

    def _note(self, id: str) -> None:
        self._kept[id] = None
        if len(self._kept) > MOST_REMEMBERED:
            del self._kept[next(iter(self._kept))]


def _after(day: date, work: UnitOfWork) -> datetime:
    """When a day is over, by the clock by which the database deletes (a calendar that was moved moves that not)."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime.combine(day + timedelta(days=1), time.min, UTC) - (work.now - work.trusted)


def needs_to_forget(person: Person) -> Iterable[Need]:
    """What has to be loaded before `forget_unless_matched`."""
    return () if _is_matched(person) else [Need(PEOPLE_TOLD, "person", person.person)]


def forget_unless_matched(person: Person, work: UnitOfWork) -> None:
    """Nothing stays of whoever left, or has no consent to matching. (One whose last day is over says itself when what
    was kept under it goes.)"""
    if not _is_matched(person):
        for document in work.find(PEOPLE_TOLD, "person", person.person):
            work.delete(PEOPLE_TOLD, document["_id"])


def _is_matched(person: Person) -> bool:
    return is_matched(person, date.min)
