"""Kafka is not open: who may do what, asked of a real Apache Kafka with the users and rights that the harness makes."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from deploy.local.apache.broker import ApacheBroker
from deploy.rights.acls import Rule, rules_of
from deploy.rights.kafka_admin import add, apply
from deploy.rights.login import ADMIN, READER, Login
from shared.kit.kafka.aiokafka_internals import topic_ids
from shared.kit.kafka.client import (
    bootstrapped,
)
from shared.kit.kafka.rights import Rights, check_granted
from shared.kit.kafka.topics import Topics
from tests.integration.apache.parts import (
    ACTS,
    ALL_GROUPS,
    ALL_TOPICS,
    GROUPS,
    PASSWORD,
    READS,
    STRANGER,
    TOPICS,
    USERS,
    WRITES,
    ends,
    login_of,
    settings_of,
)
from verification.siege.forged_records import forged

pytestmark = pytest.mark.integration


class TestMatrix:
    """Every user, every topic and group, every act: what Kafka's own authorizer says of it."""

    @pytest.mark.parametrize("user", USERS)
    async def test_topics(self, broker: ApacheBroker, user: str) -> None:
        client = await bootstrapped(settings_of(broker, user), 10_000)
        try:
            found, hidden = await topic_ids(client, ALL_TOPICS)
        finally:
            await client.close()
        seen = WRITES[user] | READS[user]
        assert set(found) == seen
        assert hidden == set(ALL_TOPICS) - seen
        for topic in seen:
            granted = {act for act, code in ACTS.items() if (found[topic].operations or 0) >> code & 1}
            expected = {"Describe"}
            expected |= {"Read"} if topic in READS[user] else set()
            expected |= {"Write", "Create"} if topic in WRITES[user] else set()
            assert (topic, granted) == (topic, expected)

    @pytest.mark.parametrize("user", USERS)
    async def test_groups(self, broker: ApacheBroker, user: str) -> None:
        topics = Topics(settings_of(broker, user))
        rights = Rights(user=user, writes=(), reads=(), groups=ALL_GROUPS)
        try:
            await check_granted(topics, rights)
            told = ""
        except Exception as error:
            told = str(error)
        refused = {each.removeprefix("read group ") for each in told.split(", ") if each}
        assert set(ALL_GROUPS) - refused == GROUPS[user]

    @pytest.mark.parametrize("user", [user for user in USERS if user != ADMIN])
    async def test_nobody_deletes_alters_or_makes_what_is_not_theirs(self, broker: ApacheBroker, user: str) -> None:
        admin = AIOKafkaAdminClient(**login_of(broker, user).arguments)
        await admin.start()
        try:
            for topic in TOPICS:
                answer: Any = await admin.delete_topics([topic])
                assert [code for _, code in answer.topic_error_codes] == [TopicAuthorizationFailedError.errno]
                with pytest.raises(KafkaError):
                    await admin.create_partitions({topic: NewPartitions(8)})
                config = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "1"})
                altered: Any
                (altered,) = await admin.alter_configs([config])
                assert altered.resources[0][0] == TopicAuthorizationFailedError.errno
        finally:
            await admin.close()
        topics = Topics(settings_of(broker, user))
        found = await topics.declare(["mistyped"])
        await topics.stop()
        assert found == {}

    @pytest.mark.parametrize("user", ["intake", STRANGER])
    async def test_nobody_gives_rights(self, broker: ApacheBroker, user: str) -> None:
        client = AIOKafkaClient(**login_of(broker, user).arguments)
        await client.bootstrap()
        try:
            with pytest.raises(KafkaError, match="ClusterAuthorizationFailed"):
                await add(client, Rule(user, "Topic", "matches", "Write"))
        finally:
            await client.close()
        with pytest.raises(KafkaError, match="ClusterAuthorizationFailed"):
            await apply(login_of(broker, user).arguments, {"intake": "mine-now"}, [])


