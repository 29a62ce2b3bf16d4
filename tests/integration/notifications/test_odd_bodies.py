"""What a partner says in a body: NUL, lone surrogates, depth, and as much as may be said and one byte more (35)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.notifications.subscriptions.api import WITH_CERTIFICATES, WITH_FILTER
from tests.integration.notifications.parts import Client, Setup

pytestmark = pytest.mark.integration
JSON = {"content-type": "application/json"}
FEED = {"channel": "feed"}


def deep(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


ODD = {
    "NUL in an address": r'{"channel": "webhook", "url": "http://127.0.0.1:9/\u0000"}',
    "NUL in a header": r'{"channel": "webhook", "url": "http://127.0.0.1:9/", "headers": {"x-a": "b\u0000c"}}',
    "NUL in a filter's name": r'{"channel": "feed", "filter": {"exact": {"ki\u0000nd": "job"}}}',
    "a lone surrogate in an address": r'{"channel": "webhook", "url": "http://127.0.0.1:9/\ud800"}',
    "a lone surrogate in a header": r'{"channel": "webhook", "url": "http://a.example/", "headers": {"x-a": "\udfff"}}',
    "a lone surrogate in a filter's name": r'{"channel": "feed", "filter": {"exact": {"\ud800": "job"}}}',
    "a lone surrogate in a filter": r'{"channel": "feed", "filter": {"exact": {"region": "\ud800"}}}',
    "a filter deeper than any": '{"channel": "feed", "filter": ' + deep(1_000, '{"all": [', "]}") + "}",
    "a filter as deep as fits": '{"channel": "feed", "filter": ' + deep(30_000) + "}",
    "nothing but depth": deep(30_000),
    "an unfinished depth": "[" * 60_000,
    "not UTF-8": '{"channel": "feed", "filter": {"exact": {"region": "\udcff"}}}',
    "a number without end": '{"channel": "feed", "per_second": 1' + "0" * 10_000 + "}",
    "not a number": '{"channel": "webhook", "url": "http://127.0.0.1:9/", "per_second": NaN}',
}


async def test_whatever_is_odd_is_refused_and_neither_stored_nor_repeated(setup: Setup) -> None:
    async with setup.running() as app:
        await setup.publish(setup.agency("gjf"))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            made = await gjf.subscribed("feed")
            kept = await app.state.database.subscriptions.find().to_list(None)
            for name, said in ODD.items():
                body = said.encode("utf-8", "surrogateescape")
                for method, path in (("POST", "/subscriptions"), ("PATCH", f"/subscriptions/{made['subscription']}")):
                    answer = await gjf.request(method, path, content=body, headers=JSON)
                    assert answer.status_code in (400, 413, 422), (name, path, answer.status_code)
                    assert "\x00" not in answer.text, name
            assert await app.state.database.subscriptions.find().to_list(None) == kept


async def test_what_does_not_say_that_it_is_json_is_told_what_to_say(setup: Setup) -> None:
    async with setup.running() as app:
        await setup.publish(setup.agency("gjf"))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await gjf.subscribed("feed")
            answer = await gjf.post("/subscriptions", content=json.dumps(FEED).encode())
            assert answer.status_code == 415
            assert "application/json" in answer.json()["remedy"]["en"]


async def test_as_much_as_may_be_said_is_heard_and_one_byte_more_is_not(setup: Setup) -> None:
    async with setup.running() as app:
        await setup.publish(setup.agency("gjf"))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await gjf.subscribed("feed")
            filter = {"filter": {"exact": {"kind": "job"}}}
            for path, said, most, well in (
                ("/filters/trial", filter, WITH_FILTER.most_bytes, 200),
                ("/subscriptions", FEED, WITH_CERTIFICATES.most_bytes, 409),  # there is one already
            ):
                for more, status in ((0, well), (1, 413)):
                    answer = await gjf.post(path, content=_padded(said, most + more), headers=JSON)
                    assert answer.status_code == status, (path, more, answer.text)


def _padded(said: Any, size: int) -> bytes:
    text = json.dumps(said).encode()
    return text + b" " * (size - len(text))
