"""What became of a delivery, told on `deliveries` in the same transaction as the state it tells of."""

from __future__ import annotations

from services.notifications import metrics
from services.notifications.documents import OutcomeFields
from services.notifications.mappers import Causation
from shared.events import Event, EventType
from shared.events.topics.deliveries import (
    NOTICE_ACKNOWLEDGED,
    NOTICE_DELIVERED,
    NOTICE_FAILED,
    RECALL_ACKNOWLEDGED,
    Delivery,
)
from shared.kit.base.ids import Ids
from shared.kit.base.logs import logger
from shared.kit.store.unit_of_work import UnitOfWork

SOURCE = "/services/notifications"
CALL_THEM = "Call this partner: it may still hold somebody it must forget. GET /deliveries with its key says which."
NOTHING_LEFT = "nothing-left"  # of a recall: what it recalls turned out never to have left us
_log = logger("recalls")


class Outcomes:
    """Emits outcome events. Ids follow from the delivery and what happened, so that a repeat is the same event."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def delivered(self, work: UnitOfWork, delivery: OutcomeFields) -> None:
        """The partner's system has taken it."""
        self._tell(work, delivery, NOTICE_DELIVERED, None)
        self._count(work, delivery["channel"], "delivered")

    def failed(self, work: UnitOfWork, delivery: OutcomeFields, reason: str) -> None:
        """It is not tried again: refused for good, schedule used up, superseded, no longer allowed, unsubscribed.

        A recall among them is counted as one that reaches nobody too, and the log names whom to call: the partner may
        still hold the person, and one recall among many notices would not be seen.
        """
        self._tell(work, delivery, NOTICE_FAILED, reason)
        self._count(work, delivery["channel"], reason)
        if delivery["about"] == "recall" and reason != NOTHING_LEFT:
            self._count(work, "none", "recall-given-up")
            told = {"recipient": delivery["recipient"], "channel": delivery["channel"], "reason": reason}
            work.after_commit(lambda: _log.error("recall_given_up", remedy=CALL_THEM, **told))

    def acknowledged(self, work: UnitOfWork, delivery: OutcomeFields) -> None:
        """The partner says it has dealt with it."""
        told = RECALL_ACKNOWLEDGED if delivery["about"] == "recall" else NOTICE_ACKNOWLEDGED
        self._tell(work, delivery, told, None)
        self._count(work, delivery["channel"], "acknowledged")

    def unreachable(self, work: UnitOfWork, recall: str, recipient: str, person: str, cause: Causation) -> None:
        """A recall that no subscription can bring: somebody has to call this partner."""
        self._tell(
            work,
            {
                "_id": self._ids.derived("unreachable", recall),
                "recipient": recipient,
                "channel": "none",
                "about": "recall",
                "person": person,
                "opportunity": None,
                "attempts": 0,
                "outcome_sequence": 0,
                "cause": cause.fields(),
            },
            NOTICE_FAILED,
            "no-subscription",
        )
        self._count(work, "none", "no-subscription")
        work.after_commit(lambda: _log.error("recall_without_subscription", recipient=recipient, remedy=CALL_THEM))

    def _tell(self, work: UnitOfWork, delivery: OutcomeFields, event_type: EventType, reason: str | None) -> None:
        delivery["outcome_sequence"] += 1
        work.emit(
            Event(
                id=self._ids.derived(event_type.name, delivery["_id"], delivery["outcome_sequence"]),
                source=SOURCE,
                type=event_type.name,
                version=event_type.version,
                time=work.now,
                key=delivery["_id"],
                sequence=delivery["outcome_sequence"],
                correlationid=delivery["cause"]["correlationid"],
                causationid=delivery["cause"]["causationid"],
                recordedtime=delivery["cause"]["recordedtime"],
                data=Delivery(
                    delivery=delivery["_id"],
                    recipient=delivery["recipient"],
                    channel=delivery["channel"],
                    about=delivery["about"],
                    person=delivery["person"],
                    opportunity=delivery["opportunity"],
                    attempts=delivery["attempts"],
                    reason=reason,
                ),
            )
        )

    @staticmethod
    def _count(work: UnitOfWork, channel: str, outcome: str) -> None:
        work.after_commit(metrics.deliveries.of(channel=channel, outcome=outcome).inc)
