"""Where reports of undelivered mails are listened for, and which settings are refused at start."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

from services.notifications.settings import NotificationsSettings
from tests.support.keys import A_KEY

pytestmark = pytest.mark.unit


class TestTheListener:
    MAIL: ClassVar = {"smtp_host": "mail", "mail_sender": "n@ieum.example", "mail_bounces": "bounces@ieum.example"}

    def settings(self, **values: str) -> NotificationsSettings:
        base = {"profile": "development", "kafka": "127.0.0.1:9092", "mongo_url": "mongodb://127.0.0.1/?replicaSet=rs0"}
        return NotificationsSettings.model_validate(base | values)

    def test_nothing_listens_unless_it_is_asked_for(self) -> None:
        assert self.settings(**self.MAIL).bounces_listen == ""

    @pytest.mark.parametrize(
        ("listen", "address"),
        [("127.0.0.1:2525", ("127.0.0.1", 2525)), ("localhost:1", ("localhost", 1)), ("[::1]:25", ("::1", 25))],
    )
    def test_says_where(self, listen: str, address: tuple[str, int]) -> None:
        assert self.settings(**self.MAIL, bounces_listen=listen).bounces_address == address

    @pytest.mark.parametrize(
        "listen", ["2525", "127.0.0.1", ":2525", "a b:1", "127.0.0.1:99999", "127.0.0.1:0", "x:1:2", "127.0.0.1:"]
    )
    def test_that_is_no_address_is_refused(self, listen: str) -> None:
        with pytest.raises(ValidationError):
            self.settings(**self.MAIL, bounces_listen=listen)

    @pytest.mark.parametrize("missing", ["smtp_host", "mail_bounces"])
    def test_without_mails_that_could_come_back_it_is_refused(self, missing: str) -> None:
        with pytest.raises(ValidationError, match="needs IEUM_SMTP_HOST and IEUM_MAIL_BOUNCES"):
            self.settings(**{name: v for name, v in self.MAIL.items() if name != missing}, bounces_listen="127.0.0.1:1")

    def test_keys_that_everybody_knows_are_for_loopback(self) -> None:
        with pytest.raises(ValidationError, match="guessable"):
            self.settings(**self.MAIL, bounces_listen="0.0.0.0:2525")
        own = {"id_key": A_KEY, "sealing_key": A_KEY}
        assert self.settings(**self.MAIL, **own, bounces_listen="0.0.0.0:2525").bounces_address[1] == 2525

    def test_an_address_that_leaves_no_room_for_the_token_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="at most 12 letters"):
            self.settings(**self.MAIL | {"mail_bounces": f"{'b' * 13}@ieum.example"})
