"""Captures every answer that the harness gets by HTTP: headers and bodies, sorted into sinks by service and route."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from samples.partners.wire import head, listening, status_of


class HttpCapture:
    """``captured``: by sink. A sink is ``<service> <first part of the route>``, or ``<service> refusals`` for errors.

    A request may name its sink itself (``trace_request_ctx``): so the controls come the same way from elsewhere.
    """

    def __init__(self, service_at: Callable[[int], str]) -> None:
        self._service_at = service_at
        self.captured: dict[str, list[bytes]] = {}

    def tracing(self) -> aiohttp.TraceConfig:
        """For a client's session."""
        return listening(self._capture)

    def _capture(self, answer: aiohttp.ClientResponse, body: bytes, sink: Any) -> None:
        if sink is None:
            service = self._service_at(answer.url.port or 0)
            sink = f"{service} " + ("refusals" if answer.status >= 400 else answer.url.path.split("/")[1])
        self.captured.setdefault(sink, []).append(head(status_of(answer), answer.headers) + body)

    def sinks(self) -> Iterator[tuple[str, bytes]]:
        """Everything, an answer at a time."""
        for sink, answers in sorted(self.captured.items()):
            for answer in answers:
                yield sink, answer


@asynccontextmanager
async def serving(body_of: Callable[[str], bytes]) -> AsyncIterator[str]:
    """A server on the loopback that answers ``/<anything>`` with ``body_of(anything)``; its address."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body_of(request.query["sink"]), content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
