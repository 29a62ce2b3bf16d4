"""How a service comes to a Kafka with users: what it says when it is refused, by password, rights or certificate."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    TopicAuthorizationFailedError,
)

from deploy.local.apache.broker import ApacheBroker
from deploy.rights.acls import Rule
from deploy.rights.kafka_admin import add, apply, remove
from deploy.rights.login import ADMIN
from shared.kit.kafka.client import (
    NotLetIn,
    bootstrapped,
    connection,
    why_refused,
)
from shared.kit.kafka.consumer import Consumer
from shared.kit.kafka.rights import Rights
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings
from shared.kit.kafka.topics import Topics
from shared.kit.runtime.connect import KAFKA_MISSING, CannotStart, open_kafka
from tests.integration.apache.parts import (
    GROUPS,
    PASSWORD,
    READS,
    STRANGER,
    WRITES,
    lets_in,
    settings_of,
    until,
)
from tests.support.certificates import Authority

pytestmark = pytest.mark.integration


async def reason(settings: KafkaSettings) -> str | None:
    """Why a broker that is there lets nobody in with these."""
    refused = await why_refused(settings, 5_000)
    return None if refused is None else refused.wrong


class TestTheKit:
    """What a service says and does when it is refused."""

    async def test_a_start_with_a_wrong_password_says_authentication(self, broker: ApacheBroker) -> None:
        told = await self.told(settings_of(broker, "intake", password="guessed"), "intake")
        assert "refuses the authentication" in told
        assert "guessed" not in told

    async def test_a_start_without_security_says_protocol(self, broker: ApacheBroker) -> None:
        open_ = settings_of(broker, "intake", security_protocol="PLAINTEXT", user="", password="")
        told = await self.told(open_, "intake")
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
            await open_kafka(topics, rights, {}, 30)
        await topics.stop()
        assert raised.value.code == KAFKA_MISSING
        return str(raised.value)

    async def test_each_service_is_granted_what_it_needs(self, broker: ApacheBroker) -> None:
        for service in ("intake", "matching", "notifications"):
            topics = Topics(settings_of(broker, service))
            rights = Rights(
                user=service, writes=tuple(WRITES[service]), reads=tuple(READS[service]), groups=tuple(GROUPS[service])
            )
            await open_kafka(topics, rights, {}, 30)
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
            async with AIOKafkaProducer(**broker.login("notifications").arguments, acks="all") as producer:
                await producer.send_and_wait("deliveries", b"{}", key=b"one", partition=0)  # as it was for other tests
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
            await until(partial(has_come, b"before"), 120)  # an intake that another file killed is in the group still
            await remove(client, right)
            await asyncio.sleep(2 * settings.fetch_wait_ms / 1_000)  # the fetch that waits at the broker was allowed
            await self.said(broker, b"hidden")
            await asyncio.sleep(1.0)
            assert b"hidden" not in came
            await add(client, right)
            await until(partial(has_come, b"hidden"))
        finally:
            await consumer.stop()
            await add(client, right)  # what others have
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
            assert await reason(refused) == "password"


class TestTls:
    def settings(self, broker: ApacheBroker, port: int, **security: Any) -> KafkaSettings:
        return KafkaSettings(
            bootstrap=f"127.0.0.1:{port}", instance="intake-1", idempotent=True,
            security=KafkaSecurity(**security),
        )  # fmt: skip

    async def test_scram_over_tls(self, broker: ApacheBroker, certificates: Authority) -> None:
        login = broker.login("intake")
        own = {"user": "intake", "password": login.password, "ca_file": str(certificates.file)}
        settings = self.settings(broker, broker.tls_port, security_protocol="SASL_SSL", **own)
        await self.works(settings)
        wrong = self.settings(broker, broker.tls_port, security_protocol="SASL_SSL", **{**own, "password": "guessed"})
        assert await reason(wrong) == "password"

    async def test_an_authority_of_others_is_not_believed(self, broker: ApacheBroker, tmp_path: Path) -> None:
        other = Authority(tmp_path, "other")
        own = {"user": "intake", "password": PASSWORD, "ca_file": str(other.file)}
        settings = self.settings(broker, broker.tls_port, security_protocol="SASL_SSL", **own)
        assert await reason(settings) == "certificate"

    async def test_a_certificate_is_a_user(self, broker: ApacheBroker, certificates: Authority) -> None:
        cert, key = certificates.signed("intake")
        own = {"ca_file": str(certificates.file), "cert_file": str(cert), "key_file": str(key)}
        settings = self.settings(broker, broker.mutual_port, security_protocol="SSL", **own)
        await self.works(settings)
        with pytest.raises(TopicAuthorizationFailedError):
            await self.writes(settings, "matches")

    async def test_without_a_certificate_or_with_one_of_others_nobody_is_let_in(
        self, broker: ApacheBroker, certificates: Authority, tmp_path: Path
    ) -> None:
        other_cert, other_key = Authority(tmp_path, "other").signed("intake")
        ca = {"security_protocol": "SSL", "ca_file": str(certificates.file)}
        for more in ({}, {"cert_file": str(other_cert), "key_file": str(other_key)}):
            settings = self.settings(broker, broker.mutual_port, **ca, **more)
            refused = await why_refused(settings, 5_000)
            assert isinstance(refused, NotLetIn)
            with pytest.raises(NotLetIn):
                await bootstrapped(settings, 5_000)

    async def test_plain_words_to_a_tls_listener_are_a_wrong_protocol(self, broker: ApacheBroker) -> None:
        settings = self.settings(broker, broker.mutual_port, security_protocol="PLAINTEXT")
        assert await reason(settings) == "protocol"

    async def works(self, settings: KafkaSettings) -> None:
        topics = Topics(settings)
        await topics.start(["people"])
        await topics.stop()
        await self.writes(settings, "people")

    async def writes(self, settings: KafkaSettings, topic: str) -> None:
        async with AIOKafkaProducer(**connection(settings), acks="all", enable_idempotence=True) as producer:
            await producer.send_and_wait(topic, b"{}", key=b"one")
