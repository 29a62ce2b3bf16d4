"""The agencies as every service keeps them: collection ``agencies``, one document per agency, the newest state wins.
And which of them may receive anything about a person."""

from __future__ import annotations

from typing import Any

from shared.events.topics.agencies import RECEIVING_CLASSES, Agency

AGENCIES = "agencies"


def agency_document(agency: Agency, sequence: int) -> dict[str, Any]:
    """What is stored: ``{"_id": agency, "sequence": n, "state": <Agency as JSON>}``."""
    state = agency.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"_id": agency.agency, "sequence": sequence, "state": state}


def held_agency(document: dict[str, Any]) -> Agency:
    """The agency back from its document."""
    return Agency.model_validate(document["state"], strict=False)


def may_receive(recipient_class: str, right: bool) -> bool:
    """Whether an agency of this class, with or without the right, may receive anything about a person."""
    return right and recipient_class in RECEIVING_CLASSES
