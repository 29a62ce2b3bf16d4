"""No service sends a caller anywhere else: a client that follows takes its key along."""

from __future__ import annotations

import httpx
import pytest

from tests.support.small_service import SmallSettings, build

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/told/", "/me/", "//told", "/told//", "/ready/", "/nothing/"])
async def test_an_address_with_a_slash_too_many_is_not_there(path: str, method: str) -> None:
    app = build(SmallSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:2/"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        answer = await client.request(method, f"http://another.example{path}", headers={"Authorization": "Bearer a.b"})
    assert (answer.status_code, answer.headers.get("location")) == (404, None)
