"""Whatever stands in a parameter of the partners' doors, the answer is never a 5xx, and it names field and remedy."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.notifications.channels.feed_stream import FeedStream
from tests.integration.notifications.parts import Client, Setup
from tests.support.odd_queries import refused_oddly

pytestmark = pytest.mark.integration


class TestOddParameters:
    async def test_no_value_of_any_parameter_makes_it_fail(self, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
        async def short(*_: Any) -> AsyncIterator[bytes]:
            yield b": open\n\n"

        monkeypatch.setattr(FeedStream, "events", short)  # what a good one gives is tested elsewhere, and takes minutes
        async with setup.running() as app:
            await setup.publish(setup.agency("gjf"))
            async with Client(app, setup.tokens["gjf"]) as http:
                await http.subscribed("feed")
                description = (await http.get("/openapi.json")).json()
                assert await refused_oddly(http, description, dict(http.headers)) == []
                cursor = base64.urlsafe_b64encode(bytes(36)).decode()
                answer = await http.get("/feed", params={"after": cursor})
                assert (answer.status_code, answer.json()["field"]) == (422, "/query/after")
                answer = await http.get("/deliveries", params={"state": "undeliverd"})
                assert "undelivered" in answer.json()["remedy"]["en"]
                for name, words in (("subscription", "32 digits"), ("after", "next of the last page")):
                    answer = await http.get("/deliveries", params={name: "zz"})
                    assert words in answer.json()["remedy"]["en"], "what to give, not only that this is not it"
