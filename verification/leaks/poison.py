"""Records put on the topics past intake, with identity in them: what a careless neighbour on the bus might do.

Every one must be set apart, and nothing of it may come out anywhere else: no dead topic, log, partner.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from aiokafka import AIOKafkaProducer

from deploy.rights.login import Login
from samples.world import names
from samples.world.envelope import Json
from shared.events import registry
from shared.events.registry import SCHEMA_BASE
from verification.leaks.encodings import romanised
from verification.leaks.faulty_service import POISON
from verification.leaks.people import words
from verification.leaks.search_terms import Planted, identity_values

TOPICS = tuple(registry.topics)
OVER_ONE_MEGABYTE = 1_100_000  # more than a consumer takes; packed it is little for the broker

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Poison:
    """One bad record."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = field(default_factory=list)


def somebody(random: Random) -> Json:
    """An identity that nobody else has."""
    name = words(random, 5)
    return {
        "name": name,
        "birth_date": f"{random.randrange(1930, 1950)}-{random.randrange(10, 13)}-{random.randrange(10, 29)}",
        "phone": names.phone(random, "+82-19-0{:03d}-{:04d}"),
        "email": f"{random.getrandbits(40):010x}@{random.getrandbits(40):010x}.invalid",
        "address": words(random, 9),
        "latin": max(text for text in romanised(name) if text.isalpha() and text.istitle()),
    }


def poison(seed: int) -> tuple[list[Poison], set[Planted]]:
    """The records, and what they have planted."""
    random = Random(f"{seed}/poison")
    records, planted = [], set[Planted]()
    for topic in TOPICS:
        for make in (_wrong_values, _wrong_headers, _wrong_types, _failing):
            person = somebody(random)
            planted |= identity_values(person, poison=True) | {Planted("name", person["latin"], True)}
            records += list(make(topic, person))
    return records, planted


def _of_topic(topic: str) -> tuple[str, Json]:
    """The first type of this topic, and sound data of it."""
    found = next(each for each in registry if each.topic.name == topic)
    return found.name, dict(found.example)


def _headers(topic: str, **changed: str | bytes) -> Headers:
    kind, _ = _of_topic(topic)
    attributes: dict[str, str | bytes] = {
        "specversion": "1.0",
        "type": kind,
        "source": "/services/intake",
        "id": secrets.token_hex(16),
        "time": "2026-11-22T00:00:00Z",
        "dataschema": f"{SCHEMA_BASE}{kind}/1",
        "partitionkey": secrets.token_hex(16),
        "sequence": "1",
    }
    attributes |= changed
    return [(f"ce_{name}", text if isinstance(text, bytes) else text.encode()) for name, text in attributes.items()]


def _wrong_values(topic: str, person: Json) -> Iterator[Poison]:
    """Not JSON, not UTF-8, unknown fields, wrong values, too much of everything."""
    text = json.dumps(person, ensure_ascii=False)
    _, sound = _of_topic(topic)
    first = next(name for name in sound)
    key = person["name"].encode()
    for value in (text[:-1], text, f'"{person["name"]}"', text * 3):
        yield Poison(topic, key, value.encode(), _headers(topic))
    yield Poison(topic, key, text.encode("utf-16"), _headers(topic))
    for change in ({person["name"]: 1}, {"memo": text}, {first: person["name"]}, {first: person}, {first: [text]}):
        yield Poison(topic, key, json.dumps({**sound, **change}).encode(), _headers(topic))
    yield Poison(topic, key, text.encode() + b" " * OVER_ONE_MEGABYTE, _headers(topic))


def _wrong_headers(topic: str, person: Json) -> Iterator[Poison]:
    """Identity in the names and values of headers, with and without the form of an attribute."""
    _, sound = _of_topic(topic)
    value, key = json.dumps(sound).encode(), person["phone"].encode()
    name, latin = person["name"], person["latin"]
    for attribute in ("type", "id", "time", "dataschema", "sequence", "recordedtime", "partitionkey", "source"):
        extra = {} if attribute in ("type", "time", "dataschema", "sequence") else {"time": person["birth_date"]}
        yield Poison(topic, key, value, _headers(topic, **{**extra, attribute: f"{name} {person['phone']}"}))
    yield Poison(topic, key, value, [])
    for unreadable in (name, latin, latin.lower()):
        yield Poison(topic, key, value, [(f"ce_{unreadable}", b"\xff\xfe"), *_headers(topic)])
    yield Poison(topic, key, value, [(name, name.encode()), *_headers(topic, time=name)])


def _wrong_types(topic: str, person: Json) -> Iterator[Poison]:
    """Types and versions that nobody knows, or that belong on another topic."""
    text = json.dumps(person).encode()
    for kind in (person["name"], person["latin"].lower(), person["phone"], "person-removed"):
        yield Poison(topic, kind.encode(), text, _headers(topic, type=kind, dataschema=f"{SCHEMA_BASE}{kind}/1"))
    kind, _ = _of_topic(topic)
    yield Poison(topic, text, text, _headers(topic, dataschema=f"{SCHEMA_BASE}{kind}/999"))
    other = "opportunities" if topic != "opportunities" else "people"
    kind, sound = _of_topic(other)
    headers = _headers(topic, type=kind, dataschema=f"{SCHEMA_BASE}{kind}/1", source=person["name"])
    yield Poison(topic, text, json.dumps(sound).encode(), headers)


def _failing(topic: str, person: Json) -> Iterator[Poison]:
    """Sound events with identity where any text may stand, whose handler fails with all of it in hand."""
    _, sound = _of_topic(topic)
    id = POISON + secrets.token_hex(16)[len(POISON) :]
    told = f"{person['name']} {person['phone']} {person['email']}"
    key = secrets.token_hex(16)  # the record's own: else it would not come as far as the handler
    headers = _headers(topic, id=id, partitionkey=key, source=told, actor=person["latin"], traceparent=person["phone"])
    if "title" in sound:
        sound["title"] = told[:80]
    yield Poison(topic, key.encode(), json.dumps(sound).encode(), headers)


async def put(login: Login, records: list[Poison]) -> None:
    """Produce them."""
    producer = AIOKafkaProducer(**login.arguments, max_request_size=4_000_000, compression_type="gzip")
    await producer.start()
    try:
        for one in records:
            await producer.send_and_wait(one.topic, one.value, key=one.key, headers=one.headers)
    finally:
        await producer.stop()
