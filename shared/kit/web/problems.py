"""Errors of HTTP, always ``application/problem+json`` (RFC 9457): what was wrong, where, by which rule, what to do.

Nothing that was sent comes back: no value, no unknown name, no text of an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pymongo.errors import ConnectionFailure, ExecutionTimeout, OperationFailure, WaitQueueTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from shared.events.data_classification import models_in
from shared.events.refusal import (
    MOST,
    MOST_NAMED,
    Refusal,
    Refused,
    field_names,
    fields_at,
    known_beside,
    known_in,
    names_at,
    refusal_of,
    without_echoes,
)
from shared.kit.web.json_bodies import NamedTwice, NotPlain
from shared.kit.web.problem_details import TYPE_BASE, ProblemDetails, Remedies, Sayings, refused

RETRY_AFTER_SECONDS = 2
# What a server answers that stops, starts, changes its primary or is in haste: the codes that drivers read or write
# again for, and CursorNotFound, FailedToSatisfyReadPreference, WriteConflict, Interrupted and the two of snapshots.
_PASSING = frozenset(
    {6, 7, 43, 89, 91, 112, 133, 134, 189, 202, 239, 246, 262, 9001, 10107, 11600, 11601, 11602, 13435, 13436}
)
MOST_SHOWN = 20  # steps of a pointer
_PLACES = ("body", "query", "path", "header", "cookie")


class Problem(Exception):
    """Raise it anywhere in a request. ``type`` is a slug; ``title`` and ``detail`` are sentences of ours, no values.

    ``members`` are further ones of the body (``field``, ``rule``, ...), ``headers`` go with the answer. By ``name``
    (else ``type``) the application finds all of it in its languages, with ``values``, which are safe.
    """

    def __init__(
        self,
        status: int,
        type: str,
        title: str,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        name: str | None = None,
        values: Mapping[str, object] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(type)
        self.headers = dict(headers or {})
        self._names, self._values = tuple(dict.fromkeys((name or type, type))), dict(values or {})
        self.details = ProblemDetails(type=TYPE_BASE + type, title=title, status=status, detail=detail, **members)

    @property
    def status(self) -> int:
        return self.details.status

    def response(self, app: object = None) -> JSONResponse:
        """``app``: the application that answers; its sentences say all of it, in all of its languages."""
        sayings: Sayings | None = getattr(getattr(app, "state", None), "sayings", None)
        said = {} if sayings is None else sayings(self._names, self._values)
        if self.details.detail is None:
            said.pop("details", None)
        return self.details.model_copy(update=said).response(self.headers)


def general_remedy(rule: str, field: str, values: Mapping[str, object]) -> dict[str, str]:
    """Where nobody knows better."""
    return {"en": "Compare it with the schema."}


def unavailable() -> Problem:
    """Something this service needs is away for the moment. An answer may have been lost on the way back, so nobody here
    knows whether it was done."""
    detail = "It may or may not have been taken; sending the same again is safe."
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(503, "unavailable", "Not now", detail, headers=headers)


def not_found() -> Problem:
    """There is nothing, or nothing for you: unknown, forbidden and erased look the same."""
    return Problem(404, "not-found", "Not found")


def forbidden(right: str) -> Problem:
    """The key is good but lacks a right (a name of ours: ``emits job-posted``, ``reads matches``)."""
    title, values = "This key may not do this", {"right": right}
    return Problem(403, "forbidden", title, f"It lacks the right: {right}.", rule="right", name="right", values=values)


def internal() -> Problem:
    """A bug of ours; the log has the place."""
    return Problem(500, "internal", "Something failed here")


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an endpoint answers itself beside its success, for ``responses`` of its route."""
    return {status: {"description": _ERRORS.get(status, HTTPStatus(status).phrase)} for status in statuses}


_ERRORS = {403: "The right is missing", 404: "Nothing, or nothing for you", 409: "Not as things stand"}


