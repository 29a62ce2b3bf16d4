"""The canary: fails when another aiokafka is installed, or when a private part that the kit uses is not as it was.

A new version: read what these tests name in its source, mend `aiokafka_internals`, run the integration tests of the kit
on both brokers, then change its ``VERSION``.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import struct
from collections.abc import AsyncIterator
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.producer.message_accumulator import MessageBatch
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest, LeaveGroupRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.kafka import aiokafka_internals as internals
from shared.kit.kafka.aiokafka_internals import (
    VERSION,
    Heard,
    ReadableRecords,
    _QuickFetch,
    abandon,
    consumer_of,
    decoded_assignment,
    heard,
    heartbeat_of_nobody,
    hold_fetches,
    leave_group,
    never_expire,
    next_offset,
    resume_fetches,
    topic_ids,
    wait_at_most,
)
from shared.kit.kafka.records import Record
from tests.support.poison import OddName

pytestmark = pytest.mark.unit
PLAIN, GZIP = 0, 1
PEOPLE = TopicPartition("people", 0)


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("aiokafka") == VERSION
    pins = (Path(__file__).parents[3] / "requirements/shared.in").read_text()
    assert f"aiokafka=={VERSION} " in pins


# --- consumers


@pytest_asyncio.fixture
async def consumer() -> AsyncIterator[Any]:
    """Not connected to anything; with the parts that ``start`` would have made."""
    made: Any = consumer_of(bootstrap_servers="127.0.0.1:1", enable_auto_commit=False)
    made._fetcher = Fetcher(made._client, made._subscription, isolation_level="read_committed")
    yield made
    await made.stop()


async def test_the_next_offset_is_known_without_asking(consumer: Any) -> None:
    assert next_offset(consumer, PEOPLE) is None
    consumer.assign([PEOPLE])
    assert next_offset(consumer, PEOPLE) is None
    consumer.seek(PEOPLE, 5)
    assert next_offset(consumer, PEOPLE) == 5
    assert next_offset(consumer, TopicPartition("people", 1)) is None


@pytest.mark.parametrize(("leaves", "sent"), [(leave_group, [LeaveGroupRequest]), (AIOKafkaConsumer.stop, [])])
async def test_only_who_leaves_on_purpose_gives_a_static_members_place_up(
    consumer: Any, leaves: Any, sent: list[type]
) -> None:
    requests: list[type] = []

    async def send(request: Any) -> None:
        requests.append(type(request))

    consumer._coordinator = coordinator = GroupCoordinator(
        consumer._client, consumer._subscription, group_id="g", group_instance_id="one", enable_auto_commit=False
    )
    coordinator._send_req = send  # type: ignore[method-assign]  # the broker
    coordinator.generation = 1
    await leaves(consumer)
    assert requests == sent
    assert coordinator._coordination_task.done()
    assert consumer._fetcher._closed


# --- records


def batch(first: int, *, odd: bool, codec: int = PLAIN) -> bytes:
    """Three records as a broker hands them out; the second may have an odd name."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1_000_000)
    for n in range(3):
        name = OddName("x") if odd and n == 1 else "x"
        builder.append(n, 1_000, b"key", b"value %d" % (first + n), [(name, b"1"), ("none", None)])
    found = bytearray(builder.build())
    found[:8] = first.to_bytes(8)  # the base offset, which a broker sets; it is not in the checksum
    return bytes(found)


def unpacked(records: Any) -> list[Any]:
    """As the fetcher of aiokafka does it."""
    return list(PartitionRecords(PEOPLE, records, [], 0, None, None, True, 0))


@pytest.mark.parametrize("codec", [PLAIN, GZIP])
class TestReadableRecords:
    def test_gives_every_record_once_and_in_order(self, codec: int) -> None:
        data = batch(0, odd=False, codec=codec) + batch(3, odd=True, codec=codec) + batch(6, odd=False)
        found = unpacked(ReadableRecords(data))
        assert [(record.offset, record.value) for record in found] == [(n, b"value %d" % n) for n in range(9)]
        assert [name for name, _ in found[4].headers] == ["\\xff\\xfe", "none"]
        assert found[4].headers[1] == ("none", None)
        assert all(type(record.value) is bytes and type(record.key) is bytes for record in found)

    def test_is_needed(self, codec: int) -> None:
        with pytest.raises(UnicodeDecodeError):
            unpacked(MemoryRecords(batch(0, odd=True, codec=codec)))

    def test_changes_nothing_for_others(self, codec: int) -> None:
        data = batch(0, odd=False, codec=codec) + batch(3, odd=False)
        assert [vars(record) for record in unpacked(ReadableRecords(data))] == [
            vars(record) for record in unpacked(MemoryRecords(data))
        ]


