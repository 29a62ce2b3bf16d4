"""A place of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.apache.broker import ApacheBroker
from deploy.local.errors import StartError
from deploy.local.ports import free_port
from tests.integration.notifications.parts import Setup
from tests.support.missed import cannot_run_here


@pytest.fixture
def setup(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> Setup:
    return Setup(kafka, mongo_url, database.name, topic_prefix)


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