class TestForged:
    @pytest.mark.parametrize("user", USERS)
    async def test_what_is_not_theirs_to_write_is_refused_by_the_broker(self, broker: ApacheBroker, user: str) -> None:
        attacks = [each for each in forged() if each.topic in ALL_TOPICS and each.topic not in WRITES[user]]
        assert len(attacks) >= (20 if user in (STRANGER, READER) else 10)
        before = await ends(broker)
        producer = AIOKafkaProducer(**login_of(broker, user).arguments, acks="all", request_timeout_ms=10_000)
        await producer.start()
        got_through = []
        try:
            for each in attacks:
                try:
                    await producer.send_and_wait(each.topic, each.value, key=each.key, headers=each.headers)
                except TopicAuthorizationFailedError:
                    continue
                got_through.append(each.kind)
        finally:
            await producer.stop()
        assert got_through == []
        assert await ends(broker) == before

    async def test_the_owner_writes(self, broker: ApacheBroker) -> None:
        """Else the refusals above would show nothing."""
        async with AIOKafkaProducer(
            **broker.login("matching").arguments, acks="all", enable_idempotence=True
        ) as producer:
            await producer.send_and_wait("matches", b"{}", key=b"one")
            await producer.send_and_wait("people.dead", b"{}", key=b"one")

    @pytest.mark.parametrize("user", USERS)
    async def test_what_is_not_theirs_to_read_is_refused_by_the_broker(self, broker: ApacheBroker, user: str) -> None:
        """In each topic lies a record that its owner has put there; the others come all the same."""
        consumer = AIOKafkaConsumer(**login_of(broker, user).arguments, auto_offset_reset="earliest")
        await consumer.start()
        came: set[str] = set()
        end = time.monotonic() + (2.0 if user == STRANGER else 20.0)
        try:
            consumer.assign([TopicPartition(topic, 0) for topic in ALL_TOPICS])
            for topic in ALL_TOPICS:
                consumer.seek(TopicPartition(topic, 0), 0)
            while time.monotonic() < end and came != READS[user]:
                with contextlib.suppress(TopicAuthorizationFailedError):  # the first topic that is refused
                    came |= {partition.topic for partition in await consumer.getmany(timeout_ms=100)}
            with contextlib.suppress(TopicAuthorizationFailedError):
                came |= {partition.topic for partition in await consumer.getmany(timeout_ms=500)}
        finally:
            await consumer.stop()
        assert came == READS[user]

    async def test_nobody_joins_the_group_of_another(self, broker: ApacheBroker) -> None:
        consumer = AIOKafkaConsumer(
            "people", **broker.login("notifications").arguments, group_id="matching", session_timeout_ms=6_000
        )
        with pytest.raises(GroupAuthorizationFailedError):
            await consumer.start()
        await consumer.stop()

    @pytest.mark.parametrize(
        ("user", "password"), [("intake", "guessed"), ("nobody", PASSWORD), ("", ""), ("admin", PASSWORD)]
    )
    async def test_who_is_not_known_is_not_let_in(self, broker: ApacheBroker, user: str, password: str) -> None:
        client = AIOKafkaClient(**Login(broker.address, user, password).arguments)
        with pytest.raises(KafkaConnectionError):
            await client.bootstrap()
        await client.close()


UNDER: dict[str, set[tuple[str, str]]] = {  # all topics whose names begin so
    "intake": {("inbound.", "Read"), ("inbound.", "Describe"), ("answers.", "Write"), ("answers.", "Describe")},
    "matching": set(),
    "notifications": {("partners.", "Write"), ("partners.", "Describe")},
}


def test_the_matrix_is_that_of_the_services() -> None:
    """Whoever adds a topic or a group adds it here too."""
    for service in ("intake", "matching", "notifications"):
        rules = set(rules_of(service))
        literal = {r for r in rules if r.pattern == "Literal"}
        assert {r.name for r in literal if r.operation == "Write"} == WRITES[service]
        assert {(r.name, r.operation) for r in rules - literal} == UNDER[service]
        assert {r.name for r in literal if (r.kind, r.operation) == ("Topic", "Read")} == READS[service]
        assert {r.name for r in rules if r.kind == "Group"} == GROUPS[service]