def install(
    app: FastAPI,
    remedies: Remedies = general_remedy,
    passing: Sequence[type[Exception]] = (),
    sayings: Sayings | None = None,
) -> None:
    """Make every error of this application a problem. ``remedies`` says what to do about what is refused, ``passing``
    are further exceptions which mean that something is away; ``sayings`` has the titles of all, and says what to do
    about all other problems."""
    app.state.sayings = sayings

    def perhaps_away(error: OperationFailure) -> Problem:
        if error.code not in _PASSING:
            raise error  # a bug of ours, or a right that lacks
        return unavailable()

    away: tuple[type[Exception], ...] = (ConnectionFailure, ExecutionTimeout, WaitQueueTimeoutError, *passing)
    answers: dict[type[Exception], Callable[[Any], Problem | ProblemDetails]] = {
        Problem: lambda problem: problem,
        Refused: lambda error: refused(error.refusals, remedies, sayings),
        HTTPException: lambda error: _of_status(error.status_code, error.headers),
        OperationFailure: perhaps_away,
        **dict.fromkeys(away, lambda error: unavailable()),
    }

    async def does_not_fit(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        if isinstance(error.body, bytes):  # it was not read, because it did not say that it is JSON
            phrase = HTTPStatus(415).phrase
            return Problem(415, "unsupported-media-type", phrase, name="json-wanted").response(app)
        body, known = _body_of(request), _names_of(request)
        items = [_numbered(item, known, error.body) for item in without_echoes(error.errors())[:MOST]]
        found = [
            _finding(item, body if number < MOST_NAMED else None, known, _example_of(item["loc"], request, body))
            for number, item in enumerate(items)
        ]
        return refused(found, remedies, sayings).response()

    app.add_exception_handler(RequestValidationError, does_not_fit)

    async def twice(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, NamedTwice)
        return refused([_twice(error.place, request)], remedies, sayings).response()

    app.add_exception_handler(NamedTwice, twice)

    async def not_plain(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, NotPlain)
        return refused([Refusal(error.rule, "")], remedies, sayings).response()

    app.add_exception_handler(NotPlain, not_plain)

    async def answered(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, HTTPException) and error.status_code == 405:
            error.headers = {"Allow": _allowed(app, request.scope["path"])}
        kind = next(each for each in type(error).__mro__ if each in answers)
        answer = answers[kind](error)
        return answer.response(app) if isinstance(answer, Problem) else answer.response()

    for kind in answers:
        app.add_exception_handler(kind, answered)


def _finding(
    item: Mapping[str, Any], body: type[BaseModel] | None, known: frozenset[str], example: str | None
) -> Refusal:
    """A finding about a request: where it is by place and declared name, and for the body by pointer. An unknown name
    is not said, nor is a key that the sender chose; the known one that is like it is. Of a wrong form ``example`` is
    what its place is documented with."""
    place, *rest = item["loc"]
    at = "" if place == "body" else f"/{place}" if place in _PLACES else ""
    if item["type"] == "json_invalid":
        rest = []
    elif place in ("query", "path", "header") and rest:  # a declared name: nobody is told what else is there
        at, rest = f"{at}/{rest[0]}", rest[1:]
    found = refusal_of({**item, "loc": rest}, at, known)
    if found.rule == "wrong-form" and example is not None:
        return Refusal(found.rule, found.field, {**found.values, "example": example})
    if place != "body" or body is None:
        return found
    if found.rule == "unknown-field":
        return Refusal(found.rule, found.field, known_beside(rest, body))
    if found.rule == "missing-field" and not rest:
        return Refusal("missing-body", found.field, known_in(rest, body))
    return Refusal(found.rule, found.field, known_in(rest, body)) if found.rule == "object-type" else found


def _numbered(item: dict[str, Any], known: frozenset[str], said: Any) -> dict[str, Any]:
    """A key that the sender chose, where any may stand, as the number of its entry from 0 on."""
    place, *rest = item["loc"]
    if place != "body" or item["type"] == "extra_forbidden":
        return item
    found: list[int | str] = []
    for number, part in enumerate(rest):
        inside = isinstance(said, Mapping) and part in said
        if inside and number and part not in known:
            found.append(next(at for at, key in enumerate(said) if key == part))
        elif part != "[key]":
            found.append(part)
        said = said[part] if inside or (isinstance(said, list) and isinstance(part, int)) else None
    return {**item, "loc": (place, *found)}


def _example_of(location: Sequence[str | int], request: Request, body: type[BaseModel] | None) -> str | None:
    """The first documented example (``examples``) of a parameter, or of a field of the body; None where there is
    none."""
    place, *rest = location
    names = [each for each in rest if isinstance(each, str)]
    if not names:
        return None
    if place == "body":
        fields = {} if body is None else fields_at(names[:-1], body)
        examples = fields[names[-1]].examples if names[-1] in fields else None
    else:
        dependant = getattr(request.scope.get("route"), "dependant", None)
        declared = getattr(dependant, f"{place}_params", ())
        examples = next((each.field_info.examples for each in declared if each.alias == names[0]), None)
    return str(examples[0]) if examples else None


def _twice(place: Sequence[str | int], request: Request) -> Refusal:
    """The pointer leads as far as names are known, and no further than MOST_SHOWN: another name may be anything."""
    body = _body_of(request)
    known = frozenset(_parameters_of(request)) if body is None else names_at((), body)
    shown = 0
    while shown < min(len(place), MOST_SHOWN) and (isinstance(place[shown], int) or place[shown] in known):
        shown += 1
        known = frozenset() if body is None else names_at(place[:shown], body)
    return refusal_of({"type": "named_twice", "loc": place[:shown]}, "")


def _parameters_of(request: Request) -> list[str]:
    """The names of a body that is put together from several parameters."""
    taken = _taken(request)
    return [each.alias for each in taken] if len(taken) > 1 else []


def _names_of(request: Request) -> frozenset[str]:
    """All that are declared somewhere in the body."""
    models = (model for each in _taken(request) for model in models_in(each.field_info.annotation))
    return frozenset(_parameters_of(request)).union(*(field_names(model) for model in models))


def _body_of(request: Request) -> type[BaseModel] | None:
    """The model that the route takes as its whole body, if that is one."""
    taken = _taken(request)
    models = models_in(taken[0].field_info.annotation) if len(taken) == 1 else []
    return models[0] if len(models) == 1 else None


def _taken(request: Request) -> Sequence[Any]:
    taken: Sequence[Any] = getattr(getattr(request.scope.get("route"), "dependant", None), "body_params", ())
    return taken


def _allowed(app: FastAPI, path: str) -> str:
    """Every method that an address takes: the framework names those of the first route alone."""
    contexts = [*iter_route_contexts(app.routes)]
    routes = [each.original_route for each in contexts if compile_path(str(each.path))[0].match(path)]
    return ", ".join(sorted({method for route in routes for method in getattr(route, "methods", None) or ()}))


def _of_status(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    if status == 404:
        return not_found()
    phrase = HTTPStatus(status).phrase
    return Problem(status, phrase.lower().replace(" ", "-"), phrase, headers=headers)
