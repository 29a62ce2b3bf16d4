"""A copy of one service's database, and back; without MongoDB's own tools, which not every image has.

``save intake > FILE``: all of it as of one moment (a snapshot read), while the service runs. ``restore intake < FILE``:
in place of what is there; the service must not run, and makes its indexes when it starts. What a copy does not hold to
its end, or another service's, changes nothing. FILE is gzip, one BSON document for each document; whoever reads it
reads the database. Needs pymongo. Prints counts, never a value.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, cast

import bson
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

SERVICES = ("intake", "matching", "notifications")
FORMAT = 1
AT_ONCE = 500
BESIDE = "restoring."
SNAPSHOT_TOO_OLD = 239
RAW = CodecOptions[RawBSONDocument](document_class=RawBSONDocument)
Raw = Database[RawBSONDocument]


class NoCopy(Exception):
    """What was read is no whole copy of this service's database."""


def save(database: Raw, file: IO[bytes]) -> Counter[str]:
    """Write it, and how many documents of which collection that are."""
    names = [name for name in sorted(database.list_collection_names()) if not name.startswith(("system.", BESIDE))]
    count = Counter(dict.fromkeys(names, 0))
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as packed:
        packed.write(bson.encode({"copy_of": database.name, "format": FORMAT}))
        with database.client.start_session(snapshot=True) as moment:
            for name in names:
                for document in database[name].find(session=moment, batch_size=AT_ONCE):
                    packed.write(bson.encode({"in": name, "is": document}))
                    count[name] += 1
        packed.write(bson.encode({"end": count}))
    return count


def restore(database: Raw, file: IO[bytes]) -> Counter[str]:
    """Put a copy in place of what is there, and say how much it was. Raises NoCopy, and has changed nothing then."""
    for name in database.list_collection_names():
        if name.startswith(BESIDE):  # of an attempt that was broken off
            database.drop_collection(name)
    count: Counter[str] = Counter()
    end = None
    with gzip.GzipFile(fileobj=file, mode="rb") as packed:
        read = _documents(cast("IO[bytes]", packed))
        if dict(next(read, {})) != {"copy_of": database.name, "format": FORMAT}:
            raise NoCopy(f"this is no copy of the database {database.name}")
        while some := list(islice(read, AT_ONCE)):
            end = some.pop()["end"] if "end" in some[-1] else None
            for name in {each["in"] for each in some}:
                own = [each["is"] for each in some if each["in"] == name]
                database[BESIDE + name].insert_many(own, ordered=False)
                count[name] += len(own)
    if end is None or count != Counter(dict(end)):
        raise NoCopy("the copy is not whole")
    for name in database.list_collection_names():
        if not name.startswith((BESIDE, "system.")):
            database.drop_collection(name)
    for name in sorted(+count):
        database[BESIDE + name].rename(name)
    return count


def _documents(packed: IO[bytes]) -> Iterator[RawBSONDocument]:
    try:
        yield from bson.decode_file_iter(packed, RAW)
    except (EOFError, OSError, InvalidBSON):
        raise NoCopy("the copy is not whole") from None


def main() -> int:
    """0 when it is done; 1 with the reason when it is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", choices=["save", "restore"])
    parser.add_argument("service", choices=SERVICES)
    given = parser.parse_args()
    who = {"username": given.service, "password": os.environ[f"{given.service.upper()}_MONGO_PASSWORD"]}
    try:
        with MongoClient[Any]("127.0.0.1", directConnection=True, authSource=given.service, **who) as client:
            database: Raw = client.get_database(given.service, RAW)
            count = save(database, sys.stdout.buffer) if given.act == "save" else restore(database, sys.stdin.buffer)
    except NoCopy as error:
        print(f"{error}: nothing was changed", file=sys.stderr)
        return 1
    except PyMongoError as error:
        why = " (it took too long: stop the service, then again)" if _too_old(error) else ""
        print(f"MongoDB: {type(error).__name__}{why}", file=sys.stderr)
        return 1
    print(f"{given.act} {given.service}: {count.total()} documents of {len(count)} collections", file=sys.stderr)
    return 0


def _too_old(error: PyMongoError) -> bool:
    return isinstance(error, OperationFailure) and error.code == SNAPSHOT_TOO_OLD


if __name__ == "__main__":
    sys.exit(main())
