"""Is somebody there who wants our webhooks? Asked before the first event goes to an address.

First the handshake of the CloudEvents HTTP webhook specification (``OPTIONS``); who does not know it is sent a signed
test event and has to take it with a 2xx, which also shows that the secret is installed where signatures are verified.
Whoever asks for it makes us call an address whose owner has not said yes: so only so often for each agency, whatever
the subscription, and counted before we call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime

from services.notifications.channels.channel import Channel, PushChannel
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
        return Verdict("delivered") if await channel.permitted(endpoint) else await self._send_test(channel, endpoint)

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
