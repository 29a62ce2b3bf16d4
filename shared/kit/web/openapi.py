"""OpenAPI as it is: errors are problems, not FastAPI's own validation shape (which is never sent)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from shared.kit.web.problems import MEDIA_TYPE

# What any request can meet before its route is asked.
_ANYWHERE = {
    "408": "Head or body came too slowly",
    "413": "More bytes than this route takes",
    "429": "Too many at a time; Retry-After says when",
}
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. Never echoes what was sent.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "JSON pointer to what was wrong"},
        "rule": {"type": "string"},
        "remedy": {"type": "string", "description": "what to do"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "rule", "remedy"],
                "properties": {name: {"type": "string"} for name in ("field", "rule", "remedy")},
            },
        },
    },
}


def describe_problems(app: FastAPI) -> None:
    """From now on the application's OpenAPI document says what errors look like."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            for name in _FASTAPIS_OWN:
                schemas.pop(name, None)
            schemas["Problem"] = PROBLEM
            for path in document.get("paths", {}).values():
                for operation in path.values():
                    _mend(operation["responses"])
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to change the document


def _mend(responses: dict[str, Any]) -> None:
    """Every error is ``application/problem+json``: in the form that the route says, else in the kit's."""
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for status, response in responses.items():
        if status.startswith(("4", "5")):
            content = response.setdefault("content", {})
            own = content.pop("application/json", None) or content.get(MEDIA_TYPE)
            content[MEDIA_TYPE] = own or problem
    if "HTTPValidationError" in str(responses.get("422")):
        responses["422"] = {"description": "Refused", "content": {MEDIA_TYPE: problem}}
    for status, description in _ANYWHERE.items():
        responses.setdefault(status, {"description": description, "content": {MEDIA_TYPE: problem}})
    responses.setdefault("default", {"description": "Any other error", "content": {MEDIA_TYPE: problem}})
