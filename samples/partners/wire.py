"""What came in from outside, byte for byte, headers and bodies: what a careful partner keeps of its first weeks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp

OnAnswer = Callable[[aiohttp.ClientResponse, bytes, Any], None]


class WireLog:
    """Appends to ``<folder>/wire``. Nothing is read, nothing is left out."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "wire"

    def write(self, first_line: str, headers: Mapping[str, str], body: bytes) -> None:
        """A request or an answer."""
        with self._path.open("ab") as file:
            file.write(head(first_line, headers) + body + b"\n")

    def tracing(self) -> aiohttp.TraceConfig:
        """For a client's session: everything that is answered is written down."""
        return listening(lambda answer, body, _: self.write(status_of(answer), answer.headers, body))


def listening(on_answer: OnAnswer) -> aiohttp.TraceConfig:
    """Tells of every answer that a session has read: with its body and the context that the request was given."""
    config = aiohttp.TraceConfig()

    async def ended(_: object, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        context.answer = params.response  # its body is told when it has been read

    async def chunk(_: object, context: SimpleNamespace, params: aiohttp.TraceResponseChunkReceivedParams) -> None:
        on_answer(context.answer, params.chunk, context.trace_request_ctx)

    config.on_request_end.append(ended)
    config.on_response_chunk_received.append(chunk)
    return config


def status_of(answer: aiohttp.ClientResponse) -> str:
    """The first line of an answer."""
    return f"{answer.status} {answer.reason}"


def head(first_line: str, headers: Mapping[str, str]) -> bytes:
    """What stands before the body."""
    lines = [first_line, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\n".join(lines).encode(errors="surrogateescape")
