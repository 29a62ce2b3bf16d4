"""Is somebody there who wants our webhooks? Asked before the first event goes to an address.

First the handshake of the CloudEvents HTTP webhook specification (``OPTIONS``); who does not know it is sent a signed
test event and has to take it with a 2xx, which also shows that the secret is installed where signatures are verified.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.notifications.channels.channel import Channel, PushChannel
from services.notifications.documents import SubscriptionDocument
from services.notifications.domain.attempt_verdict import Verdict
from services.notifications.domain.notice_envelope import cloudevent, encode, month_of
from shared.events.notices import EndpointTest
from shared.kit.base.clock import Clock
from shared.kit.base.ids import random_id


class EndpointCheck:
    """One request or two, each bounded like an attempt. Nothing of them is kept."""

    def __init__(self, channels: Mapping[str, Channel], clock: Clock) -> None:
        self._channels = channels
        self._clock = clock

    async def check(self, endpoint: SubscriptionDocument) -> Verdict:
        """``delivered``: it may be told. A channel to which the partner comes needs no check."""
        channel = self._channels[endpoint["channel"]]
        if not isinstance(channel, PushChannel) or await channel.permitted(endpoint):
            return Verdict("delivered")
        return await self.test(endpoint)

    async def test(self, endpoint: SubscriptionDocument) -> Verdict:
        """A test event, signed and with all headers like any other. It is about nobody and in no list."""
        channel, now = self._channels[endpoint["channel"]], self._clock.calendar()
        if not isinstance(channel, PushChannel):
            return Verdict("delivered")
        notice = random_id()
        body = encode(cloudevent(EndpointTest(notice=notice, month=month_of(now))))
        return await channel.send(endpoint, notice, body, now)
