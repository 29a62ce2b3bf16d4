"""Where is looked: everything the demo left behind, as (place, bytes)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from samples.stage import road

if TYPE_CHECKING:
    from samples.play import Play

Straw = tuple[str, bytes]


async def haystack(play: Play) -> AsyncIterator[Straw]:
    """Topics, logs, metrics, what partners got, what senders were answered, every database."""
    for record in await road.records(play.stage.pair.kafka):
        headers = b"\n".join(name.encode() + b": " + (value or b"") for name, value in record.headers)
        yield f"topic {record.topic}", b"\n".join((record.key or b"", headers, record.value or b""))
    for straw in files(play.stage.folder):
        yield straw
    async for straw in _answers(play):
        yield straw
    for partner in ("feed", "webhook"):
        yield f"partner {partner}", play.stage.book(partner).wire().encode()
    for outcome in play.ledger.refused:  # the sender's own event id is its to have back
        said = {name: value for name, value in outcome.problem.items() if name != "id"}
        yield "error body", json.dumps(said, ensure_ascii=False).encode()
    for straw in documents(play):
        yield straw


def files(folder: Path) -> Iterator[Straw]:
    """All logs: of services, partners, broker, database."""
    for log in sorted([*folder.glob("logs/*.log"), *folder.glob("embedded/*.log")]):
        yield f"log {log.name}", log.read_bytes()


async def _answers(play: Play) -> AsyncIterator[Straw]:
    async with aiohttp.ClientSession() as session:
        for name, service in play.stage.services.items():
            for path in ("/metrics", "/openapi.json"):
                async with session.get(service.url + path) as answer:
                    yield f"{name}{path}", await answer.read()


def documents(play: Play) -> Iterator[Straw]:
    """Every document of every service, intake's included: what is sealed there is bytes, and says nothing."""
    for database in play.inside.databases():
        for collection in play.inside.collections(database):
            for document in play.inside.documents(database, collection):
                yield f"database {database}.{collection}", b"\n".join(_values(document))


def _values(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name).encode()
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)
    else:
        yield value if isinstance(value, bytes) else str(value).encode()
