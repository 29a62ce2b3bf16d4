"""What every HTTP exchange has: an end to what is read, no text of a crash, a count by status, safe headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kit.base import metrics
from shared.kit.base.logs import AlreadyLogged, logger
from shared.kit.web.problems import Problem, internal

LONGEST_PATH = 2_048
LONGEST_QUERY = 2_048
MOST_PARAMETERS = 20
MOST_HEADERS = 64
LONGEST_HEADER = 4_096
PIECE = 65_536  # so much of an answer is handed over at once: the rest waits until somebody reads
CLIENT_GONE = 499
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_READING = "ieum.reading"
GOOD_KEY = "ieum.good-key"  # in the scope of a real server: to be called when a good key was shown
_log = logger("http")


class Reading:
    """How much of this request's body may be read, and what is held until its answer has gone.

    Nothing may be read before ``allow``: a route says so once it knows who calls.
    """

    def __init__(self, scope: Scope) -> None:
        self.says = _says_length(scope)
        self.most_bytes = 0
        self.read = 0
        self.paid = 0
        self.refusal: Problem | None = None  # raised while the body was read; whatever the reader makes of it
        self._above = 0
        self._pay: Callable[[int], Awaitable[None]] | None = None
        self.held = ExitStack()  # until the answer has gone

    @classmethod
    def of(cls, scope: Scope) -> Reading:
        found: Reading = scope[_READING]
        return found

    def allow(self, most_bytes: int) -> None:
        """From now on so much may be read. Raises the 413 when the body says that it is longer."""
        self.most_bytes = most_bytes
        if self.says > most_bytes:
            raise too_much(most_bytes)

    async def pay_above(self, size: int, pay: Callable[[int], Awaitable[None]]) -> None:
        """A body longer than ``size`` is paid for: at once when it says its length, else while it comes."""
        self._above, self._pay = size, pay
        if self.says > size:
            await pay(self.says)

    async def took(self, message: Message) -> None:
        """Count what came. Raises what becomes ``refusal``."""
        self.read += len(message.get("body", b""))
        if self.read > self.most_bytes:
            self.refusal = too_much(self.most_bytes)
        elif self._pay is not None and self.read > max(self._above, self.paid):
            try:
                await self._pay(self.read - self.paid)
            except Problem as problem:
                self.refusal = problem
        if self.refusal is not None:
            raise self.refusal


class Outermost:
    """ASGI middleware around the whole application.

    A head out of bounds is refused. A body may be read only as far as its route allows (``Reading``). An exception that
    nobody turned into a problem is logged as class and frames, and answered with 500 without any text of it; a caller
    who has gone is no failure, nor is an answer that is cut off because of what else would be a problem. Answers may
    neither be kept nor be taken for another type.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        gone = False
        reading = Reading(scope)
        scope[_READING] = reading

        async def answered(message: Message) -> None:
            if reading.refusal is None or status:  # else the application's own idea of an unreadable body
                await passed_on(message)

        async def passed_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                named = {name.lower() for name, _ in message.get("headers", ())}
                added = [each for each in _HEADERS if each[0] not in named]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await _in_pieces(message, send)

        async def bounded() -> Message:
            nonlocal gone
            message = await receive()
            if message["type"] == "http.disconnect":
                gone = True
            else:
                await reading.took(message)
            return message

        async def answer(problem: Problem) -> None:
            if status:
                raise _CutOff from None  # an answer is under way: it can only be cut off
            await problem.response(scope.get("app"))(scope, receive, passed_on)

        try:
            beyond = _beyond(scope)
            if beyond is None:
                await self._app(scope, bounded, answered)
            if (problem := beyond or reading.refusal) is not None and not status:
                await answer(problem)
        except Exception as error:
            if reading.refusal is not None:
                await answer(reading.refusal)
            elif gone or isinstance(error, ClientDisconnect):
                status = status or CLIENT_GONE
            elif status and _is_foreseen(error, scope):
                _log.info("answer_cut_off", method=scope["method"], route=_route(scope))
                raise _CutOff from None
            else:
                _log.exception("request_failed", method=scope["method"], route=_route(scope))
                await answer(internal())
        finally:
            reading.held.close()
            metrics.http_requests.of(code=CLIENT_GONE if gone and not status else status).inc()


class CannotGoOn(Exception):
    """Raised by what gives an answer piece by piece, once what it began with is not right any more: the answer is cut
    off, and by its length the caller sees that some is missing."""


class _CutOff(AlreadyLogged):
    """An answer broke off; the cause is in the log line before."""


def _is_foreseen(error: Exception, scope: Scope) -> bool:
    """Whether it is no failure of ours, and would have had an answer of its own if none had been under way: a problem,
    a database that is away. Starlette raises such a one as the cause of another."""
    if isinstance(error, CannotGoOn):
        return True
    handled = getattr(scope.get("app"), "exception_handlers", {})
    return isinstance(error, RuntimeError) and any(kind in handled for kind in type(error.__cause__).__mro__)


def too_much(most_bytes: int) -> Problem:
    title, values = "This cannot be taken as it is", {"bytes": most_bytes}
    return Problem(413, "refused", title, field="", rule="too-much", name="too-much", values=values)


async def _in_pieces(message: Message, send: Send) -> None:
    body = message.get("body", b"")
    if message["type"] != "http.response.body" or len(body) <= PIECE:
        await send(message)
        return
    view = memoryview(body)
    for start in range(0, len(view), PIECE):
        end = start + PIECE
        more = end < len(view) or message.get("more_body", False)
        await send({"type": "http.response.body", "body": bytes(view[start:end]), "more_body": more})


def _beyond(scope: Scope) -> Problem | None:
    """What a head may not be, whoever asks."""
    query = scope.get("query_string", b"")
    path = scope.get("raw_path") or scope["path"].encode()
    if len(path) > LONGEST_PATH or len(query) > LONGEST_QUERY or query.count(b"&") >= MOST_PARAMETERS:
        return Problem(414, "uri-too-long", "The address is too long")
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or any(len(name) + len(value) > LONGEST_HEADER for name, value in headers):
        return Problem(431, "head-too-large", "The head is too large")
    return None


def _route(scope: Scope) -> str | None:
    """The route's pattern, never the path: a path holds ids."""
    pattern = getattr(scope.get("route"), "path", None)
    return pattern.replace("{", "<").replace("}", ">") if isinstance(pattern, str) else None


def _says_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:12])
    return 0
