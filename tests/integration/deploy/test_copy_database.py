"""A copy of a database is of one moment, and comes back whole or not at all."""

from __future__ import annotations

import gzip
import io
import secrets
import threading
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo import MongoClient

from deploy.compose.copy_database import RAW, NoCopy, Raw, restore, save

pytestmark = pytest.mark.integration


@pytest.fixture
def world(mongo_url: str) -> Iterator[Raw]:
    """A database of two collections that hold the same numbers, whatever is written at that moment."""
    with MongoClient[Any](mongo_url) as client:
        database: Raw = client.get_database(f"test_{secrets.token_hex(6)}", RAW)
        database["ones"].insert_many([_raw(number) for number in range(1200)])
        database["others"].insert_many([_raw(number) for number in range(1200)])
        database.create_collection("empty")
        yield database
        client.drop_database(database.name)


def _raw(number: int) -> Any:
    return {"_id": number, "sealed": bson.Binary(bytes([number % 256])), "words": "하늘보리"}


def numbers(database: Raw, name: str) -> list[int]:
    return sorted(document["_id"] for document in database[name].find())


def saved(database: Raw) -> bytes:
    file = io.BytesIO()
    save(database, file)
    return file.getvalue()


def test_it_comes_back_as_it_was_and_what_came_later_is_gone(world: Raw) -> None:
    copy, before = saved(world), [bytes(document.raw) for document in world["ones"].find(sort={"_id": 1})]
    world["ones"].delete_many({"_id": {"$lt": 600}})
    world["others"].insert_one(_raw(5000))
    world["later"].insert_one(_raw(1))
    count = restore(world, io.BytesIO(copy))
    assert (count["ones"], count["others"]) == (1200, 1200)
    assert [bytes(document.raw) for document in world["ones"].find(sort={"_id": 1})] == before
    assert numbers(world, "others") == list(range(1200))
    assert sorted(world.list_collection_names()) == ["ones", "others"]


def test_it_is_of_one_moment_while_others_write(world: Raw) -> None:
    """Each transaction moves a document of both collections: a reader without a snapshot finds one moved, one not."""
    stop = threading.Event()

    def write() -> None:
        number = 10_000
        while not stop.is_set():
            with world.client.start_session() as session, session.start_transaction():
                world["ones"].insert_one(_raw(number), session=session)
                world["others"].insert_one(_raw(number), session=session)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [saved(world) for _ in range(5)]
    finally:
        stop.set()
        writer.join()
    for copy in copies:
        restore(world, io.BytesIO(copy))
        assert numbers(world, "ones") == numbers(world, "others")


@pytest.mark.parametrize("cut", [40, 0.5, 0.99])
def test_what_is_not_whole_changes_nothing(world: Raw, cut: float) -> None:
    copy = saved(world)
    world["ones"].delete_many({"_id": {"$gte": 600}})
    with pytest.raises(NoCopy):
        restore(world, io.BytesIO(copy[: int(cut if cut > 1 else cut * len(copy))]))
    assert numbers(world, "ones") == list(range(600))
    assert numbers(world, "others") == list(range(1200))
    restore(world, io.BytesIO(copy))  # what the attempt left behind is in nobody's way
    assert numbers(world, "ones") == list(range(1200))
    assert not [name for name in world.list_collection_names() if name.startswith("restoring.")]


def test_what_says_less_than_it_counts_changes_nothing(world: Raw) -> None:
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb") as packed:
        packed.write(bson.encode({"copy_of": world.name, "format": 1}))
        packed.write(bson.encode({"end": {"ones": 1}}))
    with pytest.raises(NoCopy, match="not whole"):
        restore(world, io.BytesIO(file.getvalue()))
    assert numbers(world, "ones") == list(range(1200))


NO_COPIES = {
    "nothing": b"",
    "no gzip": b"no gzip",
    "no bson": gzip.compress(b"no bson"),
    "another head": gzip.compress(bson.encode({"a": 1})),
}


@pytest.mark.parametrize("other", NO_COPIES.values(), ids=NO_COPIES)
def test_what_is_no_copy_changes_nothing(world: Raw, other: bytes) -> None:
    with pytest.raises(NoCopy):
        restore(world, io.BytesIO(other))
    assert numbers(world, "ones") == list(range(1200))


def test_another_services_copy_changes_nothing(world: Raw, mongo_url: str) -> None:
    copy = saved(world)
    with MongoClient[Any](mongo_url) as client:
        other: Raw = client.get_database(f"{world.name}_other", RAW)
        with pytest.raises(NoCopy, match="no copy of the database"):
            restore(other, io.BytesIO(copy))
        assert other.list_collection_names() == []