async def fetched(consumer: Any, data: bytes, *, take: bool = True) -> list[Any]:
    """What the consumer hands out after its broker has answered a fetch with this."""

    async def send(node: int, request: Any) -> Any:
        return SimpleNamespace(API_VERSION=4, topics=[("people", [(0, 0, 3, 3, [], data)])])

    consumer.assign([PEOPLE])
    consumer.seek(PEOPLE, 0)
    consumer._client.send = send
    assignment = consumer._subscription.subscription.assignment
    request = SimpleNamespace(topics=[("people", [(0, 0, 1_000)])])
    assert await consumer._fetcher._proc_fetch_request(assignment, 0, request)
    return list(consumer._fetcher._records.pop(PEOPLE).getall()) if take else []


async def test_a_consumer_of_the_kit_reads_any_header_name(consumer: Any) -> None:
    assert [record.offset for record in await fetched(consumer, batch(0, odd=True))] == [0, 1, 2]


async def test_a_consumer_of_the_kit_reads_records_of_the_kit(consumer: Any) -> None:
    headers = [("x", b"1"), ("none", None)]
    expected = [Record("people", 0, n, b"key", b"value %d" % n, headers) for n in range(3)]
    assert await fetched(consumer, batch(0, odd=False)) == expected


async def test_what_was_not_taken_yet_comes_next(consumer: Any) -> None:
    await fetched(consumer, batch(0, odd=False), take=False)
    consumer._coordinator = GroupCoordinator(
        consumer._client, consumer._subscription, group_id="g", group_instance_id="one", enable_auto_commit=False
    )
    found = [await internals.fetched(consumer, wait_ms=0, most=most) for most in (2, 2, 2)]
    assert [[record.offset for record in each] for each in found] == [[0, 1], [2], []]


async def test_a_fetch_of_others_waits_while_records_of_one_partition_lie_ready(consumer: Any) -> None:
    theirs = Fetcher(consumer._client, consumer._subscription)
    assert (theirs._prefetch_backoff, theirs._fetcher_timeout, theirs._fetch_max_wait_ms) == (0.1, 0.2, 500)
    await theirs.close()
    assert consumer._fetcher._get_actions_per_node(SimpleNamespace(tps=()))[2] == 1.0
    await fetched(consumer, batch(0, odd=False), take=False)
    assert 0.5 < consumer._fetcher._records[PEOPLE].calculate_backoff() <= 1.0  # twice what a fetch may wait


async def test_the_next_fetch_waits_as_long_as_was_said_last(consumer: Any) -> None:
    await fetched(consumer, batch(0, odd=False), take=True)  # so that it has a position
    wait_at_most(consumer, 10)
    assert consumer._fetcher._fetch_max_wait_ms == 10
    assert "_fetch_max_wait_ms" in Fetcher._get_actions_per_node.__code__.co_names  # read for every request anew
    assert 0.0 <= consumer._fetcher._prefetch_backoff == 0.02


async def test_nothing_is_fetched_while_it_is_held(consumer: Any) -> None:
    asked: list[Any] = []

    async def send(node: int, request: Any) -> Any:
        asked.append(request.topics)
        await asyncio.Event().wait()

    consumer._client.send = send
    consumer._client.cluster.leader_for_partition = lambda partition: 0
    hold_fetches(consumer)
    consumer.assign([PEOPLE])
    consumer.seek(PEOPLE, 5)
    consumer._fetcher._notify(consumer._fetcher._wait_consume_future)  # as whoever takes records
    await idle()
    assert not asked
    resume_fetches(consumer)
    await idle()
    assert asked == [[("people", [(0, 5, 1_048_576)])]]


@pytest.mark.parametrize("turns", range(8))
async def test_whenever_an_answer_comes_after_a_seek_the_next_fetch_waits_for_nothing(
    consumer: Any, turns: int
) -> None:
    """In one moment of them aiokafka takes the broker for asked, and with its own time-out set to ours nothing was read
    for 2 s; seen after a rebalance."""
    asked: list[Any] = []
    loop = asyncio.get_running_loop()

    async def send(node: int, request: Any) -> Any:
        asked.append((request.topics, loop.create_future()))
        return await asked[-1][1]

    consumer._client.send = send
    consumer._client.cluster.leader_for_partition = lambda partition: 0
    consumer.assign([PEOPLE])
    consumer.seek(PEOPLE, 5)
    await idle()
    consumer.seek(PEOPLE, 3)
    for _ in range(turns):
        await asyncio.sleep(0)
    asked[0][1].set_result(SimpleNamespace(API_VERSION=4, topics=[("people", [(0, 0, 5, 5, [], b"")])]))
    await idle()
    assert [topics for topics, _ in asked] == [[("people", [(0, at, 1_048_576)])] for at in (5, 3)]


