"""A problem of a request carries no sentence about what to do, and its title and detail in English alone: whatever the
code raises has them in every language of every pack."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from shared.reference.loader import available_packs, load_pack

pytestmark = pytest.mark.unit
_VALUES = {"bytes": 5, "fields": "kind", "right": "reads matches", "state": "proposed", "version": 3}
_TITLES = {  # of what stands not as words where it is raised: phrases of HTTP
    ("method-not-allowed",): "Method Not Allowed",
    ("unsupported-media-type",): "Unsupported Media Type",
    ("bad-request",): "Bad Request",
    ("refused",): "This cannot be taken as it is",
}


def calls() -> Iterator[tuple[ast.Call, str]]:
    """What the code calls by a plain name."""
    for file in (*Path("services").rglob("*.py"), *Path("shared").rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                yield call, call.func.id


def raised() -> set[str]:
    """Names of ``Problem(status, type, ..., name=...)`` and ``unauthorised(name)``, as far as they stand as words."""
    return set(map(str, chain.from_iterable(names_in(call, function) for call, function in calls())))


def titled() -> Iterator[tuple[tuple[str, ...], str, bool]]:
    """Names of each ``Problem(status, type, title, detail)`` and of each ``_wrong(field, rule, title, name)`` of the
    rounds, the title, and whether there is a detail; as far as they stand as words."""
    for call, function in calls():
        words = [each.value if isinstance(each, ast.Constant) else None for each in call.args]
        if function == "_wrong" and len(words) == 4:
            yield (str(words[3]), "refused"), str(words[2]), False
        elif function == "Problem" and isinstance(words[0], int) and isinstance(words[2], str):
            own = [str(name) for name in names_in(call, function)]
            yield (*own, str(words[1])), words[2], len(words) > 3


def names_in(call: ast.Call, function: str) -> list[object]:
    named = [each.value for each in call.keywords if each.arg == "name"]
    place = {"Problem": slice(1, 2), "unauthorised": slice(0, 1)}.get(function, slice(0))
    own = [*(named if function == "Problem" else []), *call.args[place]][:1]
    branches = chain(*([each.body, each.orelse] if isinstance(each, ast.IfExp) else [each] for each in own))
    return [each.value for each in branches if isinstance(each, ast.Constant) and each.value is not None]


def test_every_problem_has_a_remedy_in_every_language_of_every_pack() -> None:
    names = raised()
    assert {"not-found", "too-much", "wrong-hash", "endpoint-not-there"} <= names
    names.add("url-refused")  # under the name of a rule: of those that have no sentence of their own
    names -= {"feed-has-no-url", "topic-has-no-url", "only-if-we-call", "only-over-http"}  # titles of their own alone
    for pack in map(load_pack, available_packs()):
        said = {name: pack.problem((name,), _VALUES).get("remedy", {}) for name in names}
        assert [name for name in sorted(names) if tuple(said[name]) != pack.languages] == []


def test_every_problem_has_a_title_and_its_detail_in_every_language_of_every_pack() -> None:
    found = [*titled(), *((names, title, False) for names, title in _TITLES.items())]
    assert len(found) > 15
    for pack in map(load_pack, available_packs()):
        for names, title, has_detail in found:
            said = pack.problem(names, _VALUES)
            assert tuple(said.get("titles", ())) == pack.languages, names
            assert said["titles"]["en"] == title, names
            assert not has_detail or tuple(said.get("details", ())) == pack.languages, names
