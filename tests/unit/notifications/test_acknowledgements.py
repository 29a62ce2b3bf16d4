"""A partner may acknowledge before we have written down that it was told: that counts like any other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.acknowledgements import Deliveries
from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.recovery.resend import Resend
from tests.unit.notifications.world import World, agency_of, hexid, match_of, person_of
from tests.unit.notifications.world_store import WorldStore

pytestmark = pytest.mark.unit


class OneNotice:
    """A notice that is due to the webhook of gjf."""

    def __init__(self) -> None:
        self.world = World()
        self.world.hear(self.world.event("agency-registered", agency_of("gjf"), "gjf", 1))
        self.world.subscribe("gjf", "webhook")
        self.world.hear(self.world.event("person-updated", person_of("a", ("gjf",)), hexid("person", "a"), 1))
        self.world.hear(self.world.event("match-found", match_of("a", "x"), hexid("match", "a", "x"), 1))
        over: Any = WorldStore(self.world)
        self._receipts = Deliveries(over, over, self.world.reconciler.queues, self.world.outcomes)

    @property
    def delivery(self) -> dict[str, Any]:
        (found,) = self.world.all(DELIVERIES)
        return found

    @property
    def outcomes(self) -> list[str]:
        return [
            dict(record.headers)["ce_type"].decode() for record in self.world.emitted if record.topic == "deliveries"
        ]

    async def acknowledge(self) -> list[str]:
        return await self._receipts.acknowledge("gjf", [self.delivery["notice"]])

    def after_attempt(self, held: Any) -> None:
        verdict = Verdict("delivered")
        self.world.perform(
            self.world.transitions.after_attempt(held, verdict, timedelta(0), 0.0, self.world.all(SUBSCRIPTIONS)[0])
        )


@pytest.fixture
def told() -> OneNotice:
    return OneNotice()


BOTH = ["notice-delivered", "notice-acknowledged"]


class TestAnAcknowledgement:
    async def test_that_is_faster_than_our_own_note_is_kept_and_told(self, told: OneNotice) -> None:
        held = told.world.claim(told.delivery["_id"])
        assert await told.acknowledge() == [held["notice"]]
        assert (told.delivery["state"], told.delivery["acknowledged"]) == ("delivered", True)
        told.after_attempt(held)
        assert told.outcomes == BOTH

    async def test_of_what_a_sender_sent_before_it_died_is_kept_and_told(self, told: OneNotice) -> None:
        told.world.attempt(told.delivery["_id"], dies=True)
        assert await told.acknowledge() == [told.delivery["notice"]]
        assert told.delivery["acknowledged"]
        assert told.outcomes == BOTH

    async def test_after_our_note_is_told_once_however_often_it_is_said(self, told: OneNotice) -> None:
        told.after_attempt(told.world.claim(told.delivery["_id"]))
        for _ in range(3):
            assert await told.acknowledge() == [told.delivery["notice"]]
        assert told.outcomes == BOTH

    async def test_that_was_faster_is_known_when_it_is_said_again(self, told: OneNotice) -> None:
        told.world.claim(told.delivery["_id"])
        await told.acknowledge()
        assert await told.acknowledge() == [told.delivery["notice"]]
        assert told.outcomes == BOTH

    async def test_of_what_has_not_left_us_is_unknown(self, told: OneNotice) -> None:
        assert await told.acknowledge() == []
        assert told.outcomes == []

    async def test_of_two_that_wait_for_each_other_in_order_is_written_down_at_once(self, told: OneNotice) -> None:
        (subscription,) = told.world.all(SUBSCRIPTIONS)
        told.world.store.put(SUBSCRIPTIONS.name, {**subscription, "order": "alias"})
        for opening in ("y", "z"):
            told.world.hear(told.world.event("match-found", match_of("a", opening), hexid("match", "a", opening), 1))
        told.world.deliver_all()
        both = told.world.all(DELIVERIES, ordered=True)
        over: Any = WorldStore(told.world)
        for each in both:  # as they are acknowledged: the first one's end is the second one's turn
            await Resend(over, over, told.world.reconciler.queues).resend("gjf", each["_id"])
        told.world.hear(told.world.event("match-found", match_of("a", "v"), hexid("match", "a", "v"), 1))
        notices = [each["notice"] for each in both]
        assert await told._receipts.acknowledge("gjf", notices) == notices
        assert [each["state"] for each in told.world.all(DELIVERIES, ordered=True, acknowledged=False)] == ["due"]
