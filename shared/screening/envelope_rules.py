"""Rules about who sends and when, besides the form that `shared.events.incoming` checks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from shared.events.incoming import Incoming
from shared.screening.findings import Findings

# A worker's number and role ("w-17/counsellor"). No spaces and nothing but ASCII, yet some names fit even so: it stays
# sealed in intake, the bus carries a keyed hash of it.
_ACTOR = re.compile(r"[A-Za-z0-9]+([-._:/][A-Za-z0-9]+)*", re.ASCII)
_CLOCKS_DIFFER = timedelta(days=1)
_LONGEST_AGO = timedelta(days=3_653)  # ten years: what happened before is a slip


def check_envelope(event: Incoming, findings: Findings, now: datetime) -> None:
    """The actor is opaque, and the event has happened (a day's grace for clocks that are wrong), not too long
    ago."""
    if event.actor is not None and (len(event.actor) > 80 or not _ACTOR.fullmatch(event.actor)):
        findings.add("actor-not-opaque", "/actor")
    if event.time > now + _CLOCKS_DIFFER:
        findings.add("date-in-future", "/time")
    elif event.time < now - _LONGEST_AGO:
        findings.add("date-too-far", "/time", days=_LONGEST_AGO.days)
