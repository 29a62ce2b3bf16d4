"""uvicorn's HTTP/1.1 connection with an end to everything: heads, bodies, idle times, unread answers, places.

A subclass of uvicorn's h11 protocol, handed over through its public ``http=`` argument; it relies on that class's
attributes, which the locked version has and ``tests/integration/kit/test_edge.py`` checks on real sockets.
"""

from __future__ import annotations

from typing import Any

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.kit.base import metrics
from shared.kit.web.connection_limits import PROBES, Connections, Wait
from shared.kit.web.edge_settings import Networks, within
from shared.kit.web.middleware import GOOD_KEY
from shared.kit.web.problem_details import MEDIA_TYPE
from shared.kit.web.problems import Problem
from shared.kit.web.quotas import address_of
from shared.kit.web.request_smuggling import StrictConnection

LINGER_SECONDS = 5.0  # an answer that came before the end of its request's body: so long the rest is thrown away
LINGER_BYTES = 65_536  # ... read as HTTP up to here, unread from here on
_ANSWERS = {
    400: Problem(400, "malformed", "This is no HTTP request that we take"),
    408: Problem(408, "too-slow", "This came too slowly"),
    414: Problem(414, "uri-too-long", "The address is too long"),
    431: Problem(431, "head-too-large", "The head is too large"),
}


class EdgeProtocol(H11Protocol):
    """One connection of a server whose configuration is an `EdgeConfig`."""

    def __init__(self, config: Any, **named: Any) -> None:
        super().__init__(config, **named)
        self.edge: Connections = config.edge
        self.trusted: Networks = config.trusted
        self.conn: StrictConnection = StrictConnection()
        self.address = "unknown"
        self.address_free = False
        self._since = 0.0  # when the present phase (no head yet, body, rest of a body) began
        self._body_bytes = 0  # in the present stretch of the body
        self._rest = 0  # bytes of a body that came after its answer
        self._stuck_since: float | None = None
        self._rest_as: Wait = "unproven"  # until it has shown a good key
        self._good = False  # the request in progress came with a good key
        self._cut = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.address = address_of({"client": self.client})
        self.address_free = within((self.client or ("",))[0], self.trusted)
        self._since = self.edge.clock()
        place = self.edge.enter(self)
        if place is None:
            self._cut = True
            self.transport.close()
        elif place == "reserve":
            self.app = only_probes(self.app, self.config.app)

    def connection_lost(self, exc: Exception | None) -> None:
        self.edge.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes, for h11 as long as they matter."""
        if self._cut:
            return
        if self._answered_early():
            self._rest += len(data)
            if self._rest > LINGER_BYTES:
                return
        elif self._resting() and not self.conn.trailing_data[0]:
            self._since = self.edge.clock()
        self._body_bytes += len(data)
        super().data_received(data)

    def handle_events(self) -> None:
        """What h11 made of it: a request begins, a body goes on."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            scope: Any = self.scope
            scope[GOOD_KEY] = self._is_proven  # the application, a task of its own, has not begun
            self._since, self._body_bytes, self._rest = self.edge.clock(), 0, 0
            self._good = False
            self.edge.waits(self, self._rest_as)  # until the key is known to be good, it may still give way
        elif self._good and not self._resting() and self.conn.their_state is not h11.SEND_BODY:
            self.edge.works(self)

    def on_response_complete(self) -> None:
        """Rest, or end when what follows cannot be told from what came before."""
        expecting = any(name == b"expect" for name, _ in self.headers)
        self._since = self.edge.clock()
        if self.conn.pipelined or (self._answered_early() and expecting):
            self.transport.close()
        super().on_response_complete()
        if self._resting():
            self.edge.waits(self, self._rest_as)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck_since = self.edge.clock()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stuck_since = None

    def send_400_response(self, msg: str) -> None:
        """No request, one that two readers could take for different ones, or one whose head is too large."""
        metrics.connections_cut.of(reason="malformed").inc()
        self._end_with(self.conn.refused_with)

    def overdue(self, now: float) -> str | None:
        limits = self.edge.limits
        if self._stuck_since is None and self.transport.get_write_buffer_size() and self._resting():
            self._stuck_since = now
        elif self._stuck_since is not None and not self.transport.get_write_buffer_size():
            self._stuck_since = None
        if self._stuck_since is not None and now - self._stuck_since > limits.unread_seconds:
            return "unread"
        if self._answered_early():
            return "slow-body" if now - self._since > LINGER_SECONDS else None
        if self._resting():
            if self.timeout_keep_alive_task is None and now - self._since > limits.head_seconds:
                return "slow-head"
            return None
        if self.conn.their_state is not h11.SEND_BODY or self.flow.read_paused:
            self._since, self._body_bytes = now, 0
        elif now - self._since > limits.body_seconds:
            if self._body_bytes < limits.body_seconds * limits.body_bytes_per_second:
                return "slow-body"
            self._since, self._body_bytes = now, 0
        return None

    def cut(self, reason: str) -> None:
        """End it; with an answer when there is somebody to read it and nothing was said yet."""
        if reason == "slow-head":
            self._end_with(408, said=bool(self.conn.trailing_data[0]))
        elif reason == "slow-body" and not self._answered_early():
            self._end_with(408)
        else:
            self._end_with(None)

    def _end_with(self, status: int | None, said: bool = True) -> None:
        """An answer outside of the application, and the end. The application is told that nobody is there."""
        self._cut = True
        if status is not None and said and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = bytes(_ANSWERS[status].response(self.config.app).body)
            headers = [
                (b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), (b"connection", b"close"),
            ]  # fmt: skip
            answer = h11.Response(status_code=status, headers=headers, reason=b"")
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            metrics.http_requests.of(code=status).inc()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if status is None and self.transport.get_write_buffer_size():
            self.transport.abort()  # it is not read, and would keep its file open
            return
        self.transport.close()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _is_proven(self) -> None:
        self._rest_as, self._good = "idle", True
        if self.conn.their_state is h11.SEND_BODY:  # the body is still coming, as slowly as it likes: it may give way
            self.edge.waits(self, "coming")
        else:
            self.edge.works(self)

    def _resting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _answered_early(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY


def only_probes(app: ASGIApp, speaks: object) -> ASGIApp:
    """The application for a connection beyond the places: probes are answered, all else is told to come later, in the
    languages of ``speaks``, which is the application itself (``app`` may be wrapped)."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PROBES:
            await app(scope, receive, send)
            return
        headers = {"Retry-After": "2", "Connection": "close", "Cache-Control": "no-store"}
        headers["X-Content-Type-Options"] = "nosniff"
        full = Problem(503, "connections", "Too many connections", headers=headers)
        metrics.http_requests.of(code=503).inc()
        await full.response(speaks)(scope, receive, send)

    return answered
