"""Topic ``deliveries`` (key: delivery): what became of each notice and recall, told by notifications."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.events.data_classification import PSEUDONYMOUS, PUBLIC, Model
from shared.events.field_types import Id, Slug
from shared.events.registry import EventType, Topic, register

DELIVERIES = register(Topic(name="deliveries", key="delivery", written_by="notifications"))


class Delivery(Model):
    """One notice or recall to one recipient. ``reason`` is why it failed for good: a rule, never a partner's words."""

    delivery: Annotated[Id, PSEUDONYMOUS]
    recipient: Annotated[Slug, PUBLIC]
    channel: Annotated[Slug, PUBLIC]
    about: Annotated[Literal["notice", "recall"], PUBLIC]
    person: Annotated[Id, PSEUDONYMOUS]
    opportunity: Annotated[Id | None, PUBLIC] = None
    attempts: Annotated[int, PUBLIC, Field(ge=0)] = 0
    reason: Annotated[Slug | None, PUBLIC] = None


_EXAMPLE = {
    "delivery": "4f" * 16,
    "recipient": "gjf",
    "channel": "webhook",
    "about": "notice",
    "person": "0f" * 16,
    "opportunity": "1c" * 16,
    "attempts": 1,
}


def _delivery_event(name: str, summary: str, **changes: object) -> EventType:
    return register(
        EventType(
            name=name, version=1, topic=DELIVERIES, summary=summary, bus=Delivery, example={**_EXAMPLE, **changes}
        )
    )


NOTICE_DELIVERED = _delivery_event("notice-delivered", "The partner's system has taken it.")
NOTICE_FAILED = _delivery_event("notice-failed", "It could not be delivered and is not tried again.", reason="gone")
NOTICE_ACKNOWLEDGED = _delivery_event("notice-acknowledged", "The partner says it has dealt with it.")
RECALL_ACKNOWLEDGED = _delivery_event(
    "recall-acknowledged", "The partner says it has forgotten the person.", about="recall", opportunity=None
)
