"""Partners' endpoints on one loopback port, as cheap as they can be: they take everything and count by `webhook-id`."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self

from deploy.local.ports import LOOPBACK

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Webhooks:
    """``taken``: how often each notice came."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    def url(self, endpoint: int) -> str:
        """The address of one endpoint."""
        assert self._server is not None
        return f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}/{endpoint}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, backlog=1_024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                headers = dict(line.partition(b": ")[::2] for line in head.lower().split(b"\r\n")[1:])
                await reader.readexactly(int(headers.get(b"content-length", b"0")))
                self.taken[headers[b"webhook-id"].decode()] += 1
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()
