"""What intake hears from the others: the later steps of an event's journey."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.intake.documents import STEPS, StepDocument
from shared.events import Event
from shared.events.topics.deliveries import (
    NOTICE_ACKNOWLEDGED,
    NOTICE_DELIVERED,
    NOTICE_FAILED,
    RECALL_ACKNOWLEDGED,
    Delivery,
)
from shared.events.topics.matches import MATCH_CHANGED, MATCH_FOUND, MATCH_WITHDRAWN, Match
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.stream import Stream


def make_stream() -> Stream:
    """The stream of matches and deliveries. A step is kept under its event's id, so a repeat changes nothing."""
    stream = Stream("intake", topics=("matches", "deliveries"))

    @stream.subscriber(MATCH_FOUND, MATCH_CHANGED, MATCH_WITHDRAWN, needs=_the_step)
    def on_match(event: Event[Match], work: UnitOfWork) -> None:
        if (step := _new_step(event, work)) is not None:
            STEPS.save(work, step)

    @stream.subscriber(NOTICE_DELIVERED, NOTICE_FAILED, NOTICE_ACKNOWLEDGED, RECALL_ACKNOWLEDGED, needs=_the_step)
    def on_delivery(event: Event[Delivery], work: UnitOfWork) -> None:
        if (step := _new_step(event, work)) is not None:
            told = event.data
            step["recipient"], step["channel"], step["about"] = told.recipient, told.channel, told.about
            STEPS.save(work, step)

    return stream


def _the_step(event: Event[Any], work: UnitOfWork) -> Iterable[Need]:
    return [STEPS.by_id(event.id)]


def _new_step(event: Event[Any], work: UnitOfWork) -> StepDocument | None:
    """The step that this event is; None when it is there already, or follows from nothing that came to the door."""
    if event.correlationid is None or STEPS.get(work, event.id) is not None:
        return None
    return StepDocument(
        _id=event.id, type=event.type, correlationid=event.correlationid, at=event.time, kept_since=work.trusted
    )
