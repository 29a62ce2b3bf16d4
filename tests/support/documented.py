"""Every answer that a service documents, compared with what it sends when it runs: status, media type, schema.

An answer that is sent and not documented fails where it is seen; one that is documented and never seen fails at the
end, unless a reason is given why nobody can provoke it here.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from pymongo.errors import AutoReconnect

from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.problem_details import MEDIA_TYPE
from shared.kit.web.quotas import Quotas
from shared.kit.web.route_bounds import bounded_routes

ANY_ID = "0" * 32
_OVER_SOCKETS = "sent while head or body come in, before the application is asked: tests/integration/kit/test_edge.py"
_OF_A_PROBE = "a probe does nothing that could fail; whatever does is an answer of its own"
# Why an answer cannot be provoked here: of every operation, or of one.
NEVER: Mapping[tuple[str, int], str] = {
    ("*", 408): _OVER_SOCKETS,
    ("GET /live", 500): _OF_A_PROBE,
    ("GET /ready", 500): _OF_A_PROBE,
    ("GET /metrics", 500): _OF_A_PROBE,
}

# Whoever is turned away by the kit is told what to do in every language of the pack.
SAID_IN_ALL_LANGUAGES = frozenset({400, 401, 403, 404, 405, 409, 413, 414, 415, 416, 422, 429, 431, 500, 503})


class _Failing:
    """In place of what tells who calls, or how often."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def authenticate(self, _: str | None) -> Any:
        raise self._error

    async def charge(self, *_: Any) -> None:
        raise self._error


class Documented:
    """A running service behind ``http``, whose good key is in ``headers``."""

    def __init__(self, app: FastAPI, headers: Mapping[str, str]) -> None:
        self.app = app
        self.document: dict[str, Any] = app.openapi()
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://service", timeout=60
        )
        self.headers = dict(headers)
        self.seen: set[tuple[str, int]] = set()

    async def ask(self, operation: str, status: int, address: str | None = None, **more: Any) -> httpx.Response:
        """``operation`` as it is documented ("GET /feed"); ``address`` where its path has parameters."""
        method, path = operation.split()
        headers = {**self.headers, **more.pop("headers", {})}
        answer = await self.http.request(method, address or _filled(path), headers=headers, **more)
        assert answer.status_code == status, (operation, answer.text)
        responses = self.document["paths"][path][method.lower()]["responses"]
        assert str(status) in responses, f"{operation} answers {status}, which is not documented"
        content = responses[str(status)].get("content", {})
        if not content:
            assert answer.content == b"", f"{operation} {status} has a body that is not documented"
        else:
            media = answer.headers["content-type"].partition(";")[0]
            assert media in content, (operation, status, media, sorted(content))
            has_body = method != "HEAD"  # which says of the same answer as GET only what it would be
            if has_body and media.endswith("json"):
                self._check(operation, content[media].get("schema", {}), answer)
            if has_body and media == MEDIA_TYPE and status in SAID_IN_ALL_LANGUAGES:
                said_in_all_languages(answer.json())
        self.seen.add((operation, status))
        return answer

    def _check(self, operation: str, schema: Any, answer: httpx.Response) -> None:
        whole = {**_closed(schema), "components": _closed(self.document["components"])}
        found = [error.message for error in Draft202012Validator(whole).iter_errors(answer.json())]
        assert not found, (operation, answer.status_code, answer.text, found)

    async def ask_what_bounds_answer(self) -> None:
        """Everything that follows from how a route is bounded, of every route."""
        for path, route in bounded_routes(self.app):
            path = re.sub(r":[a-z]+}", "}", path)
            for method in sorted(route.methods or ()):
                if path in self.document["paths"]:
                    await self._ask_of(f"{method} {path}", route)

    async def _ask_of(self, operation: str, route: Any) -> None:
        await self.ask(operation, 413, content=b"x" * (route.bounds.most_bytes + 1))
        await self.ask(operation, 414, params={"x": "x" * 3_000})
        await self.ask(operation, 431, headers={"x-long": "x" * 5_000})
        if route.bounds.probe:
            return
        runtime = self.app.state.runtime
        with _instead(runtime, "quotas", _Failing(RuntimeError())):
            await self.ask(operation, 500)
        if route.needs_key:
            await self.ask(operation, 400, params={"token": "x"})
            await self.ask(operation, 401, headers={"authorization": "Bearer x"})
            with _instead(runtime, "authenticator", _Failing(AutoReconnect())):
                await self.ask(operation, 503)
        asked = await self.ask(operation, 422, params={"unheard-of": "1"})
        assert operation.startswith("HEAD") or asked.json()["rule"] == "unknown-parameter"
        if route.dependant.body_params:
            await self.ask(operation, 415, content=b"{}")
        if route.dependant.query_params:
            name = route.dependant.query_params[0].alias
            await self.ask(operation, 400, params=[(name, "1"), (name, "1")])
        one: dict[str, Any] = {f"limit_{name}": "1/1" for name in ("requests", "lookups", "events", "anonymous")}
        with _instead(runtime, "quotas", Quotas(EdgeSettings(**one))):
            method, path = operation.split()
            for _ in range(3):  # whatever it answers to the first
                await self.http.request(method, _filled(path), headers=self.headers)
            await self.ask(operation, 429)

    def unseen(self, never: Mapping[tuple[str, int], str] | None = None) -> list[str]:
        """What is documented and was not seen, without a reason; and reasons for what was seen all the same."""
        reasons = {**NEVER, **(never or {})}
        documented = {
            (f"{method.upper()} {path}", int(status))
            for path, operations in self.document["paths"].items()
            for method, operation in operations.items()
            for status in operation["responses"]
            if status != "default"
        }
        excused = {each for each in documented if each in reasons or ("*", each[1]) in reasons}
        stale = [f"{each}: has a reason and needs none" for each in sorted(self.seen & excused)]
        stale += [f"{each}: is not documented" for each in sorted(reasons.keys() - documented) if each[0] != "*"]
        return [f"{each}: never seen" for each in sorted(documented - self.seen - excused)] + stale


