"""What the door says when it fails itself: for one event alone, with an id to quote, and never without a trace."""

from __future__ import annotations

from services.intake.answers import Receipt, failing
from shared.kit.base import metrics
from shared.kit.base.ids import random_id
from shared.kit.base.logs import logger
from shared.reference import Pack

_log = logger("door")


def failed(id: str | None, source: str | None, type: str | None, agency: str, error: Exception, pack: Pack) -> Receipt:
    """The receipt of an event that met a fault of ours: nothing of it was kept, the same may be sent again.

    The incident's id stands in the answer and in the log line, beside class and place of the fault; counted as a
    refusal with the reason `failed-here`. Nothing else of the event is written anywhere.
    """
    incident = random_id()
    metrics.events_refused.of(reason="failed-here").inc()
    _log.error("event_failed", event_id=incident, agency=agency, type=type, exc_info=error)
    return Receipt(id=id, source=source, type=type, status="failed", problem=failing(incident, pack))
