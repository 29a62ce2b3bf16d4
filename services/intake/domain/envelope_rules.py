"""What of an envelope goes on."""

from __future__ import annotations

import re

from shared.events.incoming import Incoming

_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def trace_for(event: Incoming, correlationid: str) -> str | None:
    """A trace of our own for an event that came with a sound one: the sender's digits could hold a phone number, so
    they end here. None: the sender does not trace."""
    if event.traceparent is None or not _TRACE.fullmatch(event.traceparent):
        return None
    return f"00-{correlationid}-{correlationid[:16]}-{event.traceparent[-2:]}"
