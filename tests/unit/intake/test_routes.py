"""Every route of intake: the key before the body, a longest body of its own, headers that keep nothing."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from services.intake.main import build
from services.intake.settings import IntakeSettings
from tests.support.routes import check_that_the_key_comes_first, check_the_headers, most_bytes

pytestmark = pytest.mark.unit


@pytest.fixture
def app() -> FastAPI:
    return build(IntakeSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:2/"))


def test_the_longest_body_is_written_down_for_every_route(app: FastAPI) -> None:
    assert most_bytes(app) == {
        "POST /events": 5_000_000,
        "POST /files": 5_000_000,
        "POST /files/preview": 5_000_000,
        "POST /held": 2_048,
        "POST /keys": 2_048,
        "POST /rejections/search": 2_048,
        "DELETE /keys/{key_id}": 2_048,
        "PUT /mappings/{name}": 65_536,
        "DELETE /mappings/{name}": 2_048,
        "POST /people/lookup": 2_048,
        "POST /questions/{question}": 2_048,
        "POST /opportunities/{opportunity}/split": 2_048,
        "PUT /employers/{number}": 2_048,
        "DELETE /employers/{number}": 2_048,
        "POST /quarantine/replay": 49_152,
    }


async def test_the_key_is_checked_before_the_body_is_asked_for(app: FastAPI) -> None:
    assert await check_that_the_key_comes_first(app) == 26


async def test_no_answer_may_be_kept_or_guessed(app: FastAPI) -> None:
    await check_the_headers(app)
