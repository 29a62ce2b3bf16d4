"""What partners see of their deliveries, and of what is sent again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Self

from services.notifications.documents import (
    DUE,
    FAILED,
    FEED,
    SENDING,
    AttemptEntry,
    DeliveryDocument,
    RecoveryDocument,
    RecoveryKind,
    RecoveryState,
    SubscriptionDocument,
)
from services.notifications.domain.attempt_phase import OURS, Phase, phase_of
from services.notifications.mappers import attempts_made
from services.notifications.recovery.delivery_explanation import Because, because, next_attempt
from services.notifications.schemas import Schema
from shared.kit.web.json_types import MomentInBody

_TRIED = frozenset({DUE, SENDING, FAILED})  # their reason is what an attempt came to


class DeliveryShown(Schema):
    """One delivery of the caller; no person. ``created``: from when on it could have left us, none in a feed: when we
    learned of it would be the same moment for two partners. ``attempts``: in all, what was asked for again included.
    ``reason`` of an open one: what its last attempt came to."""

    delivery: str
    notice: str
    alias: str
    channel: str
    subscription: str
    about: str
    state: str
    because: Because
    created: datetime | None
    attempts: int
    reason: str | None
    phase: Phase | None
    next_attempt: datetime | None
    acknowledged: bool

    @classmethod
    def of(
        cls, document: DeliveryDocument, endpoint: SubscriptionDocument | None, now: datetime, **more: object
    ) -> Self:
        """As it is stored."""
        return cls.model_validate(
            {
                "delivery": document["_id"],
                "notice": document["notice"],
                "alias": document["alias"],
                "channel": document["channel"],
                "subscription": document["subscription"],
                "about": document["about"],
                "state": document["state"],
                "because": because(document, endpoint, now),
                "created": None if document["channel"] == FEED else document.get("since"),
                "attempts": max(document["attempts"], attempts_made(document)),
                "reason": document["reason"],
                "phase": phase_of(document["reason"]) if document["state"] in _TRIED else None,
                "next_attempt": next_attempt(document, endpoint),
                "acknowledged": document["acknowledged"],
                **more,
            }
        )


class DeliveryPage(Schema):
    """``next``: give it as ``after`` for the next page; None at the end. A page may hold fewer than asked for before
    the end: what is not allowed any more is not shown, and of one subscription 10,000 are looked through at a time."""

    deliveries: list[DeliveryShown]
    next: str | None

    @classmethod
    def of(
        cls,
        deliveries: Sequence[DeliveryDocument],
        endpoints: Mapping[str, SubscriptionDocument],
        now: datetime,
        next: str | None,
    ) -> Self:
        """As they are stored."""
        shown = [DeliveryShown.of(each, endpoints.get(each["subscription"]), now) for each in deliveries]
        return cls(deliveries=shown, next=next)


class AttemptShown(Schema):
    """One attempt: when it was written down, how it ended, how far it came. ``milliseconds`` only when a connection
    stood."""

    number: int
    at: datetime
    outcome: str
    reason: str | None
    phase: Phase | None
    milliseconds: int | None

    @classmethod
    def of(cls, document: AttemptEntry) -> Self:
        """As it is stored."""
        phase = phase_of(document["reason"])
        return cls(
            number=document["number"],
            at=document["at"],
            outcome=document["outcome"],
            reason=document["reason"],
            phase=phase,
            milliseconds=None if phase == "connect" or document["reason"] in OURS else document["milliseconds"],
        )


class DeliveryExplained(DeliveryShown):
    """With its last attempts, oldest first."""

    log: list[AttemptShown]


class RecoveryWanted(Schema):
    """``failed``: what was given up or waits for a retry. ``all``: everything that the subscription should hold,
    whether it has arrived or not. ``since``: only what ended after that."""

    what: RecoveryKind
    since: MomentInBody | None = None


class RecoveryShown(Schema):
    """``again``: how many were made due so far; ``passed_over``: out of date, or not allowed any more."""

    recovery: str
    subscription: str
    what: RecoveryKind
    since: datetime | None
    state: RecoveryState
    waits_for: Literal["endpoint"] | None
    again: int
    passed_over: int
    asked: datetime
    ended: datetime | None

    @classmethod
    def of(cls, document: RecoveryDocument, waits: bool) -> Self:
        """As it is stored."""
        return cls(
            recovery=document["recovery"],
            subscription=document["_id"],
            what=document["what"],
            since=document["since"],
            state=document["state"],
            waits_for="endpoint" if waits else None,
            again=document["again"],
            passed_over=document["passed_over"],
            asked=document["asked"],
            ended=document.get("ended"),
        )
