"""Odd values for every parameter that an application says it has: whatever comes, the answer is never a 5xx.

Knows no service: it reads the application's own description. Used by the integration tests of each service.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx

_CURSORS = [
    f"{at} {'ab' * 16}"
    for at in (
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999-23:59",
        "2026-11-22T00:00:00",
        "2026-11-22T00:00:00+00:00:00.000001",
        "2026-W47-7T00:00:00+00:00",
        "1e400",
    )
]
ODD = [
    "", " ", "0", "-1", "1", "01", "1e3", "1_0", "1.5", "nan", "NaN", "-nan", "inf", "-inf", "1e400", "9" * 30, "true",
    "null", "'", '"', "$ne", "{}", "[]", "%00", "\x00", "a\nb", "\ud7ff", "이음", "\U0001f600", "/", "..", "====",
    "-_-_", "a" * 200, "a" * 5_000, "ab" * 16, "AB" * 16, "%ff%fe", "2026-11-22", "0001-01-01T00:00:00+23:59",
    *(base64.urlsafe_b64encode(cursor.encode()).decode() for cursor in _CURSORS),
    *(base64.urlsafe_b64encode(bytes(length)).decode().rstrip("=") for length in (1, 12, 28, 36, 64)),
]  # fmt: skip


Asked = tuple[str, str, dict[str, str]]
METHODS = ("get", "delete", "post")


def odd_requests(description: dict[str, Any]) -> Iterator[Asked]:
    """Method, path and query: every parameter of every route with every odd value, the others left plain."""
    for path, operations in description["paths"].items():
        for method in METHODS:
            parameters = operations.get(method, {}).get("parameters", ())
            plain = {one["name"]: _plain(one) for one in parameters if one["in"] == "path" or one.get("required")}
            for one in parameters:
                for value in ODD:
                    values = {**plain, one["name"]: value}
                    named = {name: quote(values[name], safe="") for name in values if "{" + name in path}
                    filled = path.replace(":path}", "}").format_map(named)
                    yield method, filled, {name: values[name] for name in values if name not in named}


async def refused_oddly(http: httpx.AsyncClient, description: dict[str, Any], headers: dict[str, str]) -> list[str]:
    """What was answered with a 5xx, and 400 and 422 that name no field or no remedy."""
    wrong = []
    for method, path, query in odd_requests(description):
        answer = await http.request(method, path, params=query, headers=headers)
        said = f"{method} {path[:80]} {str(query)[:120]} -> {answer.status_code}"
        if answer.status_code >= 500:
            wrong.append(said)
        elif answer.status_code in (400, 422) and not {"field", "remedy"} <= answer.json().keys():
            wrong.append(said + " without field or remedy")
    return wrong


def _plain(parameter: dict[str, Any]) -> str:
    return "1" if parameter.get("schema", {}).get("type") in ("integer", "number") else "ab" * 16
