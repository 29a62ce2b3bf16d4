"""What intake hears from the others: the later steps of an event's journey."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.intake.repository import STEPS
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
    """The stream of matches and deliveries. A step is kept under its event's id, so a repeat changes nothing.

    A step holds what happened and when: no person, no alias, no match.
    """
    stream = Stream("intake", topics=("matches", "deliveries"))

    @stream.subscriber(MATCH_FOUND, MATCH_CHANGED, MATCH_WITHDRAWN, needs=_the_step)
    def match_told(event: Event[Match], work: UnitOfWork) -> None:
        _keep(event, work, {})

    @stream.subscriber(NOTICE_DELIVERED, NOTICE_FAILED, NOTICE_ACKNOWLEDGED, RECALL_ACKNOWLEDGED, needs=_the_step)
    def delivery_told(event: Event[Delivery], work: UnitOfWork) -> None:
        told = event.data
        _keep(event, work, {"recipient": told.recipient, "channel": told.channel, "about": told.about})

    return stream


def _the_step(event: Event[Any], work: UnitOfWork) -> Iterable[Need]:
    return [Need.by_id(STEPS, event.id)]


def _keep(event: Event[Any], work: UnitOfWork, told: dict[str, str]) -> None:
    if event.correlationid is not None and work.get(STEPS, event.id) is None:
        step = {"_id": event.id, "type": event.type, "correlationid": event.correlationid, "at": event.time}
        work.save(STEPS, {**step, **told})
