"""Where is looked, beside the answers of HTTP: topics, databases, files; and how a control gets there.

What is read is read raw: records with their keys and headers, BSON as the server sends it, files byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pymongo
from aiokafka import AIOKafkaProducer, ConsumerRecord
from bson import Binary

from deploy.rights.login import Login
from verification.harness import topic_reader
from verification.leaks.search_terms import Controls, Hit

Content = tuple[str, bytes]
PARTS = ("keys", "headers", "payloads")
MONGOD_FILES, BROKER_FILES = "files of mongod", "files of the broker"
TEMPORARY, OTHER = "temporary files", "other files"
MAILS, DAILY_FILES = "mails", "notifications files"
CONTROL = "leak_control"
PIECE = 16 * 1024 * 1024
SENDERS_OWN = {"intake events", "intake refusals", "intake rejections", "intake receipts"}


def may_be_there(sink: str, hit: Hit) -> bool:
    """What is no leak: the sender's own event id in an answer to the sender, poison on the topic it was put on, and
    what an agency published in clear in its own topic at Kafka."""
    if hit.poison:
        return sink == BROKER_FILES or (sink.startswith("topic ") and ".dead " not in sink)
    if hit.kind in ("event id", "event id at Kafka") and sink in SENDERS_OWN:
        return True
    if hit.kind.endswith(" at Kafka"):
        own = ("topic inbound.", "topic answers.") if hit.kind == "event id at Kafka" else ("topic inbound.",)
        return sink == BROKER_FILES or sink.startswith(own)
    return False


# --- topics


def topic_sink(topic: str, part: str) -> str:
    """The name of the sink."""
    return f"topic {topic} {part}"


async def plant_in_topics(login: Login, controls: Controls, files: bool) -> None:
    """A control in every part of a record of every topic; ``files``: whether the broker keeps any."""
    topics = sorted({topic for topic, _ in await topic_reader.end_offsets(login)})
    producer = AIOKafkaProducer(**login.arguments)
    await producer.start()
    try:
        for topic in topics:
            for part in PARTS:
                for data in controls.for_sink(topic_sink(topic, part)).values():
                    where: dict[str, Any] = {"key": data} if part == "keys" else {}
                    where |= {"headers": [("control", data)]} if part == "headers" else {}
                    await producer.send(topic, data if part == "payloads" else b"control", **where)
        if files:
            await producer.send(topics[0], controls.blob(BROKER_FILES))
        await producer.flush()
    finally:
        await producer.stop()


async def topics(login: Login) -> Iterator[Content]:
    """Every record of every topic from offset 0."""
    return (content for record in await topic_reader.records(login) for content in _parts(record))


def _parts(record: ConsumerRecord[bytes, bytes]) -> Iterator[Content]:
    headers = b"\n".join(name.encode() + b": " + (value or b"") for name, value in record.headers)
    for part, data in zip(PARTS, (record.key, headers, record.value), strict=True):
        if data:
            yield topic_sink(record.topic, part), data


# --- databases


def plant_in_databases(mongo_url: str, controls: Controls) -> None:
    """A document per encoding in every database of the server; one more for the files, written to disk."""
    with pymongo.MongoClient[dict[str, Any]](mongo_url, retryWrites=False) as client:  # `local` knows none
        for name in client.list_database_names():
            _insert(client[name], controls.for_sink(f"database {name}"))
        _insert(client["intake"], controls.for_sink(MONGOD_FILES))
        client.admin.command("fsync")


def _insert(database: Any, values: dict[str, bytes]) -> None:
    database[CONTROL].insert_many([{"encoding": how, "value": Binary(data)} for how, data in values.items()])


def databases(mongo_url: str) -> Iterator[Content]:
    """Every document of every collection of every database, the oplog, validators and indexes too. Of intake's as well:
    what is sealed there is bytes, and says nothing."""
    with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
        for name in client.list_database_names():
            database = client[name]
            for info in database.list_collections():
                yield f"database {name}", repr(info).encode()
                if info["type"] == "collection":
                    collection = database[info["name"]]
                    yield f"database {name}", repr(list(collection.list_indexes())).encode()
                    raw = cast(Iterable[bytes], collection.find_raw_batches())  # pymongo names no better type
                    yield from ((f"database {name}", batch) for batch in raw)


# --- files


def sink_of_file(folder: Path, path: Path) -> str | None:
    """Which sink a file of the system belongs to; None for the programs themselves, which nothing was written to."""
    parts = path.relative_to(folder).parts
    if path.suffix == ".log" and path.parent.name in ("logs", "stack"):
        return f"log {path.stem}"
    if parts[:1] == ("mails",):
        return MAILS
    if parts[:1] == ("tmp",):
        return TEMPORARY
    if parts[:1] == ("partners",):
        return f"{parts[1]} {'as received' if path.name == 'wire' else 'books'}"
    if parts[:1] == ("stack",):
        return {"mongod": MONGOD_FILES, "kafka": BROKER_FILES, "bin": None}.get(parts[1], OTHER)
    return OTHER


def plant_in_files(folder: Path, temporary: Path, controls: Controls) -> None:
    """A line in every log; a file with every partner's books, whether it was told anything or not, and a file where
    files may come to lie."""
    logs = [*folder.glob("logs/*.log"), *folder.glob("stack/*.log")]
    for path in [*logs, *(partner / "control" for partner in folder.glob("partners/*"))]:
        _append(path, controls.blob(str(sink_of_file(folder, path))))
    _append(temporary / "control", controls.blob(TEMPORARY))
    _append(folder / "control", controls.blob(OTHER))


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"\n" + data + b"\n")


def files(folder: Path) -> Iterator[Content]:
    """Every file that came to be in the system's folder, in pieces that overlap."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()):
        sink = sink_of_file(folder, path)
        if sink is not None:
            yield from ((sink, piece) for piece in _pieces(path))


def _pieces(path: Path, overlap: int = 8 * 1024) -> Iterable[bytes]:
    with path.open("rb") as file:
        before = b""
        while piece := file.read(PIECE):
            yield before + piece
            before = piece[-overlap:]