async def idle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_held_is_what_the_fetchers_loop_asks_for() -> None:
    theirs = Fetcher._get_actions_per_node
    assert "_get_actions_per_node" in Fetcher._fetch_requests_routine.__code__.co_names
    assert "FetchRequest" in theirs.__code__.co_names
    assert not theirs.__code__.co_freevars
    assert theirs.__defaults__ is theirs.__kwdefaults__ is None
    assert internals._GET_ACTIONS_PER_NODE.__code__ is theirs.__code__


async def test_what_was_heard_of_its_partitions(consumer: Any) -> None:
    assert heard(consumer) == []
    consumer.assign([PEOPLE])
    assert heard(consumer) == [(None, None, None)]
    await fetched(consumer, batch(0, odd=False))
    ((told, end, next),) = heard(consumer)
    assert (told, end, next) == (consumer.last_poll_timestamp(PEOPLE), consumer.highwater(PEOPLE), 3)
    assert end == 3


@pytest.mark.parametrize(
    ("end", "next", "is_read"), [(None, 3, False), (0, None, True), (3, None, False), (3, 2, False), (3, 3, True)]
)
def test_a_partition_is_read_when_the_broker_had_no_more(end: int | None, next: int | None, is_read: bool) -> None:
    assert Heard(0, end, next).is_read is is_read


async def test_nobody_elses_consumer_is_touched() -> None:
    theirs: Any = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1", enable_auto_commit=False)
    theirs._fetcher = Fetcher(theirs._client, theirs._subscription)
    with pytest.raises(UnicodeDecodeError):
        await fetched(theirs, batch(0, odd=True))
    await theirs.stop()


def test_only_the_name_of_the_records_is_another_one() -> None:
    theirs = Fetcher._proc_fetch_request
    assert "MemoryRecords" in theirs.__code__.co_names
    assert not theirs.__code__.co_freevars
    assert theirs.__defaults__ is theirs.__kwdefaults__ is None
    assert internals._PROC_FETCH_REQUEST.__code__ is theirs.__code__


# --- fetches


PARTITIONS = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(-1, 2**63 - 1), st.integers(0, 2**31 - 1)))
TOPICS = st.lists(st.tuples(st.text(max_size=5), PARTITIONS), max_size=3)
VERSIONS = range(4, 12)


def asked(kind: type, version: int, topics: Any) -> Any:
    return kind(10, 1, 52_428_800, 1, topics, rack_id="r").prepare({1: (0, version)})


@given(st.sampled_from(VERSIONS), TOPICS)
def test_a_fetch_is_asked_for_as_aiokafka_does_it(version: int, topics: Any) -> None:
    ours, theirs = asked(_QuickFetch, version, topics), asked(FetchRequest, version, topics)
    assert ours.API_VERSION == ours.RESPONSE_TYPE.API_VERSION == version
    assert ours.encode() == theirs.encode()
    assert ours == theirs


@given(st.sampled_from(VERSIONS), st.data())
def test_an_answer_is_read_as_aiokafka_does_it(version: int, data: st.DataObject) -> None:
    numbers = st.integers(-(2**31), 2**31 - 1)
    records = data.draw(st.sampled_from([None, b"", b"records"]))
    aborted = data.draw(st.none() | st.lists(st.tuples(numbers, numbers), max_size=3))
    partition: list[Any] = [
        data.draw(numbers),
        0,
        *(data.draw(numbers) for _ in range(2 if version < 5 else 3)),
        aborted,
    ]
    partition += [*([data.draw(numbers)] if version == 11 else []), records]
    topics = data.draw(st.lists(st.tuples(st.text(max_size=5), st.just([tuple(partition)] * 2)), max_size=3))
    theirs = asked(FetchRequest, version, []).RESPONSE_TYPE
    ours = asked(_QuickFetch, version, []).RESPONSE_TYPE
    raw = b"head" + theirs(*((7,) if version < 7 else (7, 0, 3)), topics).encode()
    of_ours, of_theirs = BytesIO(raw), BytesIO(raw)
    of_ours.seek(4)
    of_theirs.seek(4)
    assert ours.decode(of_ours) == theirs.decode(of_theirs)
    for cut in range(4, len(raw)):
        with pytest.raises((ValueError, struct.error)):
            ours.decode(BytesIO(raw[4:cut]))


