"""What the kit must know to talk to Kafka: plain values, so that nothing here depends on how settings are read."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Literal

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]


class Unfit(ValueError):
    """One part of the security settings is missing or of no use: which, and whether it is missing."""

    def __init__(self, part: str, *, missing: bool = False) -> None:
        super().__init__(part)
        self.part = part
        self.missing = missing


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSecurity:
    """How clients show who they are and see whom they talk to, in Kafka's own words. ``PLAINTEXT`` is neither.

    A server's certificate is always checked, its name included: against ``ca_file``, else the system's authorities.
    Files are PEM. Passwords are kept out of `repr`.
    """

    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    key_password: str = field(default="", repr=False)

    @property
    def sasl(self) -> bool:
        return self.security_protocol.startswith("SASL_")

    @property
    def tls(self) -> bool:
        return self.security_protocol.endswith("SSL")

    @property
    def authenticated(self) -> bool:
        """Whether the broker learns who the client is."""
        return self.sasl or (self.tls and bool(self.cert_file))

    def check(self) -> None:
        """Raises Unfit for the first part that is missing, contradicts another, or cannot be read."""
        for part in ("user", "password") if self.sasl else ():
            if not getattr(self, part):
                raise Unfit(part, missing=True)
        if not self.sasl and (self.user or self.password):
            raise Unfit("security_protocol")  # whoever gave a user did not mean to go without
        if self.sasl_mechanism == "PLAIN" and self.security_protocol == "SASL_PLAINTEXT":
            raise Unfit("sasl_mechanism")  # it would send the password itself, readable
        for given, needed in (("cert_file", "key_file"), ("key_file", "cert_file"), ("key_password", "key_file")):
            if getattr(self, given) and not getattr(self, needed):
                raise Unfit(needed, missing=True)
        if not self.tls and (self.ca_file or self.cert_file):
            raise Unfit("security_protocol")
        self.context()

    def context(self) -> ssl.SSLContext | None:
        """For TLS, read from the files now: a renewed certificate counts from the next client on. Raises Unfit."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
        except (OSError, ValueError):  # an SSLError is an OSError
            raise Unfit("ca_file") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert_file:
            part = "cert_file"
            try:
                ssl.create_default_context(cafile=self.cert_file)  # only to see whether it can be read
                part = "key_file"
                # a password is always given: without one OpenSSL would ask for it on the terminal and wait
                context.load_cert_chain(self.cert_file, self.key_file, password=self.key_password)
            except (OSError, ValueError):
                raise Unfit(part) from None
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Addresses and counts. ``instance`` is the stable name of this replica (static membership, owner of outbox rows).

    ``idempotent``: whether the broker knows the idempotent producer; the embedded one does not. A setting, never
    guessed. ``partitions`` is asserted of every topic. ``replication`` -1 leaves it to the broker (Apache Kafka).
    """

    bootstrap: str
    instance: str
    prefix: str = ""
    partitions: int = 4
    replication: int = 1
    idempotent: bool = False
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 1_000
    batch_max_records: int = 500
    metadata_max_age_ms: int = 5_000
    watch_seconds: float = 2.0
    security: KafkaSecurity = KafkaSecurity()

    @property
    def fetch_wait_ms(self) -> int:
        """How long a fetch that finds nothing may wait at the broker. Kafka answers it as soon as something comes; the
        embedded broker, the one without idempotent producers, only when the wait is over, whatever came meanwhile."""
        return 1_000 if self.idempotent else 100

    @property
    def busy_fetch_wait_ms(self) -> int:
        """The same while records come: where a wait is latency it is short then."""
        return 500 if self.idempotent else 10

    def physical(self, topic: str) -> str:
        return self.prefix + topic

    def logical(self, name: str) -> str:
        return name.removeprefix(self.prefix)
