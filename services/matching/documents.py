"""How this service keeps what it knows: plain documents, turned into the contract's models and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from services.matching.domain.core import Revisions
from services.matching.domain.shortlist import Place, Shortlist
from shared.events import Event
from shared.events.topics.matches import Match
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person

PEOPLE, OPPORTUNITIES, MATCHES, AGENCIES, AUDIT = "people", "opportunities", "matches", "agencies", "audit"
FORGOTTEN, LISTS, CANDIDATES, PROGRESS = "forgotten", "lists", "candidates", "progress"
WITHDRAWN: Final = "withdrawn"
ASSESSED: Final = "assessed"
Document = dict[str, Any]


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


def person_document(event: Event[Person], revision: int) -> Document:
    """``aliases`` are ``agency/alias``, to find a person by the name one agency knows. ``revision`` counts all changes
    of people and openings here; ``cause``: the event that this state came with."""
    person = event.data
    return {
        "_id": person.person,
        "sequence": event.sequence or 0,
        "revision": revision,
        "aliases": [alias_key(one.agency, one.alias) for one in person.aliases],
        "cause": asdict(Cause.of(event)),
        "state": person.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def alias_key(agency: str, alias: str) -> str:
    """An alias as it is searched: with the one agency that may use it."""
    return f"{agency}/{alias}"


def opportunity_document(event: Event[Opportunity], revision: int, last_day: str | None) -> Document:
    """The whole state under its id; ``open`` and ``last_day`` (None: open-ended) say whether it takes people."""
    return {
        "_id": event.data.opportunity,
        "sequence": event.sequence or 0,
        "revision": revision,
        "open": event.data.status == "open",
        "last_day": last_day,
        "cause": asdict(Cause.of(event)),
        "state": event.data.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def match_document(match: Match, sequence: int, content: str | None, revisions: Revisions | None) -> Document:
    """A match as it was last told, ``content`` is its fingerprint (None: withdrawn), ``of`` on what it was assessed.
    The rank is left out: it shifts without an event and is worked out when read. The service adds `last`: how it was
    told, to tell it again."""
    told = match.model_copy(update={"person_rank": None})
    return {
        "_id": match.match,
        "person": match.person,
        "opportunity": match.opportunity,
        "standing": content is not None,
        "sequence": sequence,
        "fingerprint": content,
        "of": None if revisions is None else list(revisions),
        "score": match.score,
        "match": told.model_dump(mode="json", exclude_none=True),
    }


def fingerprint(match: Match) -> str:
    """What makes a match another one: everything but its rank and the day it was assessed on."""
    content = match.model_dump_json(exclude={"person_rank", "as_of"})
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def list_document(person: str, revision: int, found: Shortlist, done: int, rules: str) -> Document:
    """A person's list: of this revision of the person, by these rules and terms, with every change of an opening up to
    ``done``. So whoever loads it knows what is missing in it, and whether it is any good at all."""
    entries = list(found.entries())
    return {
        "_id": person,
        "person_revision": revision,
        "done": done,
        "rules": rules,
        "openings": [id for id, _ in entries],
        "scores": [score for _, score in entries],
        "floor": None if found.floor is None else list(found.floor),
    }


def list_entries(document: Document) -> tuple[Iterable[tuple[str, float]], Place | None]:
    """What a `Shortlist` is made of again."""
    floor = document["floor"]
    entries = zip(document["openings"], document["scores"], strict=True)
    return entries, None if floor is None else (floor[0], floor[1])


def held_person(document: Document) -> Person:
    """The person back from the document."""
    return Person.model_validate(document["state"], strict=False)


def held_opportunity(document: Document) -> Opportunity:
    """The opportunity back from the document."""
    return Opportunity.model_validate(document["state"], strict=False)


def held_match(document: Document) -> Match:
    """The match back from the document, without its rank."""
    return Match.model_validate(document["match"], strict=False)
