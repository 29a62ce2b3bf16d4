"""A place of its own for every test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI

from deploy.local.apache.broker import ApacheBroker
from deploy.local.errors import StartError
from deploy.local.ports import free_port
from services.notifications import main
from services.notifications.channels.mail import digest, owner_alerts, smtp_relay
from tests.integration.notifications.corner import Corner
from tests.integration.notifications.mailed import OFTEN, Mailed, mailing
from tests.integration.notifications.parts import Setup
from tests.support.mail_server import MailServer
from tests.support.missed import cannot_run_here
from tests.support.profiler import collection_scans

# Beginnings of the kinds of queries that look at a whole collection, each with its reason.
MAY_SCAN = {
    "query subscriptions {}": "what is shown of all endpoints, and whose owners are told; the more seldom the longer",
    "query troubles {}": "endpoints in trouble, whose owners are told: no more than there are endpoints",
    "query agencies {}": "keys of all agencies, and their classes, once they have changed and while it is shown",
}


@asynccontextmanager
async def _no_collection_scans(database: Any) -> AsyncIterator[None]:
    """Whatever situation a test brings about: no query of the service looks at a whole collection."""
    async with collection_scans(database) as scans:
        yield
    unknown = sorted(each for each in scans if not each.startswith(tuple(MAY_SCAN)))
    assert not unknown, "no index serves these:\n" + "\n".join(unknown)


@pytest_asyncio.fixture(loop_scope="session")
async def setup(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> AsyncIterator[Setup]:
    async with _no_collection_scans(database):
        yield Setup(kafka, mongo_url, database.name, topic_prefix)


@pytest.fixture(scope="session")
def setup_for_several(kafka: str, mongo_url: str, mongo: Any) -> Callable[[], AbstractAsyncContextManager[Setup]]:
    """`async with setup_for_several() as setup:` is a place for as long as several tests need it."""

    @asynccontextmanager
    async def place() -> AsyncIterator[Setup]:
        name, prefix = f"test_{secrets.token_hex(6)}", f"t{secrets.token_hex(4)}."
        async with _no_collection_scans(mongo[name]):
            yield Setup(kafka, mongo_url, name, prefix)
        await mongo.drop_database(name)

    return place


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_service(
    setup_for_several: Callable[[], AbstractAsyncContextManager[Setup]],
) -> AsyncIterator[tuple[Setup, FastAPI]]:
    """A running service for all tests of a file that need no settings of their own."""
    async with setup_for_several() as setup, setup.running() as app:
        yield setup, app


@pytest.fixture
def corner(shared_service: tuple[Setup, FastAPI]) -> Corner:
    """A test's own part of it."""
    return Corner(*shared_service)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mail_service(
    setup_for_several: Callable[[], AbstractAsyncContextManager[Setup]],
) -> AsyncIterator[tuple[Setup, FastAPI, MailServer]]:
    """The same with a mail server, and whoever looks for mails that are due or are to be told looks often."""
    with pytest.MonkeyPatch.context() as patch, MailServer() as server:
        patch.setattr(smtp_relay, "REFUSED_AGAIN_AFTER", timedelta(seconds=0.1))
        patch.setattr(digest, "LOOK_SECONDS", 0.1)
        patch.setattr(owner_alerts, "LOOK_SECONDS", 0.1)
        patch.setattr(main, "next_window", lambda after, zone, at: after)
        async with setup_for_several() as setup, setup.running(retry_schedule=OFTEN, **mailing(server)) as app:
            yield setup, app, server


@pytest.fixture
def mailed(mail_service: tuple[Setup, FastAPI, MailServer]) -> Iterator[Mailed]:
    """A test's own part of it."""
    corner = Mailed(*mail_service)
    yield corner
    corner.server.well()


@pytest.fixture(scope="session")
def kafka_with_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheBroker]:
    """An Apache Kafka where everybody shows who they are, whatever broker the run has."""
    broker = ApacheBroker(free_port(), tmp_path_factory.mktemp("apache"), users=True)
    try:
        broker.start()
    except StartError as reason:
        cannot_run_here("a partner's own topic at Apache Kafka", because=str(reason))
    try:
        yield broker
    finally:
        broker.kill()
