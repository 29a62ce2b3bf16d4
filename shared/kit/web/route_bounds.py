"""Before a route reads anything: who calls, how much they may send, and whether it is too often.

Every route of ours is made by ``Router``. In this order, and before a byte of the body is taken or parsed: the key (for
routes that ask who calls), the quotas, the parameters of the address, the length that the body says and whether one
is taken. What the body really is, is counted while it is read (``http.Outermost``).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from shared.events.refusal import Refusal, Refused
from shared.kit.web.address_parameters import AddressParameters
from shared.kit.web.authentication import Authenticator, authenticated, refuse_key_in_address
from shared.kit.web.edge_settings import SMALL_BODY
from shared.kit.web.json_bodies import JsonRequest
from shared.kit.web.middleware import GOOD_KEY, Reading
from shared.kit.web.problems import Problem
from shared.kit.web.quotas import AtOnce, Limiter, Quotas, address_of

_NOTHING = frozenset({b"", b"{}", b"null"})
_LONGEST_NOTHING = 8  # bytes, with a line's end or two; what is longer is refused unread
Call = TypeVar("Call", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one route allows: the bytes of a body, the rates each call is charged to, how many at once of one key.

    ``batches``: bodies above ``SMALL_BODY`` are expected, and are charged as bytes. ``probe``: no quota at all.
    ``any_parameter``: those of the address that it does not know are passed over, and a body.
    """

    most_bytes: int = 2_048
    charged: tuple[Limiter, ...] = ("requests",)
    at_once: AtOnce | None = "requests-at-once"
    batches: bool = False
    probe: bool = False
    any_parameter: bool = False


DEFAULT = Bounds()
PROBE = Bounds(probe=True, any_parameter=True)
PAGE = Bounds(any_parameter=True)  # the same for everybody


def bounded(bounds: Bounds) -> Callable[[Call], Call]:
    """Decorator of an endpoint that needs other bounds than the default."""

    def mark(endpoint: Call) -> Call:
        setattr(endpoint, "__bounds__", bounds)  # noqa: B010 - a function has no such attribute for mypy
        return endpoint

    return mark


class BoundedRoute(APIRoute):
    """A route with bounds, and with its key checked first."""

    @property
    def bounds(self) -> Bounds:
        found: Bounds = getattr(self.endpoint, "__bounds__", DEFAULT)
        return found

    @property
    def needs_key(self) -> bool:
        return _asks_who_calls(self.dependant)

    @property
    def takes_a_body(self) -> bool:
        """Whether it says that it reads one."""
        return self.body_field is not None or "requestBody" in (self.openapi_extra or {})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's, which reads and parses the body, after our look at head and key."""
        handle, bounds, needs_key = super().get_route_handler(), self.bounds, self.needs_key
        parameters = AddressParameters(self.dependant, any_other=bounds.any_parameter)
        takes_a_body = self.takes_a_body or bounds.any_parameter

        async def admitted(request: Request) -> Response:
            reading = Reading.of(request.scope)
            await _admit(request, reading, bounds, needs_key)
            parameters.check(request)
            reading.allow(bounds.most_bytes)
            if not takes_a_body and await _says_something(request, reading.says):
                raise Refused(Refusal("body-not-taken", ""))
            return await handle(JsonRequest(request.scope, request.receive))

        return admitted


class Router(APIRouter):
    def __init__(self, *, tags: Sequence[str] = ()) -> None:
        super().__init__(route_class=BoundedRoute, tags=list(tags))


def bounded_routes(app: FastAPI) -> Iterable[tuple[str, BoundedRoute]]:
    """Every route of the application with its path. Raises TypeError for one without bounds."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, BoundedRoute):
            raise TypeError(f"{context.path} has no bounds: make it with shared.kit.web.route_bounds.Router")
        yield str(context.path), route


async def _admit(request: Request, reading: Reading, bounds: Bounds, needs_key: bool) -> None:
    if bounds.probe:
        return
    quotas: Quotas = request.app.state.runtime.quotas
    address = address_of(request.scope)
    if not needs_key:
        await quotas.charge("anonymous", address)
        return
    refuse_key_in_address(request)
    authenticator: Authenticator[Any] = request.app.state.runtime.authenticator
    try:
        caller = await authenticator.authenticate(request.headers.get("authorization"))
    except Problem as problem:
        if problem.status == 401:  # a good key from the same address goes on: others may stand behind the same proxy
            await quotas.charge("wrong-keys", address)
        raise
    request.state.caller = caller
    request.scope.get(GOOD_KEY, lambda: None)()  # a test without a server has no connection to tell
    who = caller.key_id
    for name in bounds.charged:
        await quotas.charge(name, who)
    if bounds.at_once is not None:
        reading.held.enter_context(quotas.hold(bounds.at_once, who))
        if bounds.at_once == "requests-at-once":
            reading.held.callback(await quotas.turn(who))
    if bounds.batches:

        async def pay(size: int) -> None:
            if not reading.paid:
                reading.held.enter_context(quotas.hold("bodies-at-once", who))
            reading.paid += size
            # no more than may be read: who says more is refused for good, and not told to come again
            await quotas.charge("bytes", who, min(size, bounds.most_bytes))

        await reading.pay_above(SMALL_BODY, pay)


async def _says_something(request: Request, length: int) -> bool:
    """Whether anything stands in a body of this length (0: it does not say). Where there is nothing to say some clients
    send the end of a body alone, and many an empty object."""
    if length > _LONGEST_NOTHING:
        return True
    if not length and "transfer-encoding" not in request.headers:
        return False
    return (await request.body()).strip() not in _NOTHING


def _asks_who_calls(dependant: Dependant) -> bool:
    return any(each.call is authenticated or _asks_who_calls(each) for each in dependant.dependencies)
