"""Is somebody there who wants our webhooks? Asked before the first event goes to an address.

First the handshake of the CloudEvents HTTP webhook specification (``OPTIONS``); who does not know it is sent a signed
test event and has to take it with a 2xx, which also shows that the secret is installed where signatures are verified.
A 2xx with a page for people is no yes: whatever stands before a system answers so, to anything.
Whoever asks for it makes us call an address whose owner has not said yes: so only so often for each agency, whatever
the subscription, and counted before we call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from services.notifications.channel import Channel, PushChannel
from services.notifications.channels.webhook_response import DISABLED
from services.notifications.documents import RECIPIENTS, SubscriptionDocument
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.notice_envelope import cloudevent, encode, month_of
from services.notifications.subscriptions import problems
from shared.events.notices import EndpointTest
from shared.kit.base.clock import Clock
from shared.kit.base.ids import random_id
from shared.kit.store.store import Operation, Store
from shared.kit.store.unit_of_work import Need, UnitOfWork


class EndpointCheck:
    """One request or two, each bounded like an attempt. Nothing of them is kept but when they were."""

    def __init__(self, store: Store, channels: Mapping[str, Channel], clock: Clock) -> None:
        self._store = store
        self._channels = channels
        self._clock = clock

    async def check(self, endpoint: SubscriptionDocument) -> Verdict:
        """``delivered``: it may be told. A channel to which the partner comes needs no check. Raises 429."""
        channel = self._channels[endpoint["channel"]]
        if not isinstance(channel, PushChannel):
            return Verdict("delivered")
        await self._store.submit(self._asked_once_more(endpoint["agency"], channel))
        if await channel.permitted(endpoint):
            return Verdict("delivered")
        return _as_consent(await self._send_test(channel, endpoint))

    async def test(self, endpoint: SubscriptionDocument) -> Verdict:
        """A test event, signed and with all headers like any other. It is about nobody and in no list. Raises 429."""
        channel = self._channels[endpoint["channel"]]
        if not isinstance(channel, PushChannel):
            return Verdict("delivered")
        await self._store.submit(self._asked_once_more(endpoint["agency"], channel))
        return await self._send_test(channel, endpoint)

    async def _send_test(self, channel: PushChannel, endpoint: SubscriptionDocument) -> Verdict:
        notice, now = random_id(), self._clock.calendar()
        body = encode(cloudevent(EndpointTest(notice=notice, month=month_of(now))))
        return await channel.send(endpoint, notice, body, now)

    @staticmethod
    def _asked_once_more(agency: str, channel: PushChannel) -> Operation[None]:
        most, within = channel.most_asked

        def needs(work: UnitOfWork) -> Iterator[Need]:
            yield RECIPIENTS.by_id(agency)

        def do(work: UnitOfWork) -> None:
            recipient = RECIPIENTS.get(work, agency) or {"_id": agency, "position": 0}
            asked = recipient.setdefault("asked", {})
            recent: list[datetime] = [at for at in asked.get(channel.name, []) if abs(work.now - at) < within]
            if len(recent) >= most:
                raise problems.asked_too_often(math.ceil((recent[0] + within - work.now).total_seconds()))
            asked[channel.name] = [*recent, work.now]
            RECIPIENTS.save(work, recipient)

        return Operation(needs, do)


def _as_consent(verdict: Verdict) -> Verdict:
    """What an answer to a test says of whether its endpoint wants to be told: neither a page for people, which brings
    a notice and proves nobody, nor a 2xx that asks for the end of the subscription is a yes."""
    if verdict.outcome != "delivered" or not (verdict.doubtful or verdict.disable):
        return verdict
    return replace(verdict, outcome="failed", reason=verdict.reason or DISABLED)
