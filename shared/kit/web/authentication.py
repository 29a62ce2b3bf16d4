"""Who calls. The kit does not know what keys, agencies and rights are: a service passes in an `Authenticator`."""

from __future__ import annotations

from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.kit.web.problems import Problem

_IN_ADDRESS = frozenset({"key", "api_key", "apikey", "token", "access_token", "authorization", "secret"})


class Caller(Protocol):
    """Who is behind a request, as far as the kit has to know."""

    @property
    def agency_id(self) -> str:
        """On whose behalf; for the audit."""

    @property
    def key_id(self) -> str:
        """With which key; quotas are counted by it."""

    @property
    def administers(self) -> bool:
        """Whether the operator's routes are open to it."""


C = TypeVar("C", bound=Caller)


class Authenticator(Protocol[C]):
    """Turns what a request shows into a caller. Both raise the 401 problem, or a driver's error when the database is
    away."""

    async def authenticate(self, authorization: str | None) -> C:
        """Who shows this ``Authorization`` header."""

    async def reauthenticate(self, caller: C) -> C:
        """The same caller as of now: time has passed since its key was checked (a slow body, a long poll)."""


def unauthorised(name: str | None = None, rule: str | None = None) -> Problem:
    """The one answer to whoever cannot show a good key; ``name`` and ``rule`` where more may be said."""
    headers = {"WWW-Authenticate": "Bearer"}
    return Problem(401, "unauthorised", "No valid key", headers=headers, name=name, rule=rule)


def refuse_key_in_address(request: Request) -> None:
    """Raise the 400 problem for a key in the address: it would end in logs."""
    if any(name.lower() in _IN_ADDRESS for name in request.query_params):
        raise Problem(400, "key-in-address", "A key does not belong into an address")


async def authenticated(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(HTTPBearer(auto_error=False))]
) -> Any:
    """FastAPI dependency: the caller of this request, whose key ``route_bounds`` has checked before. Called when the
    body has come, which may take a while: a key or right that was taken away meanwhile does not count."""
    authenticator: Authenticator[Any] = request.app.state.runtime.authenticator
    return await authenticator.reauthenticate(request.state.caller)


Authenticated = Annotated[Caller, Depends(authenticated)]
