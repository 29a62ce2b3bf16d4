"""The agencies as every service keeps them: collection ``agencies``, one document per agency, the newest state wins."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from shared.events import Event
from shared.events.topics.agencies import AGENCIES as TOPIC
from shared.events.topics.agencies import AGENCY_CHANGED, AGENCY_REGISTERED, Agency
from shared.kit.base import metrics
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.stream import Stream

AGENCIES = "agencies"
__all__ = ["AGENCIES", "TOPIC", "agency_document", "follow_agencies", "held_agency", "took_effect"]


def agency_document(agency: Agency, sequence: int) -> dict[str, Any]:
    """What is stored: ``{"_id": agency, "sequence": n, "state": <Agency as JSON>}``."""
    state = agency.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"_id": agency.agency, "sequence": sequence, "state": state}


def held_agency(document: dict[str, Any]) -> Agency:
    """The agency back from its document."""
    return Agency.model_validate(document["state"], strict=False)


def follow_agencies(stream: Stream) -> None:
    """Register the handler that keeps this service's agencies as their events say."""

    @stream.subscriber(AGENCY_REGISTERED, AGENCY_CHANGED, needs=_the_agency)
    def agency_told(event: Event[Agency], work: UnitOfWork) -> None:
        held = work.get(AGENCIES, event.data.agency)
        sequence = event.sequence or 0
        if held is None or held["sequence"] < sequence:
            work.save(AGENCIES, agency_document(event.data, sequence))
            took_effect(work, event.recordedtime, "agency")


def took_effect(work: UnitOfWork, recordedtime: datetime | None, kind: str) -> None:
    """Measure, once this is committed, how long after intake accepted it a prohibition has its effect here. Of an
    agency every change is measured: its states do not say whether they forbid."""
    if recordedtime is None:
        return
    age, began, seconds = (work.now - recordedtime).total_seconds(), time.monotonic(), metrics.prohibition_seconds
    work.after_commit(lambda: seconds.of(kind=kind).observe(max(0.0, age + time.monotonic() - began)))


def _the_agency(event: Event[Any], work: UnitOfWork) -> Iterable[Need]:
    return [Need.by_id(AGENCIES, event.data.agency)]
