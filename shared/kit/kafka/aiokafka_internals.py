"""Every private part of aiokafka that the kit uses, in one file.

Written for one version. tests/unit/kit/test_aiokafka_internals.py fails when another one is installed, and names the
part that is missing or works otherwise; ruff refuses such imports and attributes everywhere else in `shared`.
Nothing is patched: what has to work otherwise is a subclass, or set on one instance when it is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import uuid
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import chain
from struct import Struct
from types import FunctionType, MethodType
from typing import Any, NamedTuple, SupportsIndex, cast

from aiokafka import AIOKafkaClient, AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.consumer import fetcher
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from aiokafka.protocol import fetch
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy

from shared.kit.kafka.records import Record

VERSION = "0.14.0"
CLOSE_SECONDS = 1.0
LEAVE_SECONDS = 0.2
_ERRORS = (KafkaError, OSError, TimeoutError)

# --- connections


async def ask_each(bootstrap: str, timeout_ms: int, **how: Any) -> Sequence[BaseException | None]:
    """What comes of a first request to each broker that is named: None: it answered. Nothing is tried again."""
    return await asyncio.gather(
        *(_ask(host, port, timeout_ms, how) for host, port, _ in collect_hosts(bootstrap)), return_exceptions=True
    )


async def _ask(host: str, port: int, timeout_ms: int, how: dict[str, Any]) -> None:
    connected = await create_conn(host, port, request_timeout_ms=timeout_ms, **how)
    try:
        await connected.send(MetadataRequest([]))  # the first thing that an unknown client is refused
    finally:
        connected.close()


async def heartbeat_of_nobody(admin: AIOKafkaAdminClient, group: str) -> int:
    """The error code of a heartbeat by no member. Needs the right to read in the group, as joining does, and changes
    nothing. Raises KafkaError."""
    coordinator = await admin.find_coordinator(group)
    answer: Any = await admin._send_request(HeartbeatRequest(group, -1, "nobody"), coordinator)
    return int(answer.error_code)


def decoded_assignment(assignment: bytes) -> set[TopicPartition]:
    """The partitions of one member, as its group's coordinator keeps them."""
    decoded: Any = ConsumerProtocol.ASSIGNMENT.decode(assignment)
    return {TopicPartition(topic, number) for topic, numbers in decoded.assignment for number in numbers}


# --- producers


def never_expire(producer: AIOKafkaProducer) -> None:
    """A batch is retried until it is acknowledged. With a limit, one that expires while a later one survives would come
    after it."""
    producer._message_accumulator._batch_ttl = math.inf


async def abandon(producer: AIOKafkaProducer, seconds: float = 2.0) -> None:
    """Close without flushing: what is in its buffers is not sent any more."""
    producer._closed = True
    await _end_each(seconds, producer._sender.close, producer.client.close)


# --- consumers


