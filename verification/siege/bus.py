"""Forged records: every type of event, on its topic, by everybody who must not write there.

Where the broker has users and rules it refuses all of them. One that it takes counts as an effect: whoever reads the
topic cannot tell it from a true one.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from samples.stage.keyring import SERVICES
from shared.events import registry
from shared.events.registry import SCHEMA_BASE

ALL_THAT_CAN_COME = 2**62  # a sequence above every true one: what is true would be dropped as older
PATIENCE_MS = 5_000
PREFIX = "IEUM_KAFKA_"


@dataclass(frozen=True)
class Forged:
    """One record: on whose topic, and as what."""

    topic: str
    owner: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Actor:
    """Somebody who writes to the broker. ``service``: whose credentials they are; empty for an outsider."""

    name: str
    service: str
    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    user: str | None = None
    password: str | None = None


def forgeries() -> Iterator[Forged]:
    """One of every type and version that there is: a registration, a consent, a delivery, a prohibition, ..."""
    for kind in registry:
        data, thing = dict(kind.example), secrets.token_hex(16)
        if kind.topic.key in data:
            data[kind.topic.key] = thing if len(str(data[kind.topic.key])) == len(thing) else data[kind.topic.key]
        attributes = {
            "specversion": "1.0",
            "type": kind.name,
            "source": f"/services/{kind.topic.written_by}",
            "id": secrets.token_hex(16),
            "time": "2026-11-22T00:00:00Z",
            "dataschema": f"{SCHEMA_BASE}{kind.name}/{kind.version}",
            "partitionkey": thing,
            "sequence": str(ALL_THAT_CAN_COME),
            "correlationid": secrets.token_hex(16),
        }
        headers = tuple((f"ce_{name}", value.encode()) for name, value in attributes.items())
        value = json.dumps(data).encode()
        yield Forged(kind.topic.name, kind.topic.written_by, thing.encode(), value, headers)


def actors(variables: Mapping[str, Mapping[str, str]]) -> Iterator[Actor]:
    """Outsiders, and each service by its own settings (``variables`` by service)."""
    protocol = next(iter(variables.values())).get(f"{PREFIX}SECURITY_PROTOCOL", "PLAINTEXT")
    yield Actor("somebody without a user", "")
    yield Actor("somebody with a wrong password", "", protocol, user="intake", password="guessed")  # noqa: S106  it is to be wrong
    for service in SERVICES:
        own = variables[service]
        yield Actor(
            service,
            service,
            own.get(f"{PREFIX}SECURITY_PROTOCOL", "PLAINTEXT"),
            own.get(f"{PREFIX}SASL_MECHANISM", "SCRAM-SHA-512"),
            own.get(f"{PREFIX}USER"),
            own.get(f"{PREFIX}PASSWORD"),
        )


def has_users(variables: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether services show who they are: only then can a broker refuse anything."""
    return all(own.get(f"{PREFIX}SECURITY_PROTOCOL", "PLAINTEXT") != "PLAINTEXT" for own in variables.values())


async def forge(bootstrap: str, variables: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Try everything; by actor the topics on which the broker took what is not theirs to write."""
    taken: dict[str, list[str]] = {}
    for actor in actors(variables):
        with contextlib.suppress(KafkaError, TimeoutError, OSError):  # not even let in
            async with _writing(bootstrap, actor) as producer:
                for one in forgeries():
                    if one.owner != actor.service and await _sent(producer, one):
                        taken.setdefault(actor.name, []).append(one.topic)
    return taken


@contextlib.asynccontextmanager
async def _writing(bootstrap: str, actor: Actor) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        security_protocol=actor.protocol,
        sasl_mechanism=actor.mechanism,
        sasl_plain_username=actor.user,
        sasl_plain_password=actor.password,
        request_timeout_ms=PATIENCE_MS,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


async def _sent(producer: AIOKafkaProducer, one: Forged) -> bool:
    with contextlib.suppress(KafkaError, TimeoutError):
        await producer.send_and_wait(one.topic, one.value, key=one.key, headers=list(one.headers))
        return True
    return False
