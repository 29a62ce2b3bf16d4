"""Settings of a service: environment variables that begin with ``IEUM_``, checked once, before anything is opened."""

from __future__ import annotations

import ipaddress
import re
import sys
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from shared.kit.base import weak_keys
from shared.kit.base.weak_keys import DEVELOPMENT_ID_KEY, DEVELOPMENT_SEALING_KEY
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings, SaslMechanism, SecurityProtocol, Unfit
from shared.kit.web.edge_settings import EdgeSettings, networks, trusts_everybody

PREFIX = "IEUM_"
EXIT_CODE = 2

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=60)]
Port = Annotated[int, Field(ge=0, le=65535)]
S = TypeVar("S", bound="ServiceSettings")
# Options of an address that tell no secret; others may (the password of a certificate, a session token).
_SHOWN_OPTIONS = frozenset({"replicaset", "directconnection", "tls", "ssl", "authsource", "readpreference", "w"})
_USER = re.compile("://.*@", re.DOTALL)  # before anything is split: a password may hold a / ? or # that is not escaped

_A_KEY = "64 hex digits of your own, for example from: openssl rand -hex 32"
_WHAT_TO_PUT = {
    **{
        name: "sustained and burst, for example 500/5000"
        for name in EdgeSettings.model_fields
        if name.startswith("limit_") and name != "limit_tracked"
    },
    "kafka": "the brokers, for example 127.0.0.1:9092",
    "mongo_url": "the replica set, for example mongodb://127.0.0.1:27017/?replicaSet=rs0",
    "port": "the HTTP port, 0 to 65535",
    "id_key": _A_KEY,
    "sealing_key": _A_KEY,
    "kek": _A_KEY,
    "kafka_security_protocol": "SASL_SSL (or SSL with a certificate of your own, or SASL_PLAINTEXT in a network that is"
    " yours alone); with a user it is one of the SASL_ ones, with files one of the SSL ones",
    "kafka_sasl_mechanism": "SCRAM-SHA-512 or SCRAM-SHA-256; PLAIN with SASL_SSL alone",
    "kafka_user": "the service's user at the broker",
    "kafka_password": "the password of IEUM_KAFKA_USER",
    "kafka_ca_file": "a PEM file that can be read, with the authority of the broker's certificate",
    "kafka_cert_file": "a PEM file that can be read, with this service's certificate",
    "kafka_key_file": "the PEM file with the key of IEUM_KAFKA_CERT_FILE, and IEUM_KAFKA_KEY_PASSWORD if it has one",
    "kafka_idempotent": "true (a broker that knows idempotent producers)",
    "calendar_offset_seconds": "0, or leave it out: in production nobody moves the calendar",
    "metrics_port": "a port for Prometheus alone, for example 9100, that only it can reach",
    "trusted_proxies": "the addresses of your own proxies; everybody's would let everybody choose an address",
    "profile": "development (one machine, keys that everybody knows) or production; there is no default",
    "instance": "a stable name of this replica, for example intake-1",
}


