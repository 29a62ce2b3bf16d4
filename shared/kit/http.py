"""What every HTTP answer of ours has: an end to what it reads, no text of a crash, a count by status."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.events.refusal import Refusal
from shared.kit import metrics
from shared.kit.logs import logger
from shared.kit.problems import Problem, internal, refused

MOST_BYTES = 16 * 1024 * 1024
_log = logger("http")


class Outermost:
    """ASGI middleware around the whole application.

    A body longer than ``most_bytes`` is refused with 413, whether it says its length or not. An exception that nobody
    turned into a problem is logged as class and frames, and answered with 500 without any text of it.
    """

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BYTES) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        read = 0

        async def counted(message: Message) -> None:
            nonlocal status
            if read > self._most_bytes and not status:
                return  # the application's own idea of an unreadable body; the 413 below is the answer
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most_bytes:
                raise _TooMuch
            return message

        async def answer(problem: Problem) -> None:
            nonlocal status
            if status:
                raise _CutOff from None  # an answer is under way: it can only be cut off
            status = problem.status
            await problem.response()(scope, receive, send)

        try:
            if _says_length(scope) > self._most_bytes:
                raise _TooMuch
            await self._app(scope, bounded, counted)
            if read > self._most_bytes:
                raise _TooMuch
        except _TooMuch:
            await answer(_too_much(self._most_bytes))
        except Exception:
            _log.exception("request_failed", method=scope["method"], route=_route(scope))
            await answer(internal())
        finally:
            metrics.http_requests.of(code=status).inc()


class _TooMuch(Exception):
    """More bytes than anybody may send."""


class _CutOff(Exception):
    """An answer broke off; the cause is in the log line before."""


def _route(scope: Scope) -> str | None:
    """The route's pattern, never the path: a path holds ids."""
    pattern = getattr(scope.get("route"), "path", None)
    return pattern.replace("{", "<").replace("}", ">") if isinstance(pattern, str) else None


def _says_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:12])
    return 0


def _too_much(most_bytes: int) -> Problem:
    return refused([Refusal("too-much", "", {"remedy": f"Send at most {most_bytes} bytes at once."})])
