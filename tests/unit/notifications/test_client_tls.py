"""What is refused of a partner's certificates, and what of them is ever shown again."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from services.notifications.channels import client_tls
from services.notifications.channels.client_tls import ClientTls, TlsContexts, checked_tls, context_of, summary_of
from services.notifications.channels.credentials import Credentials
from services.notifications.domain.refused_option import OptionRefused
from services.notifications.subscriptions.schemas import SubscriptionChanges
from shared.kit.base.sealing import Sealer
from shared.reference import load_pack
from tests.support.certificates import Authority

pytestmark = pytest.mark.unit


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def pair(authority: Authority, name: str = "ieum", **how: Any) -> tuple[str, str]:
    certificate, key = authority.signed(name, **how)
    return certificate.read_text(), key.read_text()


def rule_of(tls: ClientTls) -> str:
    with pytest.raises(OptionRefused) as refused:
        checked_tls(tls, datetime.now(UTC))
    return refused.value.rule


def test_what_can_be_used(authority: Authority) -> None:
    certificate, key = pair(authority)
    ca = authority.file.read_text()
    for tls in (ClientTls(certificate, key), ClientTls(certificate + ca, key, ca), ClientTls(ca=ca)):
        assert checked_tls(tls, datetime.now(UTC)) == tls


def test_what_cannot(authority: Authority) -> None:
    certificate, key = pair(authority)
    private = load_pem_private_key(key.encode(), None)
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
    weak = rsa.generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    late, late_key = pair(authority, "late", valid=timedelta(hours=-1))
    assert {
        rule_of(ClientTls(certificate)),
        rule_of(ClientTls(key=key)),
    } == {"tls-certificate-and-key"}
    assert rule_of(ClientTls()) == "tls-empty"
    assert rule_of(ClientTls("-----BEGIN CERTIFICATE-----", key)) == "tls-certificate"
    assert rule_of(ClientTls(certificate * 6, key)) == "tls-certificate"
    assert [rule_of(ClientTls(certificate, each)) for each in ("x", locked, weak.decode())] == ["tls-key"] * 3
    assert rule_of(ClientTls(certificate, pair(authority, "other")[1])) == "tls-key-of-another"
    assert rule_of(ClientTls(late, late_key)) == "tls-certificate-expired"
    assert rule_of(ClientTls(ca="nothing")) == "tls-ca"
    assert rule_of(ClientTls(ca=authority.file.read_text() * 11)) == "tls-ca"


def test_the_key_is_sealed_and_in_no_text_about_it(authority: Authority) -> None:
    certificate, key = pair(authority)
    credentials, tls = Credentials(Sealer(b"s" * 32)), ClientTls(certificate, key)
    sealed: Any = {"_id": "e" * 32, "tls": credentials.sealed_tls("e" * 32, tls)}
    assert key.split("\n")[1].encode() not in sealed["tls"]
    assert credentials.tls_of(sealed) == tls
    wanted = SubscriptionChanges.model_validate({"tls": {"certificate": certificate, "key": key}})
    for text in (repr(tls), repr(wanted), repr(wanted.wishes(load_pack("kr-gyeonggi"))), str(summary_of(tls))):
        assert key.split("\n")[1] not in text


async def test_a_context_is_made_once_for_a_sealed_text_and_only_so_many_are_kept(authority: Authority) -> None:
    contexts, tls = TlsContexts(most=2), ClientTls(ca=authority.file.read_text())
    first = await contexts.of(b"1", lambda: tls)
    assert await contexts.of(b"1", lambda: tls) is first
    for sealed in (b"2", b"3"):
        await contexts.of(sealed, lambda: tls)
    assert await contexts.of(b"1", lambda: tls) is not first


async def test_one_is_made_where_it_holds_up_nothing_else_and_two_at_once_get_the_same(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts, tls, made_in = TlsContexts(), ClientTls(ca=authority.file.read_text()), set[int]()

    def noted(wanted: ClientTls) -> ssl.SSLContext:
        made_in.add(threading.get_ident())
        return context_of(wanted)

    monkeypatch.setattr(client_tls, "context_of", noted)
    one, other = await asyncio.gather(*(contexts.of(b"1", lambda: tls) for _ in range(2)))
    assert one is other
    assert made_in
    assert threading.get_ident() not in made_in


@pytest.mark.parametrize("around", ["\ufeff{}", "발급자: 이음\n{}", "{}\n끝", "\ufeff\r\n발급자\r\n{}"])
def test_a_byte_order_mark_and_words_of_any_language_around_a_block_are_no_hindrance(
    authority: Authority, around: str
) -> None:
    certificate, key = (around.format(each) for each in pair(authority))
    tls = ClientTls(certificate, key, around.format(authority.file.read_text()))
    assert checked_tls(tls, datetime.now(UTC)) == tls
    assert context_of(tls).get_ca_certs()
    assert summary_of(tls).certificate_sha256


def test_whatever_is_inside_of_a_block_it_is_used_or_refused(authority: Authority) -> None:
    """Every byte of a certificate and of its authority is another one once: what is no certificate, or has an unknown
    version or kind of key, is refused like all that cannot be used."""
    certificate, key = pair(authority)
    ca, rules = authority.file.read_text(), set[str]()
    for changed in each_changed(certificate):
        rules.add(refused_or_used(ClientTls(changed, key, ca)))
    for changed in each_changed(ca):
        rules.add(refused_or_used(ClientTls(ca=changed)))
    assert {"", "tls-certificate", "tls-ca", "tls-unusable"} <= rules


def each_changed(certificate: str) -> Iterator[str]:
    der = ssl.PEM_cert_to_DER_cert(certificate)
    for at, byte in enumerate(der):
        yield ssl.DER_cert_to_PEM_cert(der[:at] + bytes([byte ^ 0x41]) + der[at + 1 :])


def refused_or_used(tls: ClientTls) -> str:
    """The rule; nothing where there is none."""
    try:
        summary_of(checked_tls(tls, datetime.now(UTC)))
    except OptionRefused as refused:
        return refused.rule
    return ""
