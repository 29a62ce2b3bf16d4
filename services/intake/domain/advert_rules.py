"""From an agency's advert to the opportunity on the bus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.events.topics.opportunities import Opportunity


def opened(opportunity: str, owner: str, advert: Mapping[str, Any]) -> Opportunity:
    """An opportunity that is open as advertised."""
    return Opportunity(opportunity=opportunity, owner=owner, status="open", **advert)


def closed(opportunity: Opportunity) -> Opportunity:
    """The same, no longer open."""
    return opportunity.model_copy(update={"status": "closed"})
