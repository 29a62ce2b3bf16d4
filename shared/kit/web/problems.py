"""Errors of HTTP, always ``application/problem+json`` (RFC 9457): what was wrong, where, by which rule, what to do.

Nothing that was sent comes back: no value, no unknown name, no text of an exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pymongo.errors import ConnectionFailure, ExecutionTimeout, OperationFailure, WaitQueueTimeoutError
from starlette.exceptions import HTTPException

from shared.events.refusal import MOST, Refusal, Refused, refusal_of
from shared.kit.store.store import Unavailable
from shared.kit.web.remedies import remedy_of

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "https://problems.ieum.invalid/"
RETRY_AFTER_SECONDS = 2
# What a server answers that stops, starts, changes its primary or is in haste: the codes that drivers read or write
# again for, and CursorNotFound, FailedToSatisfyReadPreference, WriteConflict, Interrupted and the two of snapshots.
_PASSING = frozenset(
    {6, 7, 43, 89, 91, 112, 133, 134, 189, 202, 239, 246, 262, 9001, 10107, 11600, 11601, 11602, 13435, 13436}
)
_PLACES = ("body", "query", "path", "header", "cookie")


class Problem(Exception):
    """Raise it anywhere in a request. ``type`` is a slug; ``detail`` and ``remedy`` are sentences of ours, no values.

    ``extra`` are further members of the body (``errors``, ``receipt``), ``headers`` go with the answer.
    """

    def __init__(
        self,
        status: int,
        type: str,
        title: str,
        detail: str | None = None,
        *,
        field: str | None = None,
        rule: str | None = None,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(type)
        self.status = status
        self.headers = dict(headers or {})
        named = {"detail": detail, "field": field, "rule": rule, "remedy": remedy}
        self.body: dict[str, Any] = {"type": TYPE_BASE + type, "title": title, "status": status}
        self.body |= {name: value for name, value in named.items() if value is not None}
        self.body |= extra

    def response(self) -> JSONResponse:
        """The answer that says it."""
        return JSONResponse(self.body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def refusal_json(refusal: Refusal) -> dict[str, Any]:
    """One refusal as JSON: field, rule, remedy."""
    return {"field": refusal.field, "rule": refusal.rule, "remedy": remedy_of(refusal)}


def refused(refusals: Sequence[Refusal], status: int | None = None) -> Problem:
    """The problem for something that breaks the contract; the first finding stands on top, all are in ``errors``."""
    first = refusals[0]
    by_rule = {"not-json": 400, "unsupported-media-type": 415, "too-much": 413}
    return Problem(
        status or by_rule.get(first.rule, 422),
        "refused",
        "This cannot be taken as it is",
        **refusal_json(first),
        errors=[refusal_json(refusal) for refusal in refusals],
    )


def unavailable() -> Problem:
    """Something this service needs is away for the moment. An answer may have been lost on the way back, so nobody here
    knows whether it was done."""
    return Problem(
        503,
        "unavailable",
        "Not now",
        "It may or may not have been taken; sending the same again is safe.",
        remedy="Send the same again in a moment.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def not_found() -> Problem:
    """There is nothing, or nothing for you: unknown, forbidden and erased look the same."""
    return Problem(404, "not-found", "Not found", remedy="Check the address and the id.")


def forbidden(right: str) -> Problem:
    """The key is good but lacks a right (a name of ours: ``emits job-posted``, ``reads matches``)."""
    return Problem(
        403,
        "forbidden",
        "This key may not do this",
        f"It lacks the right: {right}.",
        rule="right",
        remedy="Ask whoever administers your agency's registration.",
    )


def internal() -> Problem:
    """A bug of ours; the log has the place."""
    return Problem(500, "internal", "Something failed here", remedy="Try again; tell us if it stays.")


def install(app: FastAPI) -> None:
    """Make every error of this application a problem."""

    async def problem(_: Request, error: Problem) -> JSONResponse:
        return error.response()

    async def contract(_: Request, error: Refused) -> JSONResponse:
        return refused(error.refusals).response()

    async def request(_: Request, error: RequestValidationError) -> JSONResponse:
        return refused([_finding(item) for item in error.errors()[:MOST]]).response()

    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return _of_status(error.status_code, error.headers).response()

    async def perhaps_away(_: Request, error: OperationFailure) -> JSONResponse:
        if error.code not in _PASSING:
            raise error  # a bug of ours, or a right that lacks
        return unavailable().response()

    async def away(_: Request, __: Exception) -> JSONResponse:
        return unavailable().response()

    handlers: dict[type[Exception], Any] = {
        Problem: problem,
        Refused: contract,
        RequestValidationError: request,
        HTTPException: http,
        Unavailable: away,
        ConnectionFailure: away,
        ExecutionTimeout: away,
        WaitQueueTimeoutError: away,
        OperationFailure: perhaps_away,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _finding(item: Mapping[str, Any]) -> Refusal:
    """A finding about a request: where it is by place and declared name, and for the body by pointer."""
    place, *rest = item["loc"]
    at = "" if place == "body" else f"/{place}" if place in _PLACES else ""
    if item["type"] == "json_invalid":
        rest = []
    return refusal_of({**item, "loc": rest}, at)


def _of_status(status: int, headers: Mapping[str, str] | None) -> Problem:
    if status == 404:
        return not_found()
    phrase = HTTPStatus(status).phrase
    return Problem(status, phrase.lower().replace(" ", "-"), phrase, headers=headers)
