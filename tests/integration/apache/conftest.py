"""An Apache Kafka with users for the tests of this folder. `test_broker` is part of a run only with `KAFKA=apache`."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.apache.broker import ApacheBroker
from deploy.local.errors import StartError
from deploy.local.ports import free_port
from deploy.rights.kafka_admin import apply
from deploy.rights.login import ADMIN
from shared.kit.kafka.topics import Topics
from tests.integration.apache.parts import (
    PASSWORD,
    STRANGER,
    WRITES,
    settings_of,
)
from tests.support.broker import KAFKA
from tests.support.certificates import Authority
from tests.support.missed import cannot_run_here

collect_ignore = [] if KAFKA == "apache" else ["test_broker.py"]


BROKER = pytest.StashKey[ApacheBroker | None]()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.signed("broker")
    return authority


@pytest.fixture(scope="module")
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificates: Authority
) -> ApacheBroker:
    """One for all tests of the folder, with every topic made; what a test takes from the services it puts back. It ends
    with the folder's last test."""
    folder: pytest.Dir = request.node.parent
    if (running := folder.stash.get(BROKER, None)) is not None:
        return running
    made = ApacheBroker(free_port(), tmp_path_factory.mktemp("apache"), users=True, tls=certificates.folder)
    try:
        made.start()
    except StartError as reason:
        cannot_run_here("who may do what at Apache Kafka", because=str(reason))

    def end() -> None:
        folder.stash[BROKER] = None
        made.kill()

    folder.addfinalizer(end)
    asyncio.run(_prepared(made))
    folder.stash[BROKER] = made
    return made


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
