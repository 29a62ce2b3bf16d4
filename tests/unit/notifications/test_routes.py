"""Every route of notifications: the key before the body, a longest body of its own, headers that keep nothing."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from services.notifications.main import build
from services.notifications.settings import NotificationsSettings
from tests.support.routes import check_that_the_key_comes_first, check_the_headers, most_bytes

pytestmark = pytest.mark.unit


@pytest.fixture
def app() -> FastAPI:
    return build(NotificationsSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:2/"))


def test_the_longest_body_is_written_down_for_every_route(app: FastAPI) -> None:
    assert most_bytes(app) == {
        "POST /subscriptions": 65_536,
        "PATCH /subscriptions/{subscription}": 65_536,
        "POST /filters/trial": 16_384,
        "POST /subscriptions/{subscription}/pause": 2_048,
        "POST /subscriptions/{subscription}/resume": 2_048,
        "POST /subscriptions/{subscription}/test": 2_048,
        "POST /subscriptions/{subscription}/recovery": 2_048,
        "DELETE /subscriptions/{subscription}/recovery": 2_048,
        "POST /subscriptions/{subscription}/secret": 2_048,
        "DELETE /subscriptions/{subscription}": 2_048,
        "POST /acknowledgements": 65_536,
        "POST /deliveries/{delivery}/retry": 2_048,
        "POST /quarantine/replay": 49_152,
    }


async def test_the_key_is_checked_before_the_body_is_asked_for(app: FastAPI) -> None:
    assert await check_that_the_key_comes_first(app) == 27


async def test_no_answer_may_be_kept_or_guessed(app: FastAPI) -> None:
    await check_the_headers(app)
