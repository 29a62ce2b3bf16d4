"""Which secrets sign a webhook: the newest, and one that was replaced until its time is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifications.channels.signing import new_secret, signed_headers
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.domain.verdict import Answer
from shared.kit.base.sealing import Sealer
from tests.unit.notifications.world import START

pytestmark = pytest.mark.unit
SEALER = Sealer(b"s" * 32)
UNTIL = START + timedelta(days=7)
OLD, NEW = new_secret(), new_secret()
MOMENT = timedelta(microseconds=1)


class Kept(Webhook):
    """Posts nothing; remembers the headers."""

    def __init__(self) -> None:
        super().__init__(SEALER, lambda _: None, Limits())
        self.headers: dict[str, str] = {}

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        self.headers = headers
        return Answer(200, {})


def endpoint() -> dict[str, Any]:
    """A subscription whose secret was replaced; the old one signs along until UNTIL."""

    def sealed(what: str, value: str) -> bytes:
        return SEALER.seal(value.encode(), what, "subscription")

    return {
        "_id": "subscription",
        "url": sealed("subscription-url", "https://partner.example/hook"),
        "secrets": [
            {"sealed": sealed("subscription-secret", NEW), "until": None},
            {"sealed": sealed("subscription-secret", OLD), "until": UNTIL},
        ],
    }


@pytest.mark.parametrize(
    ("now", "live"),
    [
        (START, [NEW, OLD]),
        (UNTIL - MOMENT, [NEW, OLD]),
        (UNTIL, [NEW]),
        (UNTIL + MOMENT, [NEW]),
        (UNTIL + timedelta(days=400), [NEW]),
    ],
    ids=["at once", "just before its end", "at its end", "just after", "long after"],
)
async def test_a_replaced_secret_signs_until_its_time_is_over(now: datetime, live: list[str]) -> None:
    webhook = Kept()
    answer = await webhook.send(endpoint(), "notice", b"{}", now)
    assert answer.status == 200
    assert webhook.headers == signed_headers(live, "notice", now, b"{}")
    assert len(webhook.headers["webhook-signature"].split()) == len(live)
