"""What holds for every route of a service, shown from outside: a request as the ASGI server would hand it over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from starlette.types import Message

from shared.kit.web.authentication import unauthorised
from shared.kit.web.route_bounds import bounded_routes

ANY_ID = "0" * 32


class Refusing:
    """The kit's keys, when nobody's is good."""

    async def authenticate(self, _: str | None) -> Any:
        raise unauthorised()


class Asked:
    """One request to an application, and what it did with it. ``received`` counts how often the body was asked for."""

    def __init__(self) -> None:
        self.received = 0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def _receive(self) -> Message:
        self.received += 1
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        self.body += message.get("body", b"")

    @classmethod
    async def of(cls, app: FastAPI, method: str, path: str, **headers: str) -> Asked:
        asked = cls()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("192.0.2.1", 5),
            "server": ("127.0.0.1", 80), "state": {},
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        await app(scope, asked._receive, asked._send)
        return asked

    @property
    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def requests(app: FastAPI) -> Iterator[tuple[str, str, bool]]:
    """Method, an address that leads there, and whether a key is needed, of every route."""
    for path, route in bounded_routes(app):
        filled = re.sub(r"{version}", "1", path)
        for method in sorted(route.methods or ()):
            yield method, re.sub(r"{[^}]*}", ANY_ID, filled), route.needs_key


def most_bytes(app: FastAPI) -> dict[str, int]:
    """The longest body of every route that may have one."""
    return {
        f"{method} {path}": route.bounds.most_bytes
        for path, route in bounded_routes(app)
        for method in route.methods
        if method not in ("GET", "HEAD")
    }


async def check_that_the_key_comes_first(app: FastAPI) -> int:
    """Every route that asks who calls answers 401 to a wrong key without having asked for the body, however long it
    says that it is, and without any JSON being parsed. How many such routes there are."""
    app.state.runtime.authenticator = Refusing()
    count = 0
    for method, path, needs_key in requests(app):
        if needs_key:
            count += 1
            for length in ("2", "16000000", "999999999999"):
                asked = await Asked.of(app, method, path, content_length=length, content_type="application/json")
                assert (asked.status, asked.received) == (401, 0), (method, path)
    return count


async def check_the_headers(app: FastAPI) -> None:
    """Every answer of every route, also to a wrong method and of no route, may neither be kept nor be guessed."""
    app.state.runtime.authenticator = Refusing()
    asked = [await Asked.of(app, method, path) for method, path, _ in requests(app)]
    asked += [await Asked.of(app, "PUT", "/live"), await Asked.of(app, "GET", "/nowhere")]
    for each in asked:
        assert each.headers["x-content-type-options"] == "nosniff"
        assert each.headers["cache-control"] == "no-store"
