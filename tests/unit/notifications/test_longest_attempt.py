"""No attempt outlasts the lease under which it was begun: what leaves later could come behind its own recall."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from services.notifications import main
from services.notifications.channel import Channel
from services.notifications.channels.mail.channel import Email
from services.notifications.channels.mail.digest import EmailDigest
from services.notifications.channels.mail.smtp_relay import MailAnswer, Relay, RelaySettings
from services.notifications.channels.mail.tls_files import TlsFiles
from services.notifications.channels.topic import OwnTopic
from services.notifications.channels.webhook import Webhook
from services.notifications.settings import NotificationsSettings

pytestmark = pytest.mark.unit
MAIL = {"smtp_host": "mail.example.org", "mail_sender": "notices@ieum.example"}
ANY: Any = None


def settings(**given: Any) -> NotificationsSettings:
    own: dict[str, Any] = {"profile": "development", "kafka": "127.0.0.1:9092", "mongo_url": "mongodb://127.0.0.1/"}
    return NotificationsSettings(**own | given)


def channels_of(given: NotificationsSettings) -> list[Channel]:
    relay = Relay(main._relay_settings(given)) if given.smtp_host else None
    return [
        Webhook(ANY, ANY, main._limits(given), given.url_rules),
        Email(ANY, ANY, relay, ANY, ANY),
        EmailDigest(ANY, relay, ANY),
        OwnTopic(ANY, ANY, None, timedelta(seconds=given.deadline_seconds)),
    ]


@pytest.mark.parametrize("mail", [{}, MAIL], ids=["without mail", "with mail"])
@pytest.mark.parametrize("deadline", [0.5, 15.0, 120.0])
def test_of_no_channel_outlasts_what_its_lease_was_told_nor_that_the_believed_lease(
    mail: dict[str, str], deadline: float
) -> None:
    given = settings(deadline_seconds=deadline, **mail)
    channels = channels_of(given)
    lease = main._dispatcher_lease(given, channels, ANY, ANY)
    for channel in channels:
        by_mail = channel.name in ("email", "email-digest")
        of_it = lease._lease_of(channel.name)
        assert channel.longest.total_seconds() <= of_it._longest, channel.name
        assert of_it._longest + 4 * lease.renew_seconds <= 0.8 * of_it._seconds + 1e-9
        assert of_it._seconds == pytest.approx((6.75 if mail and by_mail else 3) * deadline)
        if by_mail:
            assert channel.longest == timedelta(seconds=4 * deadline if mail else 0), "and the late answer to a mail"
    assert lease.renew_seconds == pytest.approx(0.35 * deadline), "as often with mail as without"


async def test_authorities_that_cannot_be_read_in_time_end_a_mail_in_time() -> None:
    class Hanging(TlsFiles):
        async def context(self) -> ssl.SSLContext:
            await asyncio.Event().wait()
            raise AssertionError

    files = Hanging("smtp_ca_file", [], lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    of = RelaySettings("127.0.0.1", 1, "starttls", "", "", sender="notices@ieum.example", total=timedelta(seconds=0.05))
    answer = Relay(of, files).send("jobs@partner.example", EmailMessage(), "tag")
    assert await asyncio.wait_for(answer, 30) == MailAnswer("server", None)
