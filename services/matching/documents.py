"""What this service stores, as typed documents: the one place where field names stand and where models become BSON and
back."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Final, Self

from services.matching.domain.match_index import Revisions
from services.matching.domain.visibility import is_matched
from shared.events import Event
from shared.events.topics.matches import Match
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.kit.store.mongo import Document
from shared.kit.store.unit_of_work import Need, UnitOfWork

PEOPLE, OPPORTUNITIES, MATCHES, AUDIT = "people", "opportunities", "matches", "audit"
LISTS, CANDIDATES, PROGRESS, PURGED, PRICES = "lists", "candidates", "progress", "purged", "congestion"
ROUNDS = "rounds"  # their documents: rounds/documents.py
SNAPSHOT: Final = "opening_chunks"
ASSESSED: Final = "assessed"
PARTS: Final = "0123456789abcdef"  # of a table of congestion: by how the ids of the openings begin
WITHDRAWN: Final = "withdrawn"
WHO: Final = ("person", "status", "owner", "consents")  # of a person's state: whether they take part and agreed to it
_OF_CONSENT: Final = ("purpose", "recipient", "until")


class Stored(ABC):
    """A document of one collection. Knows how it is written and read back, and nothing else."""

    collection: ClassVar[str]

    @classmethod
    @abstractmethod
    def from_document(cls, document: Document) -> Self:
        """Read it back."""

    @abstractmethod
    def to_document(self) -> Document:
        """As MongoDB keeps it."""

    @classmethod
    def need(cls, id: str) -> Need:
        """What has to be loaded before `find`."""
        return Need.by_id(cls.collection, id)

    @classmethod
    def find(cls, work: UnitOfWork, id: str) -> Self | None:
        """The one with this id."""
        document = work.get(cls.collection, id)
        return None if document is None else cls.from_document(document)

    def save(self, work: UnitOfWork) -> None:
        """Write it whole."""
        work.save(self.collection, self.to_document())


@dataclass(frozen=True, slots=True)
class Cause:
    """What an emitted event hands on from the event that caused it."""

    correlationid: str
    causationid: str | None = None
    recordedtime: datetime | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, event: Event[Any]) -> Cause:
        """The cause is an event."""
        return cls(event.correlationid or event.id, event.id, event.recordedtime, event.traceparent)

    def to_document(self) -> Document:
        """As a part of another document."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class StoredPerson(Stored):
    """A person's state. ``revision`` counts all changes of people and openings here; ``cause``: the event that this
    state came with; ``told_from``: what matches were told by before this revision of theirs is not named any more, for
    in between the person might not be matched. The model is validated only when somebody asks for it."""

    collection: ClassVar[str] = PEOPLE
    id: str
    sequence: int
    revision: int
    aliases: tuple[str, ...]
    cause: Cause
    state: Document
    told_from: int = 0

    @classmethod
    def of(cls, event: Event[Person], revision: int, told_from: int = 0) -> StoredPerson:
        """The state that an event carries."""
        person = event.data
        aliases = tuple(alias_key(one.agency, one.alias) for one in person.aliases)
        return cls(person.person, event.sequence or 0, revision, aliases, Cause.of(event), _json(person), told_from)

    def is_matched(self, today: date) -> bool:
        """Whether this person may be matched on this day (`visibility.is_matched`), from as much of the state as says
        so: readable in whatever else another version wrote into it."""
        return is_matched(self.who, today)

    @property
    def who(self) -> Person:
        """Whether they take part and what they agreed to; nothing else about them."""
        return who_of(self.state)

    @property
    def person(self) -> Person:
        """The state as the contract's model."""
        return Person.model_validate(self.state, strict=False)

    @classmethod
    def from_document(cls, document: Document) -> StoredPerson:
        """Read it back."""
        return cls(
            document["_id"], document["sequence"], document["revision"], tuple(document["aliases"]),
            Cause(**document["cause"]), document["state"],
            document.get("told_from", 0),  # not in a document of before it was kept
        )  # fmt: skip

    def to_document(self) -> Document:
        """``aliases`` are ``agency/alias``, to find a person by the name that one agency knows."""
        return {
            "_id": self.id,
            "sequence": self.sequence,
            "revision": self.revision,
            "aliases": list(self.aliases),
            "cause": self.cause.to_document(),
            "state": self.state,
            "told_from": self.told_from,
        }


def who_of(state: Document) -> Person:
    """Of a person's stored state whether they take part and what they agreed to."""
    consents = [{name: one[name] for name in _OF_CONSENT if name in one} for one in state.get("consents", ())]
    who = {name: state[name] for name in WHO if name != "consents"}
    return Person.model_validate({**who, "consents": consents}, strict=False)


def alias_key(agency: str, alias: str) -> str:
    """An alias as it is searched: with the one agency that may use it."""
    return f"{agency}/{alias}"


