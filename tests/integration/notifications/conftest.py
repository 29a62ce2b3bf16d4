"""A place of its own for every test."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.notifications.parts import Setup


@pytest.fixture
def setup(kafka: str, mongo_url: str, database: Any, topic_prefix: str) -> Setup:
    return Setup(kafka, mongo_url, database.name, topic_prefix)
