"""Kafka is not open: who may do what, asked of a real Apache Kafka with the users and rights that the harness makes.

What is expected stands here by hand, not taken from `deploy/rights`: a right that is given by mistake is to be seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
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
from deploy.local.errors import StartError
from deploy.local.login import ADMIN, READER, Login
from deploy.local.ports import free_port
from deploy.local.timeouts import scaled
from deploy.rights.access import Rule, rules_of
from deploy.rights.admin import add, apply, remove
from shared.kit.kafka.client import (
    NotLetIn,
    WrongCertificate,
    WrongPassword,
    WrongProtocol,
    bootstrapped,
    connection,
    why_refused,
)
from shared.kit.kafka.consumer import Consumer
from shared.kit.kafka.rights import Rights, check_granted
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings
from shared.kit.kafka.topic_ids import topic_ids
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.connect import KAFKA_MISSING, CannotStart, open_kafka
from tests.support.certificates import Authority
from tests.support.missed import cannot_run_here
from verification.siege.forged_records import forged

pytestmark = pytest.mark.integration

TOPICS = ("people", "opportunities", "agencies", "prohibitions", "matches", "deliveries")
WRITES = {
    "intake": {"people", "opportunities", "agencies", "prohibitions", "matches.dead", "deliveries.dead"},
    "matching": {"matches", "people.dead", "opportunities.dead", "agencies.dead", "prohibitions.dead"},
    "notifications": {"deliveries", "people.dead", "matches.dead", "agencies.dead", "prohibitions.dead"},
    "reader": set(),
    "stranger": set(),
}
READS = {
    "intake": {"matches", "deliveries"},
    "matching": {"people", "opportunities", "agencies", "prohibitions"},
    "notifications": {"people", "matches", "agencies", "prohibitions"},
    "reader": {name for names in WRITES.values() for name in names},
    "stranger": set(),
}
GROUPS = {
    "intake": {"intake"},
    "matching": {"matching"},
    "notifications": {"notifications"},
    "reader": set(),
    "stranger": set(),
}
USERS = tuple(WRITES)
ALL_TOPICS = tuple(sorted({name for names in WRITES.values() for name in names}))
ALL_GROUPS = tuple(sorted({group for groups in GROUPS.values() for group in groups} | {"somebody"}))
STRANGER = "stranger"
ACTS = {
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Alter": 7,
    "Describe": 8,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
}
PASSWORD = "5ec7e7" * 8


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.signed("broker")
    return authority


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, certificates: Authority) -> Iterator[ApacheBroker]:
    """One for all tests of this file, with every topic made."""
    made = ApacheBroker(free_port(), tmp_path_factory.mktemp("apache"), users=True, tls=certificates.folder)
    try:
        made.start()
    except StartError as reason:
        cannot_run_here("who may do what at Apache Kafka", because=str(reason))
    try:
        asyncio.run(_prepared(made))
        yield made
    finally:
        made.kill()


async def _prepared(broker: ApacheBroker) -> None:
    """A user without any right, and every topic, made by the services themselves."""
    await apply(broker.login(ADMIN).arguments, {STRANGER: PASSWORD}, [])
    for service in ("intake", "matching", "notifications"):
        topics = Topics(settings_of(broker, service))
        await topics.start(WRITES[service])
        assert set(topics.ids) == WRITES[service]
        await topics.stop()
        async with AIOKafkaProducer(**broker.login(service).arguments, acks="all") as producer:
            for topic in WRITES[service]:
                await producer.send_and_wait(topic, b"{}", key=b"one", partition=0)


def login_of(broker: ApacheBroker, user: str) -> Login:
    return Login(broker.address, STRANGER, PASSWORD) if user == STRANGER else broker.login(user)


def settings_of(broker: ApacheBroker, of: str, **security: Any) -> KafkaSettings:
    login = login_of(broker, of)
    given = {"protocol": "SASL_PLAINTEXT", "user": of, "password": login.password} | security
    return KafkaSettings(
        bootstrap=login.address, service=of, instance=f"{of}-1", idempotent=True, watch_seconds=0.2,
        session_timeout_ms=6_000, heartbeat_interval_ms=500, security=KafkaSecurity(**given),
    )  # fmt: skip


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


class TestTheKit:
    """What a service says and does when it is refused."""

    async def test_a_start_with_a_wrong_password_says_authentication(self, broker: ApacheBroker) -> None:
        told = await self.told(settings_of(broker, "intake", password="guessed"), "intake")
        assert "refuses the authentication" in told
        assert "guessed" not in told

    async def test_a_start_without_security_says_protocol(self, broker: ApacheBroker) -> None:
        told = await self.told(settings_of(broker, "intake", protocol="PLAINTEXT", user="", password=""), "intake")
        assert "IEUM_KAFKA_SECURITY_PROTOCOL" in told

    async def test_a_start_without_rights_names_topics_and_groups(self, broker: ApacheBroker) -> None:
        told = await self.told(settings_of(broker, "notifications"), "intake")
        for missing in ("write topic people", "read group intake", "see topic opportunities"):
            assert missing in told
        assert "write topic matches.dead" not in told  # which both may

    async def told(self, settings: KafkaSettings, service: str) -> str:
        rights = Rights(
            user=service, writes=tuple(WRITES[service]), reads=tuple(READS[service]), groups=tuple(GROUPS[service])
        )
        topics = Topics(settings)
        with pytest.raises(CannotStart) as raised:
            await open_kafka(topics, rights, {})
        await topics.stop()
        assert raised.value.code == KAFKA_MISSING
        return str(raised.value)

    async def test_each_service_is_granted_what_it_needs(self, broker: ApacheBroker) -> None:
        for service in ("intake", "matching", "notifications"):
            topics = Topics(settings_of(broker, service))
            rights = Rights(
                user=service, writes=tuple(WRITES[service]), reads=tuple(READS[service]), groups=tuple(GROUPS[service])
            )
            await open_kafka(topics, rights, {})
            await topics.stop()

    async def test_a_topic_that_was_lost_is_made_again_by_its_owner_alone(self, broker: ApacheBroker) -> None:
        owner, other = Topics(settings_of(broker, "notifications")), Topics(settings_of(broker, "intake"))
        await other.start(["deliveries"])
        old = other.ids["deliveries"]
        admin = AIOKafkaAdminClient(**broker.login(ADMIN).arguments)
        await admin.start()
        try:
            await admin.delete_topics(["deliveries"])

            async def gone() -> bool:
                return "deliveries" not in await other.read(["deliveries"])

            await until(gone)
            assert await other.declare(["deliveries"]) == {}
            await owner.start(["deliveries"])
            async with asyncio.timeout(30):
                new = await other.changed("deliveries", old)
            assert new == owner.ids["deliveries"] != old
        finally:
            await admin.close()
            await owner.stop()
            await other.stop()

    async def test_a_consumer_whose_right_is_taken_reads_on_once_it_is_back(self, broker: ApacheBroker) -> None:
        came: list[bytes] = []

        async def batch(records: Any) -> None:
            came.extend(record.value for record in records)

        async def has_come(value: bytes) -> bool:
            return value in came

        settings = settings_of(broker, "intake")
        consumer = Consumer(settings, "intake", ["matches"], batch, lambda: None, lambda revoked: None)
        client = AIOKafkaClient(**broker.login(ADMIN).arguments)
        await client.bootstrap()
        right = Rule("intake", "Topic", "matches", "Read")
        try:
            await consumer.start()
            await self.said(broker, b"before")
            await until(partial(has_come, b"before"))
            await remove(client, right)
            await self.said(broker, b"hidden")
            await asyncio.sleep(1.0)
            assert b"hidden" not in came
            await add(client, right)
            await until(partial(has_come, b"hidden"))
        finally:
            await consumer.stop()
            await client.close()

    async def said(self, broker: ApacheBroker, value: bytes) -> None:
        async with AIOKafkaProducer(**broker.login("matching").arguments, acks="all") as producer:
            await producer.send_and_wait("matches", value, key=b"one")

    async def test_a_new_password_counts_and_the_old_one_no_longer(self, broker: ApacheBroker) -> None:
        first, second = "f1" * 24, "f2" * 24
        for password, other in ((first, second), (second, first)):
            await apply(broker.login(ADMIN).arguments, {"rotated": password}, [])
            settings = settings_of(broker, STRANGER, user="rotated", password=password)
            await until(partial(lets_in, settings))
            refused = settings_of(broker, STRANGER, user="rotated", password=other)
            assert isinstance(await why_refused(refused, 5_000), WrongPassword)


class TestTls:
    def settings(self, broker: ApacheBroker, port: int, **security: Any) -> KafkaSettings:
        return KafkaSettings(
            bootstrap=f"127.0.0.1:{port}", service="intake", instance="intake-1", idempotent=True,
            security=KafkaSecurity(**security),
        )  # fmt: skip

    async def test_scram_over_tls(self, broker: ApacheBroker, certificates: Authority) -> None:
        login = broker.login("intake")
        own = {"user": "intake", "password": login.password, "ca_file": str(certificates.file)}
        settings = self.settings(broker, broker.tls_port, protocol="SASL_SSL", **own)
        await self.works(settings)
        wrong = self.settings(broker, broker.tls_port, protocol="SASL_SSL", **{**own, "password": "guessed"})
        assert isinstance(await why_refused(wrong, 5_000), WrongPassword)

    async def test_an_authority_of_others_is_not_believed(self, broker: ApacheBroker, tmp_path: Path) -> None:
        other = Authority(tmp_path, "other")
        settings = self.settings(
            broker, broker.tls_port, protocol="SASL_SSL", user="intake", password=PASSWORD, ca_file=str(other.file)
        )
        assert isinstance(await why_refused(settings, 5_000), WrongCertificate)

    async def test_a_certificate_is_a_user(self, broker: ApacheBroker, certificates: Authority) -> None:
        cert, key = certificates.signed("intake")
        own = {"ca_file": str(certificates.file), "cert_file": str(cert), "key_file": str(key)}
        settings = self.settings(broker, broker.mutual_port, protocol="SSL", **own)
        await self.works(settings)
        with pytest.raises(TopicAuthorizationFailedError):
            await self.writes(settings, "matches")

    async def test_without_a_certificate_or_with_one_of_others_nobody_is_let_in(
        self, broker: ApacheBroker, certificates: Authority, tmp_path: Path
    ) -> None:
        other_cert, other_key = Authority(tmp_path, "other").signed("intake")
        ca = {"protocol": "SSL", "ca_file": str(certificates.file)}
        for more in ({}, {"cert_file": str(other_cert), "key_file": str(other_key)}):
            settings = self.settings(broker, broker.mutual_port, **ca, **more)
            refused = await why_refused(settings, 5_000)
            assert isinstance(refused, NotLetIn)
            with pytest.raises(NotLetIn):
                await bootstrapped(settings, 5_000)

    async def test_plain_words_to_a_tls_listener_are_a_wrong_protocol(self, broker: ApacheBroker) -> None:
        settings = self.settings(broker, broker.mutual_port, protocol="PLAINTEXT")
        assert isinstance(await why_refused(settings, 5_000), WrongProtocol)

    async def works(self, settings: KafkaSettings) -> None:
        topics = Topics(settings)
        await topics.start(["people"])
        await topics.stop()
        await self.writes(settings, "people")

    async def writes(self, settings: KafkaSettings, topic: str) -> None:
        async with AIOKafkaProducer(**connection(settings), acks="all", enable_idempotence=True) as producer:
            await producer.send_and_wait(topic, b"{}", key=b"one")


async def ends(broker: ApacheBroker) -> dict[TopicPartition, int]:
    async with AIOKafkaConsumer(**broker.login(READER).arguments) as consumer:
        found: dict[TopicPartition, int] = await consumer.end_offsets(
            [TopicPartition(topic, n) for topic in ALL_TOPICS for n in range(4)]
        )
        return found


async def lets_in(settings: KafkaSettings) -> bool:
    return await why_refused(settings, 5_000) is None


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    end = time.monotonic() + scaled(seconds)
    while not await true():
        assert time.monotonic() < end, "never happened"
        await asyncio.sleep(0.05)


def test_the_matrix_is_that_of_the_services() -> None:
    """Whoever adds a topic or a group adds it here too."""
    for service in ("intake", "matching", "notifications"):
        rules = set(rules_of(service))
        assert {r.name for r in rules if r.operation == "Write"} == WRITES[service]
        assert {r.name for r in rules if (r.kind, r.operation) == ("Topic", "Read")} == READS[service]
        assert {r.name for r in rules if r.kind == "Group"} == GROUPS[service]
