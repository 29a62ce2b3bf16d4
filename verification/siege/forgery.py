"""Forged records: every kind of `forged_records`, by outsiders and by each service on what is not its own.

Where the broker has users and rules it refuses all of them. One that it takes counts as an effect: whoever reads the
topic cannot tell it from a true one.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.rights.login import Login
from shared.events.registry import registry
from verification.harness.keyring import SERVICES
from verification.harness.topic_reader import READS
from verification.siege.forged_records import Forged, forged

PATIENCE_MS = 5_000


@dataclass(frozen=True)
class Actor:
    """Somebody who writes to the broker. ``service``: whose login it is; empty for an outsider."""

    name: str
    service: str
    login: Login


def actors(login: Callable[[str], Login]) -> Iterator[Actor]:
    """Outsiders, and each service as itself."""
    address = login(SERVICES[0]).address
    yield Actor("somebody without a user", "", Login(address))
    yield Actor("somebody with a wrong password", "", Login(address, SERVICES[0], "guessed"))
    for service in SERVICES:
        yield Actor(service, service, login(service))


def may_write(service: str, topic: str) -> bool:
    """A topic is written by the service that owns it, its dead letters by those who read it."""
    if topic.endswith(".dead"):
        return topic.removesuffix(".dead") in READS.get(service, ())
    return registry.topics[topic].written_by == service


@dataclass
class Tried:
    """``taken``: by actor the kinds that the broker took although they are not theirs to write; ``mute``: services
    that could not even write a dead letter of their own, so that the broker's no to the rest would mean nothing."""

    forgeries: int = 0
    taken: dict[str, list[str]] = field(default_factory=dict)
    mute: list[str] = field(default_factory=list)


async def forge(login: Callable[[str], Login]) -> Tried:
    """Try everything."""
    tried = Tried()
    for actor in actors(login):
        control = False
        with contextlib.suppress(KafkaError, TimeoutError, OSError):  # not even let in
            async with _writing(actor.login) as producer:
                for one in forged():
                    if may_write(actor.service, one.topic):
                        control = control or (one.topic.endswith(".dead") and await _sent(producer, one))
                    elif await _sent(producer, one):
                        tried.taken.setdefault(actor.name, []).append(one.kind)
        tried.forgeries += sum(not may_write(actor.service, one.topic) for one in forged())
        if actor.service and not control:
            tried.mute.append(actor.service)
    return tried


@contextlib.asynccontextmanager
async def _writing(login: Login) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(**login.arguments, request_timeout_ms=PATIENCE_MS)
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
