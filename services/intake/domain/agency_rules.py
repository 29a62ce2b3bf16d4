"""What an agency may say."""

from __future__ import annotations

from shared.events.topics.agencies import Agency


def may_emit(agency: Agency, event_type: str) -> bool:
    """Events about agencies belong to administrators; every other type needs the right of that name."""
    if event_type.startswith("agency-"):
        return agency.rights.administers
    return event_type in agency.rights.emits
