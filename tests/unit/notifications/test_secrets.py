"""Which secrets sign a webhook: the newest, and one that was replaced until its time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
import svix

from services.notifications.channels.credentials import Credentials
from services.notifications.channels.webhook import Limits, Webhook
from services.notifications.channels.webhook_response import Answer
from services.notifications.channels.webhook_signing import signed_headers
from services.notifications.domain.webhook_url_rules import UrlRules
from shared.kit.base.sealing import Sealer
from tests.unit.notifications.world import START

pytestmark = pytest.mark.unit
CREDENTIALS = Credentials(Sealer(b"s" * 32))
UNTIL = START + timedelta(days=7)
(OLD, OLD_KEPT), (NEW, NEW_KEPT) = CREDENTIALS.new_secret("subscription"), CREDENTIALS.new_secret("subscription")
MOMENT = timedelta(microseconds=1)


class Kept(Webhook):
    """Posts nothing; remembers the headers."""

    def __init__(self) -> None:
        super().__init__(CREDENTIALS, lambda *_: None, Limits(), UrlRules())
        self.headers: dict[str, str] = {}

    async def _post(self, url: str, own: object, signed: dict[str, str], body: bytes, tls: object) -> Answer:
        self.headers = signed
        return Answer(200, {})


def endpoint() -> Any:
    """A subscription whose secret was replaced; the old one signs along until UNTIL."""
    return {
        "_id": "subscription",
        "target": CREDENTIALS.sealed_target("subscription", "https://partner.example/hook"),
        "secrets": [NEW_KEPT, {**OLD_KEPT, "until": UNTIL}],
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
    verdict = await webhook.send(endpoint(), "notice", b"{}", now)
    assert verdict.outcome == "delivered"
    assert webhook.headers == signed_headers(live, "notice", now, b"{}")
    assert len(webhook.headers["webhook-signature"].split()) == len(live)


def test_both_public_libraries_verify_every_secret_that_is_in_its_grace_and_no_other() -> None:
    """At every moment of three rotations within the grace of the first."""
    now, grace = datetime.now(UTC), timedelta(days=7)  # the libraries compare with their own clock
    made = [CREDENTIALS.new_secret("subscription") for _ in range(4)]
    for replaced in range(4):
        for ended in range(replaced + 1):  # so many of those that were replaced are out of their grace
            kept = [made[replaced][1]] + [
                {**made[n][1], "until": now + (grace if n >= ended else -MOMENT)} for n in reversed(range(replaced))
            ]
            live = CREDENTIALS.live_secrets({**endpoint(), "secrets": kept}, now)
            headers = signed_headers(live, "notice", now, b"{}")
            for number, (secret, _) in enumerate(made):
                signs = ended <= number <= replaced
                assert (secret in live) == signs
                for library in (standardwebhooks, svix):
                    if signs:
                        library.Webhook(secret).verify(b"{}", headers)
                    else:
                        with pytest.raises(library.WebhookVerificationError):
                            library.Webhook(secret).verify(b"{}", headers)
