"""Tombstones: what ends or forbids although its subject is not here, kept under the keyed hash of agency and reference
until the subject comes or too much time has passed. Nothing else of it is kept, and nothing that another agency could
ask for."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.intake.agency_limits import counted, midnight
from services.intake.documents import REFERENCES, TALLIES, Reference
from services.intake.domain.sequence_ordering import Tombstone
from services.intake.event_handlers.effect import DoorEvent, Effect
from shared.events.refusal import Refusal, Refused
from shared.kit.store.unit_of_work import Need, UnitOfWork

# Longer than any consent may last (the packs say at most 1,096 days): what a late original allows has ended by then.
TOMBSTONE_DAYS = 1_100
MOST_A_MONTH = 2_000  # begun by one agency
_MONTH = timedelta(days=62)  # so long a month's tally is kept


def tally_of(event: DoorEvent, work: UnitOfWork) -> Need:
    """What `keep` has to find loaded besides the reference."""
    return TALLIES.by_id(_month(event, work.trusted))


def keep(event: DoorEvent, known: Reference, tombstone: Tombstone, work: UnitOfWork) -> Effect:
    """Refuse it, for nothing is registered there and a slip of the pen must not look like a success; and keep it.
    Raises Refused with the plain rule when this agency has no room left this month."""
    today = midnight(work.trusted)  # no finer: what is kept about somebody who is not here needs no time of day
    kept = Reference(known.id, tombstone=tombstone, until=today + timedelta(days=TOMBSTONE_DAYS))
    saves = [(REFERENCES, kept.document())]
    if known.until is None:
        tally = counted(_month(event, today), MOST_A_MONTH, today + _MONTH, work)
        if tally is None:
            raise Refused(Refusal("unknown-reference", "/data/reference"))
        saves.append((REFERENCES, dict(tally)))
    refusal = Refusal("unknown-reference-kept", "/data/reference", {"days": TOMBSTONE_DAYS})
    return Effect({}, saves=saves, refusals=(refusal,))


def _month(event: DoorEvent, now: datetime) -> str:
    return f"{event.agency}/{now:%Y-%m}"  # never 64 hex digits