def next_offset(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    """Which offset is read next; None: not ours, or not known yet. Its own ``position`` waits until it is known."""
    subscription = consumer._subscription.subscription
    assignment = subscription.assignment if subscription is not None else None
    if assignment is None or partition not in assignment.tps:
        return None
    state = assignment.state_value(partition)
    return int(state.position) if state.has_valid_position else None


class Heard(NamedTuple):
    """Of one partition: when the broker told of it last (ms since 1970), where its log ended, which offset is next."""

    told: int | None
    end: int | None
    next: int | None

    @property
    def is_read(self) -> bool:
        """Whether all that the broker had is taken in."""
        return self.end is not None and (self.next or 0) >= self.end


def heard(consumer: AIOKafkaConsumer) -> list[Heard]:
    """The same of every partition that is ours; by the consumer's own methods each number takes several calls."""
    subscription = consumer._subscription.subscription
    assignment = subscription.assignment if subscription is not None else None
    states: Any = assignment._tp_state.values() if assignment is not None else ()
    return [Heard(state.timestamp, state.highwater, state._position) for state in states]


async def leave_group(consumer: AIOKafkaConsumer) -> None:
    """Leave now, also as a static member, also while a join waits, and drop the connections. Its own ``stop`` keeps a
    static member's place."""
    parts: Any = consumer
    coordinator = parts._coordinator
    coordinator._coordination_task.cancel()  # it may be waiting for a group that is gone
    await asyncio.gather(coordinator._coordination_task, return_exceptions=True)
    coordinator._group_instance_id = None  # who has no name of its own is allowed to leave
    await _end_each(LEAVE_SECONDS, parts.stop, parts._fetcher.close, parts._client.close)


async def close(consumer: AIOKafkaConsumer) -> None:
    """Close a consumer, whatever state its broker is in. Its own ``stop`` can end half-way when a fetch is waiting to
    be tried again, and leave the connections behind.

    In a task of its own: inside aiokafka a cancel can be lost, and whoever is cancelled here must still end.
    """
    parts: Any = consumer
    closing = asyncio.create_task(_end_each(CLOSE_SECONDS, parts.stop, parts._client.close))
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await asyncio.wait([closing])
        raise


async def _end_each(seconds: float, *parts: Any) -> None:
    for end in parts:
        with contextlib.suppress(*_ERRORS, asyncio.CancelledError):
            async with asyncio.timeout(seconds):
                await end()


def consumer_of(**arguments: Any) -> AIOKafkaConsumer:
    """Not started. Reads records whose header names are not UTF-8, too.

    aiokafka dies of such a name while it unpacks what it fetched, at every attempt anew: one such record would hold its
    partition up for ever. Here its batch is unpacked a second time, with the odd bytes of the name written as escapes;
    what the record is worth is then for its reader to say.
    """
    return _TolerantConsumer(**arguments)


async def fetched(consumer: AIOKafkaConsumer, *, wait_ms: int, most: int) -> list[Record]:
    """What a consumer made by `consumer_of` has fetched, of all its partitions; where nothing is there it waits for the
    broker's next answer, at most so long. Raises KafkaError."""
    polled: dict[TopicPartition, list[Any]] = await AIOKafkaConsumer.getmany(
        consumer, timeout_ms=wait_ms, max_records=most
    )
    return list(chain.from_iterable(polled.values()))


class _TolerantConsumer(AIOKafkaConsumer):
    @property
    def _fetcher(self) -> Any:
        """Made by ``start``, which fetches nothing before this is set."""
        return self._own_fetcher

    @_fetcher.setter
    def _fetcher(self, made: Any) -> None:
        self._own_fetcher = made
        if made is not None:
            vars(made)["_proc_fetch_request"] = MethodType(_PROC_FETCH_REQUEST, made)
            # so long the others are not fetched while records of one partition lie ready: that fetch may find nothing
            # and wait at the broker, and until it is answered nothing more of the first one is asked for
            made._prefetch_backoff = 2 * made._fetch_max_wait_ms / 1000
            made._fetcher_timeout = made._prefetch_backoff  # answers wake it: its own 0.2 s wake it for nothing
            vars(made)["_get_actions_per_node"] = MethodType(_actions_unless_held, self)

    held = False  # whether nothing is fetched


def hold_fetches(consumer: AIOKafkaConsumer) -> None:
    """Fetch nothing more until `resume_fetches`. What is under way comes, and lies ready."""
    vars(consumer)["held"] = True


def resume_fetches(consumer: AIOKafkaConsumer) -> None:
    """Fetch as ever, from now on."""
    parts: Any = consumer
    if parts.held:
        parts.held = False
        parts._fetcher._notify(parts._fetcher._wait_consume_future)


def _actions_unless_held(consumer: _TolerantConsumer, assignment: Any) -> Any:
    nothing: Any = ((), {}, None, False, ())  # to fetch, to reset; seconds to wait; whether metadata is old; paused
    if consumer.held:
        return nothing
    fetcher = consumer._fetcher
    if len(fetcher._in_flight) > sum(not task.done() for task in fetcher._pending_tasks):
        # an answer came in the moment in which it was woken for something else (a seek, records that were taken): its
        # broker still counts as asked, so nothing is asked for, and nothing would wake it for `_fetcher_timeout`
        asyncio.get_running_loop().call_soon(fetcher._notify, fetcher._wait_consume_future)
    return _GET_ACTIONS_PER_NODE(fetcher, assignment)


def wait_at_most(consumer: AIOKafkaConsumer, fetch_wait_ms: int) -> None:
    """How long a fetch that finds nothing may wait at the broker, from the next one on."""
    fetcher: Any = consumer._fetcher
    fetcher._fetch_max_wait_ms = fetch_wait_ms
    fetcher._prefetch_backoff = 2 * fetch_wait_ms / 1000


class ReadableRecords:
    """Stands in for aiokafka's MemoryRecords: what one answer of the broker holds for one partition."""

    def __init__(self, data: bytes) -> None:
        self._data, self._quick, self._taken = data, MemoryRecords(data), 0

    def has_next(self) -> bool:
        return self._quick.has_next()

    def next_batch(self) -> _Batch:
        number, self._taken = self._taken, self._taken + 1
        return _Batch(self._quick.next_batch(), self._data, number)

    def size_in_bytes(self) -> int:
        return self._quick.size_in_bytes()


class _Batch:
    """One batch, as quickly unpacked as ever, and only when that fails as patiently as it needs."""

    def __init__(self, quick: Any, data: bytes, number: int) -> None:
        self._quick, self._data, self._number = quick, data, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._quick, name)

    def __next__(self) -> Any:
        return next(self._quick)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._quick
        except UnicodeDecodeError:
            yield from self._patiently()  # from the batch's first record: the fetcher leaves out what it has had

    def _patiently(self) -> Iterator[Any]:
        batches = _MemoryRecordsPy(self._data)
        for _ in range(self._number):
            batches.next_batch()
        piece: Any = batches._next_slice
        batch: Any = _DefaultRecordBatchPy(piece)
        batch._maybe_uncompress()
        batch._buffer = _Bytes(batch._buffer)
        return iter(batch)


