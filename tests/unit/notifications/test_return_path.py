"""The address that reports of undelivered mails come back to: whose it is, and that nobody invents one."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.mail.return_path import ReturnPath, ReturnTag
from services.notifications.channels.mail.smtp_relay import RelaySettings
from services.notifications.domain.mail_address_rules import LONGEST_TAGGED
from shared.kit.base.ids import Ids
from tests.unit.notifications.world import hexid

pytestmark = pytest.mark.unit


class TestReturnPath:
    ID, SEALED = hexid("subscription"), b"sealed once"
    PATH = ReturnPath(Ids(b"k" * 32), "bounces@ieum.example")

    def address(self, tag: str) -> str:
        return RelaySettings("mail", 587, "tls", "", "", "n@ieum.example", "bounces@ieum.example").envelope_sender(tag)

    def test_what_we_wrote_is_known_in_any_case(self) -> None:
        address = self.address(self.PATH.tag(self.ID, self.SEALED))
        found = self.PATH.read(address)
        assert found is not None
        assert found.subscription == self.ID
        assert found == self.PATH.read(address.upper())
        assert self.PATH.names(found, self.SEALED)

    def test_an_address_that_was_sealed_anew_is_another_one(self) -> None:
        found = self.PATH.read(self.address(self.PATH.tag(self.ID, self.SEALED)))
        assert found is not None
        assert not self.PATH.names(found, b"sealed again")
        assert not self.PATH.names(found, None)
        assert not self.PATH.names(ReturnTag(hexid("other"), found.generation), self.SEALED)

    def test_any_change_makes_it_unknown(self) -> None:
        address = self.address(self.PATH.tag(self.ID, self.SEALED))
        for at, letter in enumerate(address):
            for other in "a2x@+-.":
                if other != letter.lower():
                    assert self.PATH.read(address[:at] + other + address[at + 1 :]) is None
        assert self.PATH.read(address[:-1]) is None
        assert self.PATH.read(f"{address}x") is None

    def test_with_another_key_it_is_unknown(self) -> None:
        other = ReturnPath(Ids(b"l" * 32), "bounces@ieum.example")
        assert other.read(self.address(self.PATH.tag(self.ID, self.SEALED))) is None

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "@",
            "bounces@ieum.example",
            "bounces+@ieum.example",
            f"bounces+{hexid('subscription')}@ieum.example",
            "x",
        ],
    )
    def test_without_a_token_it_is_unknown(self, address: str) -> None:
        assert self.PATH.read(address) is None

    @given(st.text(max_size=200))
    def test_nobody_invents_one(self, text: str) -> None:
        assert self.PATH.read(text) is None
        assert self.PATH.read(f"bounces+{self.ID}-{text}@ieum.example") is None

    def test_is_no_longer_than_mail_servers_take(self) -> None:
        tag = ReturnPath(Ids(b"k" * 32), f"{'b' * LONGEST_TAGGED}@ieum.example").tag(self.ID, self.SEALED)
        assert len(f"{'b' * LONGEST_TAGGED}+{tag}") == 64

    def test_can_stand_in_a_header(self) -> None:
        mail = EmailMessage()
        mail["Return-Path"] = self.address(self.PATH.tag(self.ID, self.SEALED))
        assert mail["Return-Path"].isascii()