@dataclass(frozen=True, slots=True)
class StoredOpening(Stored):
    """An opportunity's state; ``last_day`` (None: open-ended) is the last one on which it takes people."""

    collection: ClassVar[str] = OPPORTUNITIES
    id: str
    sequence: int
    revision: int
    open: bool
    last_day: date | None
    cause: Cause
    state: Document

    @classmethod
    def of(cls, event: Event[Opportunity], revision: int, last_day: date | None) -> StoredOpening:
        """The state that an event carries."""
        data = event.data
        is_open = data.status == "open"
        return cls(
            data.opportunity, event.sequence or 0, revision, is_open, last_day, Cause.of(event), _json(data)
        )  # fmt: skip

    @property
    def opportunity(self) -> Opportunity:
        """The state as the contract's model."""
        return Opportunity.model_validate(self.state, strict=False)

    @classmethod
    def from_document(cls, document: Document) -> StoredOpening:
        """Read it back."""
        return cls(
            document["_id"], document["sequence"], document["revision"], document["open"],
            _day(document["last_day"]), Cause(**document["cause"]), document["state"],
        )  # fmt: skip

    def to_document(self) -> Document:
        """Days are text, so that they compare as days."""
        return {
            "_id": self.id,
            "sequence": self.sequence,
            "revision": self.revision,
            "open": self.open,
            "last_day": None if self.last_day is None else self.last_day.isoformat(),
            "cause": self.cause.to_document(),
            "state": self.state,
        }


@dataclass(frozen=True, slots=True)
class Telling:
    """One time that a match was told as standing: as which number of it, from which revisions, on which day, by which
    weights and which rules (`rules_digest`); what was said as its score and as a fingerprint; and, for the choice, the
    day of the table of congestion and how much score the opening gave way by in it."""

    sequence: int
    revisions: Revisions
    day: date
    model: str
    rules: str
    score: float
    content: str
    congestion: date | None = None
    gave_way_by: float = 0.0

    @classmethod
    def from_document(cls, document: Document) -> Telling:
        """Read it back."""
        return cls(
            document["sequence"], Revisions(*document["revisions"]), date.fromisoformat(document["day"]),
            document["model"], document["rules"], document["score"], document["content"],
            _day(document["congestion"]), document["gave_way_by"],
        )  # fmt: skip

    def to_document(self) -> Document:
        """As a part of the match's document."""
        return {
            "sequence": self.sequence,
            "revisions": list(self.revisions),
            "day": self.day.isoformat(),
            "model": self.model,
            "rules": self.rules,
            "score": self.score,
            "content": self.content,
            "congestion": None if self.congestion is None else self.congestion.isoformat(),
            "gave_way_by": self.gave_way_by,
        }


@dataclass(frozen=True, slots=True)
class StoredMatch(Stored):
    """A match as it was last published, by which event, from which revisions, chosen by the table of congestion of
    which day (None: by none), and how likely it is to be possible once all is known.

    The rank is left out: it shifts without an event and is worked out when read. ``content``: a fingerprint of what was
    said; None: withdrawn. ``told``: the last times that it was told as standing, the newest last; it may be left out
    where it is only read.
    """

    collection: ClassVar[str] = MATCHES
    match: Match
    sequence: int
    content: str | None
    revisions: Revisions | None
    event_type: str
    event_time: datetime
    cause: Cause
    congestion: date | None = None
    chance: float = 1.0
    told: tuple[Telling, ...] = ()

    @property
    def standing(self) -> bool:
        """Whether it was not withdrawn."""
        return self.content is not None

    @classmethod
    def from_document(cls, document: Document) -> StoredMatch:
        """Read it back."""
        revisions, event = document["revisions"], document["last_event"]
        return cls(
            Match.model_validate(document["match"], strict=False),
            document["sequence"],
            document["content"],
            None if revisions is None else Revisions(*revisions),
            event["type"],
            event["time"],
            Cause(**event["cause"]),
            _day(document["congestion"]),
            document.get("chance", 1.0),  # not in a document of before weights 9: it must not keep a matcher down
            tuple(map(Telling.from_document, document.get("told", ()))),
        )

    def to_document(self) -> Document:
        """With what queries select and sort by beside the match."""
        match = self.match.model_copy(update={"person_rank": None})
        return {
            "_id": match.match,
            "person": match.person,
            "opportunity": match.opportunity,
            "standing": self.standing,
            "sequence": self.sequence,
            "content": self.content,
            "revisions": None if self.revisions is None else list(self.revisions),
            "congestion": None if self.congestion is None else self.congestion.isoformat(),
            "chance": self.chance,
            "told": [one.to_document() for one in self.told],
            "score": match.score,
            "match": match.model_dump(mode="json", exclude_none=True),
            "last_event": {"type": self.event_type, "time": self.event_time, "cause": self.cause.to_document()},
        }


def fingerprint(match: Match) -> str:
    """What makes a match another one: everything but its rank and the day it was assessed on."""
    content = match.model_dump_json(exclude={"person_rank", "as_of"})
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def _json(model: Person | Opportunity) -> Document:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
