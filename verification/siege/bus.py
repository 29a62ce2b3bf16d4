"""Forged records: every kind that `samples.forged` knows, by outsiders and by each service on what is not its own.

Where the broker has users and rules it refuses all of them. One that it takes counts as an effect: whoever reads the
topic cannot tell it from a true one.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.embedded.login import Login
from samples.forged import Forged, forged
from samples.stage.keyring import SERVICES
from samples.stage.road import READS
from shared.events.registry import load_topics

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
    return load_topics().topics[topic].written_by == service


async def forge(login: Callable[[str], Login]) -> dict[str, list[str]]:
    """Try everything; by actor what the broker took although it is not theirs to write."""
    taken: dict[str, list[str]] = {}
    for actor in actors(login):
        with contextlib.suppress(KafkaError, TimeoutError, OSError):  # not even let in
            async with _writing(actor.login) as producer:
                for one in forged():
                    if not may_write(actor.service, one.topic) and await _sent(producer, one):
                        taken.setdefault(actor.name, []).append(one.kind)
    return taken


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
