"""A topic of a partner's own: who may do what with it, asked of a real Apache Kafka after the operator's command."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaClient, AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError, TopicAuthorizationFailedError
from aiokafka.protocol.fetch import FetchRequest

from deploy.local.apache.broker import ApacheBroker
from deploy.local.timeouts import scaled
from deploy.rights import partner as command
from deploy.rights.acls import all_rules
from deploy.rights.kafka_admin import apply
from deploy.rights.login import ADMIN, Login
from deploy.rights.own_topics import provide, provided
from deploy.rights.partner import Partner
from shared.kit.kafka.aiokafka_internals import topic_ids
from shared.kit.kafka.topics import Topics
from tests.integration.apache.parts import ALL_TOPICS, settings_of, until
from tests.support.certificates import Authority

pytestmark = pytest.mark.integration
GJF, GJF2 = Partner("gjf"), Partner("gjf2")  # one name begins like the other
PASSWORDS = {GJF: "aa" * 24, GJF2: "bb" * 24}


@pytest.fixture(scope="module")
def partners(broker: ApacheBroker) -> dict[Partner, Login]:
    """Both with a topic in which lies one record, written by notifications."""

    async def made() -> None:
        for partner, password in PASSWORDS.items():
            await provide(broker.login(ADMIN).arguments, partner, password, replication=1)
        async with AIOKafkaProducer(
            **broker.login("notifications").arguments, acks="all", enable_idempotence=True
        ) as producer:
            for partner in PASSWORDS:
                await producer.send_and_wait(partner.topic, b"{}", key=b"one", partition=0)

    asyncio.run(made())
    return {partner: Login(broker.address, partner.user, password) for partner, password in PASSWORDS.items()}


async def read(login: Login, topic: str, group: str) -> list[bytes]:
    """The first that comes."""
    consumer = AIOKafkaConsumer(topic, **login.arguments, group_id=group, auto_offset_reset="earliest")
    try:
        await consumer.start()
        async with asyncio.timeout(scaled(60)):
            while True:
                if found := await consumer.getmany(timeout_ms=200):
                    return [record.value for records in found.values() for record in records]
    finally:
        await consumer.stop()


async def fetched(login: Login, topic: str) -> int:
    """The error code of a bare fetch of a partition that is there, as a client sends it that looks at nothing first."""
    client = AIOKafkaClient(**login.arguments)
    await client.bootstrap()
    try:
        request = FetchRequest(100, 1, 1_000_000, 0, [(topic, [(0, 0, 100_000)])])
        answer: Any = await client.send(client.get_random_node(), request)
        return int(answer.topics[0][1][0][1])
    finally:
        await client.close()


async def test_each_reads_its_own_in_its_own_group(partners: dict[Partner, Login]) -> None:
    for partner, login in partners.items():
        assert await read(login, partner.topic, partner.group) == [b"{}"]


async def test_nobody_elses_topic_can_be_read_or_even_seen(partners: dict[Partner, Login]) -> None:
    for partner, other in ((GJF, GJF2), (GJF2, GJF)):
        login = partners[partner]
        assert await fetched(login, partner.topic) == 0
        assert await fetched(login, other.topic) == TopicAuthorizationFailedError.errno
        client = AIOKafkaClient(**login.arguments)
        await client.bootstrap()
        try:
            found, hidden = await topic_ids(client, [*ALL_TOPICS, GJF.topic, GJF2.topic])
        finally:
            await client.close()
        assert set(found) == {partner.topic}
        assert hidden == {*ALL_TOPICS, other.topic}


async def test_nobody_joins_the_group_of_another(partners: dict[Partner, Login]) -> None:
    for group in (GJF2.group, "notifications"):
        with pytest.raises(GroupAuthorizationFailedError):
            await read(partners[GJF], GJF.topic, group)


async def test_a_partner_writes_and_deletes_nothing(partners: dict[Partner, Login]) -> None:
    for topic in (GJF.topic, GJF2.topic, "matches"):
        async with AIOKafkaProducer(**partners[GJF].arguments, request_timeout_ms=5_000) as producer:
            with pytest.raises(TopicAuthorizationFailedError):
                await producer.send_and_wait(topic, b"{}", key=b"one")
    admin = AIOKafkaAdminClient(**partners[GJF].arguments)
    await admin.start()
    try:
        answer: Any = await admin.delete_topics([GJF.topic])
        assert answer.topic_error_codes[0][1] == TopicAuthorizationFailedError.errno
    finally:
        await admin.close()


async def test_we_write_and_read_nothing_and_make_none(broker: ApacheBroker, partners: dict[Partner, Login]) -> None:
    assert await fetched(broker.login("notifications"), GJF.topic) == TopicAuthorizationFailedError.errno
    for service in ("intake", "matching"):
        async with AIOKafkaProducer(**broker.login(service).arguments, request_timeout_ms=5_000) as producer:
            with pytest.raises(TopicAuthorizationFailedError):
                await producer.send_and_wait(GJF.topic, b"{}", key=b"one")
    topics = Topics(settings_of(broker, "notifications"))
    try:
        assert await topics.declare(["partners.nobody"]) == {}
        assert "partners.nobody" in topics.refused
    finally:
        await topics.stop()


async def test_what_the_set_up_gives_the_services_leaves_partners_alone(
    broker: ApacheBroker, partners: dict[Partner, Login]
) -> None:
    admin = broker.login(ADMIN).arguments
    before = await provided(admin, "partner-")
    assert set(before) == {*GJF.rules, *GJF2.rules}
    await apply(admin, {}, all_rules())
    assert await provided(admin, "partner-") == before
    async with AIOKafkaProducer(**broker.login("notifications").arguments, acks="all") as producer:
        await producer.send_and_wait(GJF.topic, b"{}", key=b"one", partition=1)


def test_the_command_makes_shows_once_and_takes_away(
    broker: ApacheBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    admin, partner, out = broker.login(ADMIN), Partner("seoul-jobs"), tmp_path / "password"
    monkeypatch.setenv("KAFKA_ADMIN_ADDRESS", admin.address)
    monkeypatch.setenv("KAFKA_ADMIN_PASSWORD", admin.password)
    assert command.main(["add", partner.agency, "--out", str(out), "--replication", "1"]) == 0
    password = out.read_text().strip()
    assert out.stat().st_mode & 0o777 == 0o600
    assert password not in capsys.readouterr().out
    login = Login(broker.address, partner.user, password)

    async def written() -> None:
        async with AIOKafkaProducer(**broker.login("notifications").arguments, acks="all") as producer:
            await producer.send_and_wait(partner.topic, b"told", key=b"one", partition=0)
        assert await read(login, partner.topic, partner.group) == [b"told"]

    asyncio.run(written())
    assert command.main(["list"]) == 0
    assert f"{partner.user}: Read topic {partner.topic}" in capsys.readouterr().out
    assert command.main(["add", partner.agency, "--replication", "1"]) == 0  # again: another password, the same topic
    shown = capsys.readouterr().out
    assert "was there" in shown
    assert password not in shown
    assert command.main(["remove", partner.agency]) == 0
    assert command.main(["remove", partner.agency]) == 0
    assert "no such user" in capsys.readouterr().out

    async def refused() -> bool:
        for known in (password, shown.split("password ")[1].split()[0]):
            client = AIOKafkaClient(**Login(broker.address, partner.user, known).arguments)
            try:
                await client.bootstrap()
            except KafkaConnectionError:
                continue
            finally:
                await client.close()
            return False
        return True

    asyncio.run(until(refused))

    async def left() -> set[str]:
        client = AIOKafkaClient(**admin.arguments)
        await client.bootstrap()
        try:
            return set((await topic_ids(client, [partner.topic]))[0])
        finally:
            await client.close()

    async def gone() -> bool:
        return not await left()

    asyncio.run(until(gone))


@pytest.mark.parametrize("name", ["", "Gjf", "gjf*", "gjf.x", "a" * 41, "gjf--x", "-gjf", "gjf\n"])
def test_what_is_no_agency_makes_nothing(name: str) -> None:
    with pytest.raises(SystemExit):
        command.main(["add", name])


async def test_the_example_in_the_docs_reads_over_tls(broker: ApacheBroker, certificates: Authority) -> None:
    text = (Path(__file__).parents[3] / "docs" / "telling-partners.md").read_text()
    (example,) = [block for block in text.split("```python\n")[1:] if "AIOKafkaConsumer" in block]
    example = example.partition("```")[0]
    agency = Partner("docs-example")
    await provide(broker.login(ADMIN).arguments, agency, "cc" * 24, replication=1)
    async with AIOKafkaProducer(**broker.login("notifications").arguments, acks="all") as producer:
        await producer.send_and_wait(agency.topic, b'{"type": "notice", "id": "one"}', key=b"alias")
    told = {"AGENCY": agency.agency, "PASSWORD": "cc" * 24, "KAFKA": f"127.0.0.1:{broker.tls_port}"}
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", example),
        env={**os.environ, **told, "KAFKA_CA": str(certificates.file)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert running.stdout is not None
        async with asyncio.timeout(scaled(60)):
            assert await running.stdout.readline() == b"notice one\n"
    finally:
        running.kill()
        await running.wait()
