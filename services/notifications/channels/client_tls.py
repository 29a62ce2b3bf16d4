"""What a partner wants of TLS: a certificate by which we show it who is calling, and its own authority for its server.

Everything is checked before it is kept: a key that does not belong to the certificate would be noticed at the first
notice only. Key material is kept sealed and never shown. OpenSSL reads certificates from files only: they are given to
it in memory (memfd), so no key is ever on a disk.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from services.notifications.domain.refused_option import OptionRefused

MOST_CHAIN, MOST_AUTHORITIES = 5, 10
LEAST_RSA_BITS = 2_048
KEPT_CONTEXTS = 128  # each holds its certificates in memory, with the system's authorities up to a megabyte


# A usual handshake takes our side 2 ms, one with a group of 8,192 bits, which its server alone chooses, 160 to 290: in
# that time nobody is sent anything, and a server that also hangs up after every answer has one for each.
MOST_HANDSHAKE_SECONDS = 0.05


class BoundedHandshake(ssl.SSLObject):
    """Ends one that takes too much computing, which counts as failed: after a few such the endpoint is seldom asked. By
    the time of this thread alone, so neither a slow server nor a busy machine is taken for one."""

    _spent = 0.0

    def do_handshake(self) -> None:
        """One step. Raises SSLError."""
        began = time.thread_time()
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            self._spend(time.thread_time() - began)
            raise
        self._spend(time.thread_time() - began)

    def _spend(self, seconds: float) -> None:
        self._spent += seconds
        if self._spent > MOST_HANDSHAKE_SECONDS:
            raise ssl.SSLError("a handshake that takes too much computing")


@dataclass(frozen=True, slots=True)
class ClientTls:
    """PEM texts. ``certificate`` with its chain and ``key``: ours towards this partner, both or none. ``ca``: the only
    authorities that its server's certificate may come from; None: those of the system."""

    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class TlsSummary:
    """What may be shown: the certificate's SHA-256, until when it is valid, whether there is an own authority."""

    certificate_sha256: str | None
    certificate_until: datetime | None
    own_ca: bool


def checked_tls(wanted: ClientTls, now: datetime) -> ClientTls:
    """The same. Raises OptionRefused."""
    if (wanted.certificate is None) != (wanted.key is None):
        raise OptionRefused("tls-certificate-and-key")
    if wanted.certificate is None and wanted.ca is None:
        raise OptionRefused("tls-empty")
    if wanted.certificate is not None and wanted.key is not None:
        _check_pair(wanted.certificate, wanted.key, now)
    if wanted.ca is not None and len(_certificates(wanted.ca, "tls-ca")) > MOST_AUTHORITIES:
        raise OptionRefused("tls-ca")
    try:
        context_of(wanted)
    except (ssl.SSLError, ValueError):  # what OpenSSL does not take, whatever it looked like
        raise OptionRefused("tls-unusable") from None
    return wanted


def summary_of(tls: ClientTls) -> TlsSummary:
    """Of what was checked before."""
    if tls.certificate is None:
        return TlsSummary(None, None, tls.ca is not None)
    own = x509.load_pem_x509_certificates(_plain(tls.certificate).encode())[0]
    return TlsSummary(own.fingerprint(SHA256()).hex(), own.not_valid_after_utc, tls.ca is not None)


def context_of(tls: ClientTls) -> ssl.SSLContext:
    """TLS 1.2 or later, the server's certificate and name verified. One handshake for each connection: a server of TLS
    1.2 may ask for another as often as it likes, which is made where we only read, and nobody counts what it costs.
    Raises ssl.SSLError."""
    context = ssl.create_default_context(cadata=None if tls.ca is None else _plain(tls.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(("http/1.1",))
    context.sslobject_class = BoundedHandshake
    if tls.certificate is not None and tls.key is not None:
        file = os.memfd_create("client")
        try:
            with os.fdopen(os.dup(file), "wb") as written:
                written.write(f"{_plain(tls.key).strip()}\n{_plain(tls.certificate).strip()}\n".encode())
            # a password that is asked for would be asked of the terminal: an encrypted key is refused before
            context.load_cert_chain(f"/proc/self/fd/{file}", password="")
        finally:
            os.close(file)
    return context


class TlsContexts:
    """Contexts that are in use. One for each sealed text, so a renewed certificate has another one, with connections of
    its own: those of the old one are not used again."""

    def __init__(self, most: int = KEPT_CONTEXTS) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, ssl.SSLContext] = OrderedDict()

    async def of(self, sealed: bytes, open: Callable[[], ClientTls]) -> ssl.SSLContext:
        """The context of this sealed text. Raises what ``open`` raises. A new one is made in a thread: the system's
        authorities take tens of milliseconds to load, in which nothing else would be sent."""
        context = self._kept.get(sealed)
        if context is None:
            made = await asyncio.to_thread(context_of, open())
            context = self._kept.get(sealed) or made  # of two at once the first: connections are kept by it
        self._kept[sealed] = context
        self._kept.move_to_end(sealed)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return context


def _check_pair(certificate: str, key: str, now: datetime) -> None:
    chain = _certificates(certificate, "tls-certificate")
    if len(chain) > MOST_CHAIN:
        raise OptionRefused("tls-certificate")
    try:
        private = load_pem_private_key(_plain(key).encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        raise OptionRefused("tls-key") from None
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise OptionRefused("tls-key")
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < LEAST_RSA_BITS:
        raise OptionRefused("tls-key")
    der = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    try:
        certified = chain[0].public_key().public_bytes(*der)
    except (ValueError, UnsupportedAlgorithm):  # it is read only now: of a kind that nobody knows, or no key at all
        raise OptionRefused("tls-certificate") from None
    if private.public_key().public_bytes(*der) != certified:
        raise OptionRefused("tls-key-of-another")
    if chain[0].not_valid_after_utc <= now.astimezone(UTC):
        raise OptionRefused("tls-certificate-expired")


def _certificates(text: str, rule: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_plain(text).encode())
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise OptionRefused(rule) from None


def _plain(text: str) -> str:
    """A PEM text without what is not ASCII: the mark that some editors put before it, and words between its blocks in
    whatever language. OpenSSL takes neither, and what is inside of a block is ASCII or no certificate."""
    return text.encode("ascii", "ignore").decode()
