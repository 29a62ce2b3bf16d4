"""What is changed of a subscription answers only when nothing starts any more by what stood before."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.notifications.documents import DELIVERIES, SUBSCRIPTIONS
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.subscriptions.subscription_options import Wishes
from shared.kit.web.problems import Problem
from tests.support.waiting import eventually
from tests.unit.notifications.subscription_desk import OTHER, Desk

pytestmark = pytest.mark.unit


class TestAnAnswerMeansThatNothingIsSentByWhatStoodBefore:
    async def test_also_for_whoever_asks_while_the_first_is_waited_for(self) -> None:
        desk = Desk(timedelta(seconds=0.1))
        subscription = await desk.webhook()
        first = asyncio.create_task(desk.made.unsubscribe("gjf", subscription))
        await eventually(lambda: not desk.world.all(SUBSCRIPTIONS, _id=subscription))
        with pytest.raises(Problem):
            await desk.made.unsubscribe("gjf", subscription)
        assert first.done()

    async def test_what_waits_for_a_changed_address_is_due_before_that(self) -> None:
        """A caller that goes away, or a kill, while the answer waits leaves nothing behind."""
        desk = Desk(timedelta(minutes=10))
        desk.endpoints.says[OTHER] = Verdict("delivered")
        desk.made._nobody_believes = 0
        subscription = await desk.webhook()
        desk.made._nobody_believes = 600
        desk.world.resync()
        (waiting,) = desk.world.all(DELIVERIES, subscription=subscription)
        later = desk.world.now + timedelta(hours=24)
        desk.world.store.put(DELIVERIES.name, {**waiting, "due": later, "attempts": 9, "waits": "retry"})
        changing = asyncio.create_task(desk.made.change("gjf", subscription, Wishes(OTHER), {"url"}))
        await eventually(lambda: desk.made.target_of(desk.kept(subscription)) == OTHER and desk.due(subscription) > 0)
        changing.cancel()
