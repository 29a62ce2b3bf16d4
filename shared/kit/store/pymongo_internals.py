"""Every private part of PyMongo that the kit uses, in one file: several commands of a transaction are sent without
waiting for each answer.

Written for one version: with another one nothing starts. tests/integration/kit/test_pymongo_internals.py fails when
what is sent this way does not do what the driver's own way does; ruff refuses private parts everywhere else.

Why: PyMongo waits for the answer to each command, and each wait costs a thread a turn of the interpreter's lock. The
wire protocol asks for none of it: a server takes up one message of a connection after the other. The commit is not
among them: that is the driver's own, when all answers are good.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal, cast

import bson
import pymongo
from pymongo import MongoClient, ReadPreference
from pymongo.client_session import ClientSession
from pymongo.errors import AutoReconnect, OperationFailure
from pymongo.helpers_shared import _check_command_response

VERSION: Final = "4.20.0"
# Sent before an answer is read, but for the message that goes beyond it. Upserts are answered with half of their size
# where documents are small, and a server that cannot send its answers reads no more: with 16 MB ahead it stood still.
AHEAD_BYTES: Final = 1024 * 1024
Answer = dict[str, Any] | OperationFailure

_OP_MSG: Final = 2013
_HEAD: Final = struct.Struct(
    "<iiiiIB"
)  # of a message: length, number, to which it is the answer, OP_MSG, flags, kind 0
_SEQUENCE: Final = struct.Struct("<Bi")  # kind 1, length
_PLACES: Final = {"insert": b"documents\0", "update": b"updates\0", "delete": b"deletes\0"}
_numbers = count(1)

if pymongo.version != VERSION:  # every write depends on this file
    raise ImportError(f"shared.kit.store is written for PyMongo {VERSION}, not {pymongo.version}")


@dataclass(frozen=True, slots=True)
class WriteCommand:
    """``statements``: each as BSON, as the server takes them; at most 48 MB of them and 100,000."""

    kind: Literal["insert", "update", "delete"]
    collection: str
    statements: Sequence[bytes]


def send_together(
    client: MongoClient[Any], session: ClientSession, database: str, commands: Sequence[WriteCommand]
) -> list[Answer]:
    """What the server answers to each, or the error that it answers with. After most of these the transaction is over
    there, and all behind it fail, too; not after a command that was refused before it came to the transaction
    (overload). So the commit may be asked for only when every answer is good.

    Raises PyMongoError when not every answer came (the connection is closed then, as the driver does it) or the server
    could not be asked, and DocumentTooLarge. Nothing is sent twice, whatever labels an error has: what to repeat is for
    whoever began the transaction."""
    sent = False

    def send(_session: Any, connection: Any, _retryable: bool) -> list[Answer]:
        nonlocal sent
        if sent:  # the driver's loop would repeat one command; here those before it have been done
            raise AutoReconnect("the transaction has to be repeated")
        sent = True
        answers: list[Answer] = []
        for messages in _portions(_messages(client, session, connection, database, commands)):
            largest = max(each.largest for each in messages)
            connection.send_message(b"".join(each.raw for each in messages), largest)
            replies = [connection.receive_message(each.number) for each in messages]
            answers += [_answer(client, session, connection, reply) for reply in replies]
        return answers

    return client._retryable_write(False, send, session, commands[0].kind) if commands else []


@dataclass(frozen=True, slots=True)
class _Message:
    number: int
    raw: bytes
    largest: int  # bytes of its largest statement


def _messages(
    client: MongoClient[Any],
    session: ClientSession,
    connection: Any,
    database: str,
    commands: Sequence[WriteCommand],
) -> Iterator[_Message]:
    for each in commands:
        command: dict[str, Any] = {each.kind: each.collection, "ordered": False, "$db": database}
        session._apply_to(command, False, ReadPreference.PRIMARY, connection)
        connection.send_cluster_time(command, session, client)
        if session._starting_transaction:  # so that none but the first says that it begins
            session._transaction.set_in_progress()
        head, statements, place = bson.encode(command), b"".join(each.statements), _PLACES[each.kind]
        sequence = _SEQUENCE.pack(1, 4 + len(place) + len(statements))
        number = next(_numbers) & 0x7FFFFFFF
        length = _HEAD.size + len(head) + len(sequence) + len(place) + len(statements)
        raw = b"".join((_HEAD.pack(length, number, 0, _OP_MSG, 0, 0), head, sequence, place, statements))
        yield _Message(number, raw, max(map(len, each.statements)))


def _portions(messages: Iterator[_Message]) -> Iterator[list[_Message]]:
    """As many as may go out before their answers are read."""
    portion: list[_Message] = []
    size = 0
    for message in messages:
        if portion and size + len(message.raw) > AHEAD_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(message)
        size += len(message.raw)
    yield portion


def _answer(client: MongoClient[Any], session: ClientSession, connection: Any, reply: Any) -> Answer:
    (document,) = reply.unpack_response()
    client._process_response(document, session)
    try:
        _check_command_response(document, connection.max_wire_version)
    except OperationFailure as error:
        return error
    return cast("Answer", document)