class _Bytes(bytearray):
    """A buffer whose slices can always be decoded."""

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        found = super().__getitem__(place)
        return _Bytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class QuickRecords(fetcher.PartitionRecords):
    """What one partition has fetched, as records of the kit. Seen, aiokafka's own records were a third of what it costs
    to read one: eleven fields, of which five are never looked at."""

    def __iter__(self) -> Iterator[Record]:
        """All that is left. Without a call of `__next__` for each."""
        return cast(Iterator[Record], self._records_iterator)

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:
        return Record(tp.topic, tp.partition, record.offset, record.key, record.value, record.headers)


# --- fetches, in fewer steps. aiokafka writes and reads each number by some calls of its own: seen, a third of what a
# --- fetch costs that finds nothing. Format: Kafka's protocol guide, "Fetch API", versions 4 to 11.

_COUNT, _LENGTH, _ABORTED = Struct(">i"), Struct(">h"), Struct(">qq")


class _QuickFetch(fetch.FetchRequest):
    """Says what aiokafka's own says, byte for byte, and gets the same answer; other versions are left to it."""

    def build(self, request_struct_class: Any) -> Any:
        return super().build(_QUICK.get(request_struct_class.API_VERSION, request_struct_class))


def _quick(theirs: type[RequestStruct]) -> type[RequestStruct]:
    version, names, fields = theirs.API_VERSION, theirs.SCHEMA.names, theirs.SCHEMA.fields
    start = Struct(">iiiib" if version < 7 else ">iiiibii")  # up to the topics
    asked = Struct(">iqi" if version < 5 else ">iqqi" if version < 9 else ">iiqqi")  # a partition
    answered = Struct(">i" if version < 7 else ">ihi")
    told = Struct(">ihqqi" if version < 5 else ">ihqqqi")  # a partition, up to how many transactions were aborted
    rest = Struct(">i" if version < 11 else ">ii")  # behind those, up to how long its records are
    whole = Struct(told.format + rest.format[1:])
    aborted_at = 4 if version < 5 else 5
    topics_at = names.index("topics")

    def encode(self: Any) -> bytes:
        values = [getattr(self, name) for name in names]
        parts = [start.pack(*values[:topics_at]), _COUNT.pack(len(self.topics))]
        for topic, partitions in self.topics:
            name = topic.encode()
            parts += [_LENGTH.pack(len(name)), name, _COUNT.pack(len(partitions))]
            parts += [asked.pack(*partition) for partition in partitions]
        parts += [fields[n].encode(values[n]) for n in range(topics_at + 1, len(fields))]
        return b"".join(parts)

    def decode(cls: Any, data: BytesIO) -> Any:
        raw, at = data.getvalue(), data.tell()
        first, at = answered.unpack_from(raw, at), at + answered.size
        (count,), at = _COUNT.unpack_from(raw, at), at + 4
        topics: list[Any] = []
        for _ in range(count):
            (length,), at = _LENGTH.unpack_from(raw, at), at + 2
            name, at = raw[at : at + length].decode(), at + length
            (many,), at = _COUNT.unpack_from(raw, at), at + 4
            partitions: list[Any] = []
            pairs: Any
            for _ in range(many):
                row = whole.unpack_from(raw, at)
                if (aborted := row[aborted_at]) <= 0:
                    at += whole.size
                    pairs = [] if aborted == 0 else None
                else:
                    at += told.size
                    pairs = [_ABORTED.unpack_from(raw, at + 16 * n) for n in range(aborted)]
                    at += 16 * aborted
                    row = (*row[: aborted_at + 1], *rest.unpack_from(raw, at))
                    at += rest.size
                length = row[-1]
                if at + length > len(raw):
                    raise ValueError("Buffer underrun decoding records")
                records = None if length < 0 else raw[at : at + length]
                at += max(0, length)
                partitions.append((*row[:aborted_at], pairs, *row[aborted_at + 1 : -1], records))
            topics.append((name, partitions))
        return cls(*first, topics)

    answer = type(theirs.RESPONSE_TYPE.__name__, (theirs.RESPONSE_TYPE,), {"decode": classmethod(decode)})
    return type(theirs.__name__, (theirs,), {"encode": encode, "RESPONSE_TYPE": answer})


