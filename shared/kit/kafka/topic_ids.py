"""The one request that aiokafka 0.14 lacks: Metadata v12, which tells a topic's id (its own stops at v5).

Works on Apache Kafka and on the embedded broker. Format: Kafka's protocol guide, "Metadata Request (Version: 12)".
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

_ANY = uuid.UUID(int=0)  # "by name, not by id"
_UNKNOWN = -(2**31)  # operations of a topic that the broker does not tell


class _Uuid(AbstractType[uuid.UUID]):
    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> uuid.UUID:
        return uuid.UUID(bytes=data.read(16))


class _Metadata12Response(Response):
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle", Int32),
        (
            "brokers",
            CompactArray(
                ("id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller", Int32),
        (
            "topics",
            CompactArray(
                ("error", Int16),
                ("name", CompactString("utf-8")),
                ("id", _Uuid),
                ("internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Metadata12(RequestStruct):
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Metadata12Response
    SCHEMA = Schema(
        ("topics", CompactArray(("id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("create", Boolean),
        ("operations", Boolean),
        ("tags", TaggedFields),
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
