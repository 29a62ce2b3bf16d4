"""What of the mail server's settings is refused at start, and what follows from the others."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from services.notifications.main import _relay_settings
from services.notifications.settings import NotificationsSettings
from shared.kit.runtime.settings import explain
from tests.support.certificates import Authority

pytestmark = pytest.mark.unit
MAIL = {"smtp_host": "mail.example.org", "mail_sender": "notices@ieum.example"}
LOGIN = {"smtp_user": "ieum", "smtp_password": "of its own"}


def settings(**given: Any) -> NotificationsSettings:
    own: dict[str, Any] = {"profile": "development", "kafka": "127.0.0.1:9092", "mongo_url": "mongodb://127.0.0.1/"}
    return NotificationsSettings(**own | given)


def refused(**given: Any) -> str:
    with pytest.raises(ValidationError) as error:
        settings(**MAIL | given)
    said = explain(error.value)
    assert "of its own" not in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"smtp_user": "ieum"}, "IEUM_SMTP_PASSWORD is missing: put the password of IEUM_SMTP_USER"),
        ({"smtp_password": "of its own"}, "IEUM_SMTP_USER is missing: put the user that IEUM_SMTP_PASSWORD is of"),
        ({"smtp_security": "none", **LOGIN}, "IEUM_SMTP_SECURITY cannot stand beside IEUM_SMTP_USER: put starttls or"),
        ({"smtp_security": "none", "smtp_ca_file": "ca"}, "IEUM_SMTP_SECURITY cannot stand beside IEUM_SMTP_CA_FILE"),
        ({"smtp_port": 465}, "IEUM_SMTP_SECURITY cannot stand with port 465, which begins with TLS: put tls"),
        ({"smtp_ca_file": "/no/such/file"}, "IEUM_SMTP_CA_FILE cannot stand: put a PEM file that can be read"),
        ({"smtp_security": "ssl"}, "IEUM_SMTP_SECURITY cannot stand: put a valid value"),
    ],
)
def test_is_refused_with_what_to_put(given: dict[str, Any], said: str) -> None:
    assert refused(**given).startswith(said)


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("of its own")
    assert refused(smtp_ca_file=str(tmp_path / "ca.pem")).startswith("IEUM_SMTP_CA_FILE cannot stand")


def test_the_port_is_that_of_the_way() -> None:
    assert settings(**MAIL).smtp_port == settings(**MAIL, smtp_security="none").smtp_port == 587
    assert settings(**MAIL, smtp_security="tls").smtp_port == 465
    assert settings(**MAIL, smtp_security="tls", smtp_port=587).smtp_port == 587


def test_trouble_of_the_mail_server_is_shown_until_what_waits_was_tried_again_however_seldom_that_is() -> None:
    """Else it would come and go, and nobody would be called (MailServerTrouble: five minutes of it)."""
    assert _relay_settings(settings(**MAIL)).shown_for == timedelta(minutes=4)
    assert _relay_settings(settings(**MAIL, breaker_longest_seconds=3_600)).shown_for > timedelta(hours=1)


def test_certificates_are_checked_by_name_against_the_own_authority_alone(tmp_path: Path) -> None:
    tls = settings(**MAIL, smtp_ca_file=str(Authority(tmp_path).file)).mail_server_tls()
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls.minimum_version == ssl.TLSVersion.TLSv1_2
    assert len(tls.get_ca_certs()) == 1
    by_system = settings(**MAIL).mail_server_tls()
    assert (by_system.verify_mode, by_system.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_without_mail_or_tls_there_is_nothing_to_check() -> None:
    assert not settings().smtp_tls
    assert not settings(**MAIL, smtp_security="none").smtp_tls
    assert settings(**MAIL).smtp_tls


def test_the_password_is_shown_nowhere() -> None:
    given = settings(**MAIL, **LOGIN)
    assert given.summary()["smtp_password"] == "***"
    for shown in (repr(given), str(given.summary()), repr(_relay_settings(given))):
        assert "of its own" not in shown
    assert _relay_settings(given).password == "of its own"


class TestTheCertificateOfTheListener:
    HEARS: ClassVar[dict[str, str]] = {"mail_bounces": "bounces@ieum.example", "bounces_listen": "127.0.0.1:2525"}

    def test_and_its_key_stand_or_are_missing_together(self, tmp_path: Path) -> None:
        cert, key = (str(file) for file in Authority(tmp_path).signed("bounces"))
        given = settings(**MAIL, **self.HEARS, bounces_cert_file=cert, bounces_key_file=key)
        assert given.bounces_tls().minimum_version == ssl.TLSVersion.TLSv1_2
        assert refused(**self.HEARS, bounces_cert_file=cert).startswith("IEUM_BOUNCES_KEY_FILE is missing")
        assert refused(**self.HEARS, bounces_key_file=key).startswith("IEUM_BOUNCES_CERT_FILE is missing")
        assert refused(bounces_cert_file=cert, bounces_key_file=key).startswith("IEUM_BOUNCES_LISTEN is missing")

    def test_of_another_key_or_that_cannot_be_read_is_refused(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        cert, key = authority.signed("bounces")
        _, other = authority.signed("other")
        for files in ((cert, other), (key, cert), (cert, tmp_path / "none")):
            given = dict(zip(("bounces_cert_file", "bounces_key_file"), map(str, files), strict=True))
            assert refused(**self.HEARS, **given).startswith("IEUM_BOUNCES_CERT_FILE cannot stand")
