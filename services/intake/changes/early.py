"""What ends or forbids although its subject is not here: kept under the keyed hash of agency and reference, until the
subject comes or too much time has passed. Nothing else of it is kept, and nothing that another agency could ask for.

In the collection of references: `{"_id": hash, "early": {"ended", "by", "taken"}, "early_at": day}` in place of
`{"_id": hash, "thing": id}`; and for each agency and month how many were begun.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.intake.changes.effect import REFERENCES, Accepted, Effect
from shared.events.refusal import Refusal, Refused
from shared.kit.store.unit_of_work import Need, UnitOfWork

# Longer than any consent may last (the packs say at most 1,096 days): what a late original allows has ended by then.
EARLY_DAYS = 1_100
MOST_A_MONTH = 2_000  # begun by one agency


def counted(event: Accepted, work: UnitOfWork) -> Need:
    """What `remember` has to find loaded besides the reference."""
    return Need.by_id(REFERENCES, _counter(event, work.trusted))


def early_of(known: dict[str, Any] | None) -> dict[str, Any]:
    """What was said about a reference before its subject came."""
    return {} if known is None else known.get("early", {})


def remember(event: Accepted, index: str, early: dict[str, Any], work: UnitOfWork) -> Effect:
    """Refuse it, for nothing is registered there and a slip of the pen must not look like a success; and keep it.
    Raises Refused with the plain rule when this agency has no room left this month."""
    now = work.trusted
    saves = [(REFERENCES, {"_id": index, "early": early, "early_at": _day(now)})]
    if not early_of(work.get(REFERENCES, index)):
        counter = work.get(REFERENCES, _counter(event, now)) or {"_id": _counter(event, now), "begun": 0}
        if counter["begun"] >= MOST_A_MONTH:
            raise Refused(Refusal("unknown-reference", "/data/reference"))
        saves.append((REFERENCES, {**counter, "begun": counter["begun"] + 1, "early_at": _day(now)}))
    refusal = Refusal("unknown-reference-kept", "/data/reference", {"days": EARLY_DAYS})
    return Effect({}, saves=saves, refusals=(refusal,))


def _counter(event: Accepted, now: datetime) -> str:
    return f"{event.agency}/{now:%Y-%m}"  # never 64 hex digits


def _day(now: datetime) -> datetime:
    """No finer: what is kept about somebody who is not here needs no time of day."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
