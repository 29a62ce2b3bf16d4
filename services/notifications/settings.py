"""What notifications needs to know beside what every service does (environment ``IEUM_...``)."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from services.notifications.domain.circuit_breaker import Breaker
from services.notifications.domain.mail_address_rules import LONGEST_TAGGED, SCHEME, check_mailto
from services.notifications.domain.notice_envelope import DEFAULT_ASK
from services.notifications.domain.refused_option import OptionRefused
from services.notifications.domain.retry_schedule import STANDARD_SCHEDULE
from services.notifications.domain.webhook_url_rules import Network, UrlRules
from shared.kit.runtime.settings import ServiceSettings

LOOPBACK = ("127.0.0.0/8", "::1/128")
Wait = Annotated[float, Field(ge=0, le=30 * 86_400)]  # no NaN either, which is in no range


class NotificationsSettings(ServiceSettings):
    """Defaults are the production ones, loopback endpoints in development apart.

    ``retry_schedule``: seconds before attempt 1, 2, ... (JSON list). ``allow_networks``: inner networks that webhooks
    may go to all the same; refused in production. ``webhook_ports``: empty for any. ``spread_seconds``: webhooks of one
    change leave within this time, each at a moment of its own, so that two partners' logs tell less.
    ``retry_after_max_seconds``: the most of a partner's Retry-After that holds notices;
    ``retry_after_recall_max_seconds``: that holds recalls, which are urgent whatever it asks for.
    ``breaker_seconds``, ``breaker_longest_seconds``: how long an endpoint that is down is not asked, at first and at
    most; ``disable_after_seconds``: after how long of nothing but bad answers its subscription ends.
    ``recovery_per_second``: deliveries that one recovery makes due again, beside what is new.
    ``smtp_host``: the operator's mail server; without it there is no channel ``email``. ``smtp_security``: TLS after
    STARTTLS, or from the first byte (``tls``, port 465 if none is given); its certificate is always checked, its name
    included, against ``smtp_ca_file`` (PEM) or the system's authorities. ``smtp_user``, ``smtp_password``: if it asks
    for a login, which it gets over TLS alone. ``mail_sender``: the address that mails are from; ``mail_bounces``: where
    reports of what could not be delivered go, as ``local+<subscription>-<token>@domain``; ``bounces_listen``: the
    ``host:port`` on which the mail server hands them to us (SMTP or LMTP, in a network that is the operator's alone),
    empty: nobody reads them; ``bounces_cert_file``, ``bounces_key_file`` (PEM): only after STARTTLS. ``digest_hour``:
    when digests leave, by the clock of the pack's zone.
    ``batch_max_records`` is small, so that what partners answer and pull is not kept waiting behind long batches.
    """

    service: str = "notifications"
    port: int = Field(default=8103, ge=0, le=65535)
    batch_max_records: int = Field(default=200, ge=1, le=10_000)
    retry_schedule: tuple[Wait, ...] = Field(default=STANDARD_SCHEDULE, min_length=1, max_length=50)
    retry_jitter: float = Field(default=0.2, ge=0, le=1)
    retry_after_max_seconds: float = Field(default=86_400, ge=0, le=30 * 86_400)
    retry_after_recall_max_seconds: float = Field(default=120, ge=0, le=3_600)
    deadline_seconds: float = Field(default=15, gt=0, le=120)
    connect_seconds: float = Field(default=5, gt=0, le=60)
    answer_bytes: int = Field(default=16_384, ge=0, le=1_048_576)
    endpoint_slots: int = Field(default=8, ge=1, le=100)
    spread_seconds: float = Field(default=0, ge=0, le=86_400)
    secret_overlap_seconds: float = Field(default=7 * 86_400, ge=0, le=30 * 86_400)
    allow_networks: tuple[str, ...] | None = None
    webhook_ports: tuple[int, ...] | None = None
    breaker_seconds: float = Field(default=3, gt=0, le=3_600)
    breaker_longest_seconds: float = Field(default=60, gt=0, le=86_400)
    disable_after_seconds: float = Field(default=5 * 86_400, ge=3_600, le=365 * 86_400)
    recovery_per_second: float = Field(default=20, ge=0.1, le=1_000)
    smtp_host: str = Field(default="", max_length=253, pattern=r"^[A-Za-z0-9.:-]*$")
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_port: int = Field(
        default_factory=lambda so_far: 465 if so_far["smtp_security"] == "tls" else 587, ge=1, le=65535
    )
    smtp_ca_file: str = ""
    smtp_user: str = Field(default="", max_length=200)
    smtp_password: SecretStr = SecretStr("")
    mail_sender: str = Field(default="", max_length=254)
    mail_bounces: str = Field(default="", max_length=200)
    bounces_listen: str = Field(
        default="", max_length=260, pattern=r"^$|^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$"
    )
    bounces_cert_file: str = ""
    bounces_key_file: str = ""
    digest_hour: int = Field(default=9, ge=0, le=23)
    ask_path: str = Field(default=DEFAULT_ASK, max_length=160, pattern=r"^/[!-~]*$")

    _networks: tuple[Network, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _networks_are_networks(self) -> Self:
        production = self.profile == "production"
        given = self.allow_networks if self.allow_networks is not None else () if production else LOOPBACK
        if production and given:
            raise ValueError("IEUM_ALLOW_NETWORKS cannot stand in production: leave it out")
        self._networks = tuple(ipaddress.ip_network(text) for text in given)
        return self

    @model_validator(mode="after")
    def _mail_can_be_sent(self) -> Self:
        for name in ("mail_sender", "mail_bounces"):
            address = getattr(self, name)
            if address and not _is_mailbox(address):
                raise ValueError(f"IEUM_{name.upper()} is no plain address: put one like notices@example.org")
        if self.smtp_host and not self.mail_sender:
            raise ValueError("IEUM_MAIL_SENDER is missing: put the address that mails are from")
        if self.profile == "production" and self.smtp_security == "none":
            raise ValueError("IEUM_SMTP_SECURITY cannot stand in production: put starttls or tls")
        return self

    @model_validator(mode="after")
    def _mail_server_is_talked_to_safely(self) -> Self:
        if self.smtp_security == "starttls" and self.smtp_port == 465:
            raise ValueError("IEUM_SMTP_SECURITY cannot stand with port 465, which begins with TLS: put tls")
        if self.smtp_user and not self.smtp_password.get_secret_value():
            raise ValueError("IEUM_SMTP_PASSWORD is missing: put the password of IEUM_SMTP_USER")
        if self.smtp_password.get_secret_value() and not self.smtp_user:
            raise ValueError("IEUM_SMTP_USER is missing: put the user that IEUM_SMTP_PASSWORD is of")
        if self.smtp_security == "none" and (self.smtp_user or self.smtp_ca_file):
            given = "IEUM_SMTP_USER" if self.smtp_user else "IEUM_SMTP_CA_FILE"
            raise ValueError(f"IEUM_SMTP_SECURITY cannot stand beside {given}: put starttls or tls")
        try:
            if self.smtp_tls:
                self.mail_server_tls()
        except (OSError, ValueError):  # an SSLError is an OSError
            raise ValueError(
                "IEUM_SMTP_CA_FILE cannot stand: put a PEM file that can be read, with the authority of the mail"
                " server's certificate"
            ) from None
        return self

    @model_validator(mode="after")
    def _bounces_can_be_heard(self) -> Self:
        if len(self.mail_bounces.rpartition("@")[0]) > LONGEST_TAGGED:
            raise ValueError(f"IEUM_MAIL_BOUNCES is too long: put at most {LONGEST_TAGGED} letters before its @")
        if not self.bounces_listen:
            return self
        if not self.smtp_host or not self.mail_bounces:
            raise ValueError("IEUM_BOUNCES_LISTEN needs IEUM_SMTP_HOST and IEUM_MAIL_BOUNCES: put both")
        host, port = self.bounces_address
        if not 0 < port <= 65_535:
            raise ValueError("IEUM_BOUNCES_LISTEN cannot stand: put host:port, for example 10.0.0.5:2525")
        if self.has_guessable_keys and host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("IEUM_BOUNCES_LISTEN is not on loopback while keys are guessable: put keys of your own")
        return self

    @model_validator(mode="after")
    def _bounces_can_be_heard_by_tls(self) -> Self:
        for one, other in (("cert", "key"), ("key", "cert")):
            if getattr(self, f"bounces_{one}_file") and not getattr(self, f"bounces_{other}_file"):
                raise ValueError(f"IEUM_BOUNCES_{other.upper()}_FILE is missing: put it beside the other of the two")
        if not self.bounces_cert_file:
            return self
        if not self.bounces_listen:
            raise ValueError("IEUM_BOUNCES_LISTEN is missing: put host:port, or leave IEUM_BOUNCES_CERT_FILE out")
        try:
            self.bounces_tls()
        except (OSError, ValueError):
            raise ValueError(
                "IEUM_BOUNCES_CERT_FILE cannot stand: put PEM files that can be read, a certificate and the key that is"
                " its own, without a password"
            ) from None
        return self

    @property
    def smtp_tls(self) -> bool:
        """Whether there is a mail server that is talked to by TLS."""
        return bool(self.smtp_host) and self.smtp_security != "none"

    def mail_server_tls(self) -> ssl.SSLContext:
        """How to know the mail server, read from the file now. Raises OSError or ValueError."""
        context = ssl.create_default_context(cafile=self.smtp_ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def bounces_tls(self) -> ssl.SSLContext:
        """How the bounce listener shows who it is, read from the files now. Raises OSError or ValueError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        # a password that is asked for would be asked of the terminal
        context.load_cert_chain(self.bounces_cert_file, self.bounces_key_file, password="")
        return context

    @property
    def bounces_address(self) -> tuple[str, int]:
        """Where to listen for what came back undelivered."""
        host, _, port = self.bounces_listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def networks(self) -> tuple[Network, ...]:
        """Inner networks that webhooks may go to."""
        return self._networks

    @property
    def url_rules(self) -> UrlRules:
        """What a webhook's URL must be like: production knows https on the usual ports only."""
        production = self.profile == "production"
        ports = self.webhook_ports if self.webhook_ports is not None else (443, 8443) if production else ()
        return UrlRules(plain_http=not production, ports=frozenset(ports), allowed=self.networks)

    @property
    def spread(self) -> timedelta:
        """Within which time the webhooks of one change leave."""
        return timedelta(seconds=self.spread_seconds)

    @property
    def breaker(self) -> Breaker:
        """When an endpoint that fails is asked again, and given up."""
        return Breaker(
            timedelta(seconds=self.breaker_seconds),
            timedelta(seconds=max(self.breaker_seconds, self.breaker_longest_seconds)),
            timedelta(seconds=self.disable_after_seconds),
            timedelta(seconds=self.retry_after_recall_max_seconds),
        )

    def dispatcher_lease(self, longest: timedelta) -> timedelta:
        """Of ``longest``, the longest attempt, none begins that could outlast it, and there is time to renew, the same
        for all (1.4 deadlines of the four fifths that are believed): three deadlines where an attempt takes one."""
        return 1.25 * (longest + timedelta(seconds=1.4 * self.deadline_seconds))

    @property
    def secret_overlap(self) -> timedelta:
        """How long a replaced secret still signs along."""
        return timedelta(seconds=self.secret_overlap_seconds)


def _is_mailbox(address: str) -> bool:
    try:
        check_mailto(SCHEME + address)
    except OptionRefused:
        return False
    return True
