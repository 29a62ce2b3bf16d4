"""How every Kafka client of ours connects: the one place that turns settings into what the libraries take."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

from aiokafka import AIOKafkaClient, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.kit.kafka.aiokafka_internals import ask_each
from shared.kit.kafka.settings import KafkaSettings

ADMIN_MS = 5_000
KAFKA_ERRORS = (KafkaError, OSError, TimeoutError)
_AUTHENTICATION = (
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.IllegalSaslStateError,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
)
_SASL = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256, "PLAIN": SASLPlaintext}


class NotLetIn(KafkaError):
    """The broker is there, but does not take who or how we are. ``wrong``: user, password or mechanism; the
    certificate, the broker's or ours; or the protocol (it takes the connection and closes it at the first word)."""

    def __init__(self, wrong: Literal["password", "certificate", "protocol"]) -> None:
        super().__init__(wrong)
        self.wrong = wrong


def connection(kafka: KafkaSettings) -> Mapping[str, Any]:
    """The arguments of any client of aiokafka that say where to, as whom and how. Raises Unfit."""
    security = kafka.security
    found: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap, "security_protocol": security.security_protocol}
    if security.tls:
        found["ssl_context"] = security.context()
    if security.sasl:
        found |= {
            "sasl_mechanism": security.sasl_mechanism,
            "sasl_plain_username": security.user,
            "sasl_plain_password": security.password,
        }
    return found


def faststream_security(kafka: KafkaSettings) -> BaseSecurity:
    """The same in FastStream's words; its address is an argument of its own. Raises Unfit."""
    security, context = kafka.security, kafka.security.context()
    if not security.sasl:
        return BaseSecurity(ssl_context=context, use_ssl=security.tls)
    kind = _SASL[security.sasl_mechanism]
    return kind(security.user, security.password, ssl_context=context, use_ssl=security.tls)


@asynccontextmanager
async def admin_client(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Started, for a few questions. Raises KafkaError."""
    admin = AIOKafkaAdminClient(**connection(kafka), request_timeout_ms=ADMIN_MS)
    try:
        await admin.start()
        yield admin
    finally:
        with contextlib.suppress(*KAFKA_ERRORS):
            await admin.close()


async def bootstrapped(kafka: KafkaSettings, timeout_ms: int) -> AIOKafkaClient:
    """A client that has found the cluster. Raises NotLetIn when a broker is there and refuses, else KafkaError."""
    client = AIOKafkaClient(**connection(kafka), request_timeout_ms=timeout_ms)
    try:
        await client.bootstrap()
    except BaseException as error:
        await client.close()
        if isinstance(error, KafkaError) and (refused := await why_refused(kafka, timeout_ms)) is not None:
            raise refused from None
        raise
    return client


async def why_refused(kafka: KafkaSettings, timeout_ms: int) -> NotLetIn | None:
    """Why the brokers that can be reached let us not in; None when there is none, or one does. aiokafka itself writes
    that to a log and says of either that it cannot connect."""
    how = {name: value for name, value in connection(kafka).items() if name != "bootstrap_servers"}
    found: NotLetIn | None = None
    for error in await ask_each(kafka.bootstrap, timeout_ms, **how):
        if error is None:
            return None
        found = _refusal(error, kafka.security.tls) or found
    return found


def _refusal(error: BaseException, tls: bool) -> NotLetIn | None:
    if isinstance(error, _AUTHENTICATION):
        return NotLetIn("password")
    if isinstance(error, ssl.SSLError):
        return NotLetIn("certificate")
    if isinstance(error, KafkaError):
        certificate = tls and isinstance(error.__cause__ or error.__context__, ssl.SSLError)
        return NotLetIn("certificate" if certificate else "protocol")
    if isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        return NotLetIn("protocol")
    if isinstance(error, OSError | TimeoutError | ValueError):
        return None  # nobody there
    raise error