def said_in_all_languages(problem: Mapping[str, Any]) -> None:
    """Title, detail and what to do, in every language of the pack; the English ones are those that RFC 9457 wants."""
    assert set(problem.get("remedy", {})) == {"ko", "en"}, problem
    for one, all_languages in (("title", "titles"), ("detail", "details")):
        said = problem.get(all_languages, {})
        assert said.get("en") == problem.get(one), (one, problem)
        assert set(said) == ({"ko", "en"} if one in problem else set()), (one, problem)


@contextmanager
def _instead(owner: Any, name: str, other: Any) -> Any:
    before = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _filled(path: str) -> str:
    return re.sub(r"{[^}]*}", ANY_ID, path.replace("{type}", "match-found").replace("{version}", "1"))


def _closed(schema: Any) -> Any:
    """The same, with every object closed: a field that is answered and not documented is found, too."""
    closed = copy.deepcopy(schema)
    todo = [closed]
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            if "properties" in each and each.get("type") == "object":
                each.setdefault("additionalProperties", False)
            todo += each.values()
        elif isinstance(each, list):
            todo += each
    return closed


async def ask_what_the_kit_answers(service: Documented) -> None:
    """The routes that every service has. ``service`` shows the key of an administrator."""
    runtime = service.app.state.runtime
    await service.ask_what_bounds_answer()
    await service.ask("GET /live", 200)
    await service.ask("GET /ready", 200)
    with _instead(runtime.health, "phase", "starting"):
        await service.ask("GET /ready", 503)
    with _instead(runtime.health, "_broken", lambda: True):
        await service.ask("GET /live", 503)
    await service.ask("GET /metrics", 200)
    await service.ask("GET /schemas", 200)
    await service.ask("GET /asyncapi.json", 200)
    await service.ask("GET /schemas/{type}/{version}", 200, "/schemas/job-posted/1")
    await service.ask("GET /schemas/{type}/{version}", 404, "/schemas/nothing/1")
    await service.ask("GET /schemas/{type}/{version}", 422, "/schemas/job-posted/none")
    await service.ask("GET /quarantine", 200)
    await service.ask("GET /quarantine", 422, params={"limit": 0})
    await service.ask("POST /quarantine/replay", 200, json={})
    await service.ask("POST /quarantine/replay", 422, json={"ids": 1})


async def ask_without_the_right(service: Documented, headers: Mapping[str, str]) -> None:
    """The operator's routes, with the key of somebody who is no operator."""
    await service.ask("GET /quarantine", 403, headers=headers)
    await service.ask("POST /quarantine/replay", 403, json={}, headers=headers)