class ServiceSettings(EdgeSettings):
    """What every service needs to know. A service adds its own in ``services/<s>/settings.py``.

    ``profile`` has no default: whoever starts a service says which of the two it is. Guessable keys (see ``key_rules``)
    are refused in production, and in development as soon as ``host``, Kafka or MongoDB are not on loopback.
    Times end in their unit. ``instance`` is the stable name of one replica: two replicas never share one.
    ``kafka_idempotent`` says what the broker can do; it is never guessed. ``kafka_replication`` is for topics that are
    made here, -1 leaves it to the broker. ``kafka_security_protocol`` and the like: `shared.kit.kafka.KafkaSecurity`;
    development may go without, production may not. ``topic_prefix`` stands before every topic and consumer group, its
    separator included ("test."). Keys (``KEYS``) are 32 bytes as hex, the same in every replica of a service, each for
    one purpose. ``metrics_port``: where ``/metrics`` is instead of beside the API.
    ``start_seconds``: for how long a start waits for Kafka before it ends with what is missing.
    ``calendar_offset_seconds`` moves what consents and schedules follow (clock.py), to rehearse a later day.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    KEYS: ClassVar[tuple[str, ...]] = ("id_key", "sealing_key")

    service: Name
    instance: Name = Field(default_factory=lambda so_far: f"{so_far['service']}-1")
    profile: Literal["development", "production"]
    kafka: str = Field(min_length=3)
    kafka_idempotent: bool = False
    kafka_replication: int = Field(default=1, ge=-1, le=9)
    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    kafka_sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    kafka_user: str = Field(default="", max_length=200)
    kafka_password: SecretStr = SecretStr("")
    kafka_ca_file: str = ""
    kafka_cert_file: str = ""
    kafka_key_file: str = ""
    kafka_key_password: SecretStr = SecretStr("")
    mongo_url: str = Field(pattern=r"^mongodb(\+srv)?://", repr=False)
    database: Name = Field(default_factory=lambda so_far: so_far["service"])
    topic_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]*$", max_length=60)] = ""
    partitions: int = Field(default=4, ge=1, le=10_000)
    host: str = "127.0.0.1"
    port: Port
    metrics_host: str = "127.0.0.1"
    metrics_port: Port | None = None
    id_key: SecretStr = SecretStr(DEVELOPMENT_ID_KEY)
    sealing_key: SecretStr = SecretStr(DEVELOPMENT_SEALING_KEY)
    session_timeout_ms: int = Field(default=10_000, ge=1_000, le=300_000)
    batch_max_records: int = Field(default=500, ge=1, le=10_000)
    stalled_seconds: int = Field(default=120, ge=5, le=3_600)
    start_seconds: int = Field(default=30, ge=5, le=3_600)
    calendar_offset_seconds: int = Field(default=0, ge=-315_360_000, le=315_360_000)
    pack: str = "kr-gyeonggi"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _keys_are_keys(self) -> Self:
        keys = {name: weak_keys.parsed(getattr(self, name).get_secret_value()) for name in self.KEYS}
        for name, key in keys.items():
            if key is None:
                raise _Wrong(name)
            if weak_keys.guessable(key) and self.profile == "production":
                raise _Wrong(name)
            if weak_keys.guessable(key) and (where := self._off_loopback):
                raise _Wrong(name, f"while {PREFIX}{where.upper()} is not on loopback")
        pair = weak_keys.same({name: key for name, key in keys.items() if key is not None})
        if pair is not None and self.profile == "production":
            raise _Wrong(pair[1], f"because {PREFIX}{pair[0].upper()} is the same key")
        return self

    @model_validator(mode="after")
    def _production_is_not_a_laptop(self) -> Self:
        refused = {
            "kafka_idempotent": not self.kafka_idempotent,
            "instance": "instance" not in self.model_fields_set,
            "trusted_proxies": trusts_everybody(networks(self.trusted_proxies)),
            "metrics_port": self.metrics_port is None,
            "calendar_offset_seconds": self.calendar_offset_seconds != 0,
        }
        if self.profile == "production" and (name := next((name for name, wrong in refused.items() if wrong), "")):
            raise _Wrong(name)
        return self

    @model_validator(mode="after")
    def _kafka_can_be_trusted(self) -> Self:
        try:
            self.kafka_security.check()
        except Unfit as unfit:
            raise _Wrong(f"kafka_{unfit.part}", missing=unfit.missing) from None
        if self.profile == "production" and not self.kafka_security.authenticated:
            raise _Wrong("kafka_security_protocol")
        return self

    @model_validator(mode="after")
    def _metrics_have_a_port_of_their_own(self) -> Self:
        if self.metrics_port and self.metrics_port == self.port:
            raise _Wrong("metrics_port")
        return self

    @property
    def has_guessable_keys(self) -> bool:
        return any(weak_keys.guessable(bytes.fromhex(getattr(self, name).get_secret_value())) for name in self.KEYS)

    @property
    def _off_loopback(self) -> str:
        """The first setting that leads away from this machine; nothing if none does."""
        addresses = {
            "host": [self.host],
            "metrics_host": [self.metrics_host] if self.metrics_port is not None else [],
            "kafka": [_host_of(part) for part in self.kafka.split(",")],
            "mongo_url": [_host_of(part) for part in _servers(self.mongo_url)],
        }
        return next((name for name, hosts in addresses.items() if not all(map(_is_loopback, hosts))), "")

    @property
    def id_key_bytes(self) -> bytes:
        return bytes.fromhex(self.id_key.get_secret_value())

    @property
    def kafka_security(self) -> KafkaSecurity:
        given = {field.name: getattr(self, f"kafka_{field.name}") for field in fields(KafkaSecurity)}
        secrets = {name: value.get_secret_value() for name, value in given.items() if isinstance(value, SecretStr)}
        return KafkaSecurity(**given | secrets)

    @property
    def kafka_settings(self) -> KafkaSettings:
        return KafkaSettings(
            bootstrap=self.kafka,
            instance=self.instance,
            prefix=self.topic_prefix,
            partitions=self.partitions,
            replication=self.kafka_replication,
            idempotent=self.kafka_idempotent,
            session_timeout_ms=self.session_timeout_ms,
            batch_max_records=self.batch_max_records,
            security=self.kafka_security,
        )

    @property
    def sealing_key_bytes(self) -> bytes:
        return bytes.fromhex(self.sealing_key.get_secret_value())

    def summary(self) -> dict[str, str]:
        """Every setting as text, in order, secrets and passwords in addresses masked: what is logged at start."""
        return {name: _shown(getattr(self, name)) for name in type(self).model_fields}


class _Wrong(ValueError):
    """One setting cannot stand, found after all of them were read. ``why`` names other settings, never a value."""

    def __init__(self, setting: str, why: str = "", *, missing: bool = False) -> None:
        super().__init__(f"{setting} cannot stand")
        self.setting, self.why, self.missing = setting, why, missing


def read_settings(kind: type[S], **values: Any) -> S:
    """The settings from the environment (``values`` win). Ends the process with code 2 and one line when one is wrong.

    The line names the variable and what to put there, never what stands there now: it may be a secret.
    """
    try:
        return kind(**values)
    except ValidationError as error:
        sys.stderr.write(explain(error) + "\n")  # before logs are set up, to whoever started this
        raise SystemExit(EXIT_CODE) from None


def explain(error: ValidationError) -> str:
    """One line for one or more wrong or missing settings, without any value."""
    said = []
    for item in error.errors(include_input=False, include_url=False):
        if item["type"] == "default_factory_not_called":  # follows from another finding
            continue
        cause = item.get("ctx", {}).get("error")
        name = cause.setting if isinstance(cause, _Wrong) else "/".join(str(part) for part in item["loc"][:1])
        name = name.lower().removeprefix(PREFIX.lower())
        if item["type"] == "value_error" and not isinstance(cause, _Wrong):  # a service's own rule, in its own words
            said.append(f"{PREFIX}{name.upper()} cannot stand: {cause}" if name else str(cause))
            continue
        wrong = cause if isinstance(cause, _Wrong) else _Wrong(name, missing=item["type"] == "missing")
        what = "is missing" if wrong.missing else f"cannot stand {wrong.why}".rstrip()
        said.append(f"{PREFIX}{name.upper()} {what}: put {_WHAT_TO_PUT.get(name, 'a valid value')}")
    return "; ".join(said)


def _servers(mongo_url: str) -> list[str]:
    """The hosts of an address of MongoDB, ports included. A name to be looked up (``+srv``) is never loopback."""
    scheme, _, rest = mongo_url.partition("://")
    servers = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return servers.split(",") if scheme == "mongodb" else [""]


def _host_of(address: str) -> str:
    """``host``, ``host:port``, ``[::1]:port``."""
    host, colon, port = address.strip().rpartition(":")
    return (host if colon and "]" not in port else address.strip()).strip("[]")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "***"
    text = _USER.sub("://***@", str(value))
    if "://" in text:
        try:
            parts = urlsplit(text)
        except ValueError:  # no address at all: whoever connects will say so
            return "***"
        options = (option.partition("=") for option in parts.query.split("&") if option)
        shown = [
            name + equals + (value if name.lower() in _SHOWN_OPTIONS else "***") for name, equals, value in options
        ]
        text = urlunsplit(parts._replace(query="&".join(shown), fragment="***" if parts.fragment else ""))
    return text
