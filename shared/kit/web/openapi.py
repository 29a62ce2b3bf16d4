"""OpenAPI as it is: errors are problems, not FastAPI's own validation shape (which is never sent). What a route answers
before its endpoint is called follows from its bounds and is said here; an endpoint says only what it answers itself."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from shared.kit.web.problem_details import MEDIA_TYPE, ProblemDetails
from shared.kit.web.route_bounds import BoundedRoute, bounded_routes

_CONVERTER = re.compile(":[a-z]+}")  # {id:path} is published as {id}
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
_REF = "#/components/schemas/{model}"
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=ProblemDetails.__name__)}}}
_TO_ANYBODY = {
    "408": "Head or body came too slowly",
    "413": "More bytes than this route takes",
    "414": "The address is too long",
    "431": "The head is too large",
    "500": "A fault of ours",
}
_DOES_NOT_FIT = "Something that was sent does not fit"
_UNLESS_A_PROBE = {"422": _DOES_NOT_FIT, "429": "Too many at a time; Retry-After says when"}
_WITH_A_KEY = {
    "400": "A key in the address, or a body that cannot be read",
    "401": "No valid key",
    "503": "Something that is needed is away; send the same again",
}
_WITH_JSON = {"415": "A body that does not say that it is JSON, or is packed or not in UTF-8"}


def describe_problems(app: FastAPI) -> None:
    """From now on the application's OpenAPI document says what errors look like."""
    generate = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        made = generate()
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for name in _FASTAPIS_OWN:
            schemas.pop(name, None)
        _, found = models_json_schema([(ProblemDetails, "serialization")], ref_template=_REF)
        schemas |= found["$defs"]
        for path, route in bounded_routes(app):
            operations = made["paths"].get(_CONVERTER.sub("}", path), {})
            for method in (route.methods or set()) & {each.upper() for each in operations}:
                _mend(operations[method.lower()]["responses"], route)
        return made

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to change the document


def _mend(responses: dict[str, Any], route: BoundedRoute) -> None:
    """Every error is ``application/problem+json``."""
    general = _TO_ANYBODY | ({} if route.bounds.probe else _UNLESS_A_PROBE) | (_WITH_A_KEY if route.needs_key else {})
    general |= _WITH_JSON if route.dependant.body_params else {}
    if route.dependant.query_params:
        general.setdefault("400", "A parameter that stands twice")
    for status, description in general.items():
        responses.setdefault(status, {"description": description})
    if "422" in responses and responses["422"].get("description") == "Validation Error":
        responses["422"] = {"description": _DOES_NOT_FIT}
    for status, response in responses.items():
        if status.startswith(("4", "5")) and "content" not in response:
            response["content"] = _PROBLEM
    responses["default"] = {"description": "Any other error", "content": _PROBLEM}
