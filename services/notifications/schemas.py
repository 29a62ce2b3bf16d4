"""What partners send and are answered over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.notifications.documents import ChannelName, DeliveryDocument, SubscriptionDocument
from shared.events.fields import Id


class Schema(BaseModel):
    """No field but those that are named; a value that is refused is never repeated."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SubscriptionWanted(Schema):
    """``url`` for a webhook only."""

    channel: ChannelName
    url: Annotated[str, StringConstraints(min_length=8, max_length=500)] | None = None


class SubscriptionShown(Schema):
    """``state``: active, or disabled with the reason (the endpoint said 410 or asked to be disabled)."""

    subscription: str
    channel: ChannelName
    state: str
    reason: str | None = None
    url: str | None = None

    @classmethod
    def of(cls, document: SubscriptionDocument, url: str | None, **more: str | None) -> Self:
        """As it is stored, and its URL opened."""
        return cls(
            subscription=document["_id"],
            channel=document["channel"],
            state=document["state"],
            reason=document["reason"],
            url=url,
            **more,
        )


class SubscriptionMade(SubscriptionShown):
    """With the webhook's secret, which is never shown again."""

    secret: str | None = None


class SubscriptionList(Schema):
    """All subscriptions of the caller."""

    subscriptions: list[SubscriptionShown]


class FeedPage(Schema):
    """``events``: structured CloudEvents of 1,024 bytes; ``cursor``: where to go on, and proof that these arrived."""

    events: list[dict[str, Any]]
    cursor: str


class Acknowledgements(Schema):
    """Notices and recalls (their ids) that the partner has dealt with."""

    notices: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Acknowledged(Schema):
    """Per notice ``acknowledged`` or ``unknown``; unknown, forbidden and erased look the same."""

    results: list[dict[str, str]]


class DeliveryShown(Schema):
    """One delivery of the caller; no person, no time of ours."""

    delivery: str
    notice: str
    alias: str
    channel: str
    about: str
    state: str
    attempts: int
    reason: str | None
    acknowledged: bool

    @classmethod
    def of(cls, document: DeliveryDocument) -> Self:
        """As it is stored."""
        return cls(
            delivery=document["_id"],
            notice=document["notice"],
            alias=document["alias"],
            channel=document["channel"],
            about=document["about"],
            state=document["state"],
            attempts=document["attempts"],
            reason=document["reason"],
            acknowledged=document["acknowledged"],
        )


class DeliveryPage(Schema):
    """``next``: give it as ``after`` for the next page; None at the end."""

    deliveries: list[DeliveryShown]
    next: str | None
