"""A problem of a request carries no sentence about what to do: each name that the code raises has one in every pack."""

from __future__ import annotations

import ast
from itertools import chain
from pathlib import Path

import pytest

from shared.reference.loader import available_packs, load_pack

pytestmark = pytest.mark.unit


def raised() -> set[str]:
    """Names of ``Problem(status, type, ..., name=...)`` and ``unauthorised(name)``, as far as they stand as words."""
    found: set[str] = set()
    for file in (*Path("services").rglob("*.py"), *Path("shared").rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                found |= set(map(str, names_in(call, call.func.id)))
    return found


def names_in(call: ast.Call, function: str) -> list[object]:
    named = [each.value for each in call.keywords if each.arg == "name"]
    place = {"Problem": slice(1, 2), "unauthorised": slice(0, 1)}.get(function, slice(0))
    own = [*(named if function == "Problem" else []), *call.args[place]][:1]
    branches = chain(*([each.body, each.orelse] if isinstance(each, ast.IfExp) else [each] for each in own))
    return [each.value for each in branches if isinstance(each, ast.Constant) and each.value is not None]


def test_every_problem_has_a_remedy_in_every_language_of_every_pack() -> None:
    names = raised()
    assert {"not-found", "too-much", "wrong-hash", "endpoint-not-there", "url-refused"} <= names
    for pack in map(load_pack, available_packs()):
        values = {"bytes": 5, "fields": "kind"}
        assert [name for name in sorted(names) if tuple(pack.problem(name, values)) != pack.languages] == []
