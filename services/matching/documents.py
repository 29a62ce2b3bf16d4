"""How this service keeps what it knows: plain documents, turned into the contract's models and back."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from shared.events import Event
from shared.events.topics.matches import Match
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person

PEOPLE, OPPORTUNITIES, MATCHES, AGENCIES, AUDIT = "people", "opportunities", "matches", "agencies", "audit"
FORGOTTEN = "forgotten"
WITHDRAWN: Final = "withdrawn"
Document = dict[str, Any]


def person_document(event: Event[Person]) -> Document:
    """``aliases`` are ``agency/alias``, to find a person by the name one agency knows."""
    person = event.data
    return {
        "_id": person.person,
        "sequence": event.sequence or 0,
        "aliases": [alias_key(one.agency, one.alias) for one in person.aliases],
        "state": person.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def alias_key(agency: str, alias: str) -> str:
    """An alias as it is searched: with the one agency that may use it."""
    return f"{agency}/{alias}"


def opportunity_document(event: Event[Opportunity]) -> Document:
    """The whole state under its id."""
    state = event.data.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"_id": event.data.opportunity, "sequence": event.sequence or 0, "state": state}


def match_document(match: Match, sequence: int, content: str | None) -> Document:
    """A match as it was last told, ``content`` is its fingerprint (None: withdrawn). Ranks are left out: they shift
    without an event and are worked out when read. The service adds `last`: how it was told, to tell it again."""
    told = match.model_copy(update={"person_rank": None})
    return {
        "_id": match.match,
        "person": match.person,
        "opportunity": match.opportunity,
        "standing": content is not None,
        "sequence": sequence,
        "fingerprint": content,
        "match": told.model_dump(mode="json", exclude_none=True),
    }


def fingerprint(match: Match) -> str:
    """What makes a match another one: everything but ranks and the day it was assessed on."""
    content = match.model_dump_json(exclude={"person_rank", "as_of"})
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def held_person(document: Document) -> Person:
    """The person back from the document."""
    return Person.model_validate(document["state"], strict=False)


def held_opportunity(document: Document) -> Opportunity:
    """The opportunity back from the document."""
    return Opportunity.model_validate(document["state"], strict=False)


def held_match(document: Document) -> Match:
    """The match back from the document, without ranks."""
    return Match.model_validate(document["match"], strict=False)