_QUICK = {each.API_VERSION: _quick(each) for each in fetch.FetchRequest._CLASSES if 4 <= each.API_VERSION <= 11}

# the fetcher's own methods, which find other classes under the names by which they make what they ask and have fetched
_INSTEAD = vars(fetcher) | {
    "MemoryRecords": ReadableRecords,
    "PartitionRecords": QuickRecords,
    "FetchRequest": _QuickFetch,
}
_PROC_FETCH_REQUEST = FunctionType(fetcher.Fetcher._proc_fetch_request.__code__, _INSTEAD)
_GET_ACTIONS_PER_NODE = FunctionType(fetcher.Fetcher._get_actions_per_node.__code__, _INSTEAD)


# --- the one request that aiokafka lacks: Metadata v12, which tells a topic's id (its own stops at v5). Works on Apache
# --- Kafka and on the embedded broker. Format: Kafka's protocol guide, "Metadata Request (Version: 12)".

_ANY = uuid.UUID(int=0)  # "by name, not by id"
_UNKNOWN = -(2**31)  # operations of a topic that the broker does not tell


class _Uuid(AbstractType[uuid.UUID]):
    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> uuid.UUID:
        return uuid.UUID(bytes=data.read(16))


_TEXT, _TAGS = CompactString("utf-8"), ("tags", TaggedFields)
_BROKER = CompactArray(("id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS)
_REPLICAS = [(name, CompactArray(Int32)) for name in ("replicas", "isr", "offline")]
_PARTITION = CompactArray(
    ("error", Int16), ("partition", Int32), ("leader", Int32), ("epoch", Int32), *_REPLICAS, _TAGS
)
_TOPIC = CompactArray(
    *(("error", Int16), ("name", _TEXT), ("id", _Uuid), ("internal", Boolean)),
    *(("partitions", _PARTITION), ("operations", Int32), _TAGS),
)


class _Metadata12Response(Response):
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        *(("throttle", Int32), ("brokers", _BROKER), ("cluster_id", _TEXT), ("controller", Int32)),
        *(("topics", _TOPIC), _TAGS),
    )


class _Metadata12(RequestStruct):
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Metadata12Response
    SCHEMA = Schema(
        ("topics", CompactArray(("id", _Uuid), ("name", _TEXT), _TAGS)),
        ("create", Boolean),
        ("operations", Boolean),
        _TAGS,
    )


class _TopicsRequest(Request[_Metadata12]):
    API_KEY = 3

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_Metadata12]) -> _Metadata12:
        return request_struct_class([(_ANY, name, {}) for name in self._names], False, True, {})


class Found(NamedTuple):
    """A topic that exists: id (32 hex digits), number of partitions, and what the client may do with it: the codes of
    Kafka's operations as bits, or None where the broker keeps no rights."""

    id: str
    partitions: int
    operations: int | None


async def topic_ids(client: AIOKafkaClient, names: Sequence[str]) -> tuple[dict[str, Found], set[str]]:
    """Each topic that exists, and the names of those that the client may not even see. Creates none. Raises
    KafkaError."""
    answer = await client.send(client.get_random_node(), _TopicsRequest(names))
    found = {
        topic[1]: Found(topic[2].hex, len(topic[4]), None if topic[5] == _UNKNOWN else topic[5])
        for topic in answer.topics
        if topic[0] == 0
    }
    return found, {topic[1] for topic in answer.topics if topic[0] == TopicAuthorizationFailedError.errno}
