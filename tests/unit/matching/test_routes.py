"""Every route of matching: the key before the body, a longest body of its own, headers that keep nothing."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from services.matching.main import build
from services.matching.settings import MatchingSettings
from tests.support.routes import check_that_the_key_comes_first, check_the_headers, most_bytes

pytestmark = pytest.mark.unit


@pytest.fixture
def app() -> FastAPI:
    return build(MatchingSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:2/"))


def test_the_longest_body_is_written_down_for_every_route(app: FastAPI) -> None:
    assert most_bytes(app) == {
        "POST /opportunities/lookup": 16_384,
        "POST /quarantine/replay": 49_152,
        "POST /rounds": 131_072,
        "POST /rounds/{round}/confirm": 2_048,
        "PUT /rounds/{round}/adjustments": 262_144,
    }


async def test_the_key_is_checked_before_the_body_is_asked_for(app: FastAPI) -> None:
    assert await check_that_the_key_comes_first(app) == 13


async def test_no_answer_may_be_kept_or_guessed(app: FastAPI) -> None:
    await check_the_headers(app)