@pytest.mark.parametrize("version", [1, 2, 3])
def test_older_versions_are_left_to_aiokafka(version: int) -> None:
    made = _QuickFetch(10, 1, 52_428_800, 0, []).prepare({1: (0, version)})
    assert type(made).__module__ == FetchRequest.__module__
    assert version == made.API_VERSION


# --- producers


async def test_a_batch_never_expires() -> None:
    producer: Any = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    assert 0 < producer._message_accumulator._batch_ttl < math.inf
    never_expire(producer)
    builder: Any = None
    assert MessageBatch(PEOPLE, builder, -1.0, 0.0).expired()
    assert not MessageBatch(PEOPLE, builder, producer._message_accumulator._batch_ttl, 0.0).expired()
    await abandon(producer)


async def test_an_abandoned_producer_waits_for_nothing_and_takes_nothing() -> None:
    producer: Any = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    closed: list[str] = []

    async def sender() -> None:
        closed.append("sender")

    async def client() -> None:
        closed.append("client")

    assert inspect.iscoroutinefunction(producer._sender.close)
    assert inspect.iscoroutinefunction(producer.client.close)
    producer._sender.close, producer.client.close = sender, client
    await abandon(producer)
    assert closed == ["sender", "client"]
    assert producer._closed  # also what its destructor and `stop` look at
    await producer.stop()
    assert closed == ["sender", "client"]


# --- requests


def test_connections_are_made_as_they_were() -> None:
    assert collect_hosts("one:1,[::1]:2", randomize=False) == [("one", 1, 0), ("::1", 2, 10)]
    wanted = {"request_timeout_ms", "security_protocol", "ssl_context", *(f"sasl_{part}" for part in SASL)}
    assert wanted <= set(inspect.signature(create_conn).parameters)


SASL = ("mechanism", "plain_username", "plain_password")


async def test_a_heartbeat_of_nobody_goes_to_the_groups_coordinator() -> None:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers="127.0.0.1:1")
    sent: list[Any] = []

    async def send(node: int, request: Any) -> Any:
        sent.append((node, type(request), request._group, request._generation_id, request._member_id))
        return SimpleNamespace(error_code=30)

    async def coordinator(group: str) -> int:
        return 7

    admin._client.send, admin.find_coordinator = send, coordinator
    assert await heartbeat_of_nobody(admin, "g") == 30
    assert sent == [(7, HeartbeatRequest, "g", -1, "nobody")]


def test_an_assignment_is_decoded() -> None:
    raw = ConsumerProtocolMemberAssignment(0, [("people", [0, 2]), ("agencies", [1])], b"").encode()
    assert decoded_assignment(raw) == {PEOPLE, TopicPartition("people", 2), TopicPartition("agencies", 1)}


async def test_a_topics_id_is_asked_for_and_read() -> None:
    """By hand, from Kafka's protocol guide."""
    id = bytes(range(16))
    partition = struct.pack(">hiii", 0, 0, 1, 0) + b"\1\1\1" + b"\0"
    topic = struct.pack(">h", 0) + b"\7people" + id + b"\0" + b"\3" + partition * 2 + struct.pack(">i", 8) + b"\0"
    hidden = struct.pack(">h", 29) + b"\4its" + bytes(16) + b"\0" + b"\1" + struct.pack(">i", -(2**31)) + b"\0"
    answer = struct.pack(">i", 0) + b"\1" + b"\2c" + struct.pack(">i", 1) + b"\3" + topic + hidden + b"\0"
    sent: list[bytes] = []

    class Client:
        def get_random_node(self) -> int:
            return 1

        async def send(self, node: int, request: Any) -> Any:
            made = request.prepare({3: (0, 13)})
            sent.append(made.encode())
            assert (made.API_KEY, made.API_VERSION, made.FLEXIBLE_VERSION) == (3, 12, True)
            return made.RESPONSE_TYPE.decode(BytesIO(answer))

    client: Any = Client()
    found, hidden_ones = await topic_ids(client, ["people", "its"])
    assert found == {"people": (id.hex(), 2, 8)}
    assert hidden_ones == {"its"}
    wanted = b"\3" + bytes(16) + b"\7people" + b"\0" + bytes(16) + b"\4its" + b"\0"
    assert sent == [wanted + b"\0" + b"\1" + b"\0"]
