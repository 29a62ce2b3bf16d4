"""What has not the form that is wanted is told what it should be: every place of every door, in every pack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.reference import available_packs, load_pack

pytestmark = pytest.mark.unit
SERVICES = ("intake", "matching", "notifications")
Form = tuple[str, dict[str, str]]  # the last part of the field, and the values of a refusal there


def _forms(service: str) -> Iterator[Form]:
    """Of each parameter, and each field of a body, that has a pattern."""
    api = json.loads(Path(f"docs/openapi/{service}.json").read_text("utf-8"))
    for operation in (each for path in api["paths"].values() for each in path.values()):
        for parameter in operation.get("parameters", ()):
            yield from _of(parameter["name"], parameter["schema"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield from _in(content.get("schema", {}), api["components"]["schemas"])


def _in(schema: Any, known: dict[str, Any]) -> Iterator[Form]:
    if isinstance(schema, list):
        for each in schema:
            yield from _in(each, known)
    elif isinstance(schema, dict):
        if "$ref" in schema:
            yield from _in(known[schema["$ref"].rpartition("/")[2]], known)
        for name, field in schema.get("properties", {}).items():
            yield from _of(name, field)
        for inner in schema.values():
            yield from _in(inner, known)


def _of(name: str, schema: dict[str, Any]) -> Iterator[Form]:
    plain, examples = [schema, *schema.get("anyOf", ())], schema.get("examples", ())
    for each in [*plain, *(one["items"] for one in plain if "items" in one)]:
        if "pattern" in each:
            place = name if each in plain else "0"  # of a list what is wrong is one of its members
            yield place, {"pattern": each["pattern"], **({"example": str(examples[0])} if examples else {})}


@pytest.mark.parametrize("name", available_packs())
@pytest.mark.parametrize("service", SERVICES)
def test_no_form_is_refused_with_the_general_sentence(name: str, service: str) -> None:
    pack, found = load_pack(name), list(_forms(service))
    general = pack.remedy("wrong-form", "", {})
    assert found
    assert [each for each in found if pack.remedy("wrong-form", f"/{each[0]}", each[1]) == general] == []


@pytest.mark.parametrize("name", available_packs())
def test_nor_is_what_is_of_another_type(name: str) -> None:
    pack = load_pack(name)
    for rule in ("list-type", "object-type", "string-type", "bool-type", "int-type", "string-unicode", "missing-body"):
        assert pack.remedy(rule, "", {}) != pack.remedy("wrong-form", "", {}), rule
    for rule in ("object-type", "missing-body"):
        assert all("count, places" in said for said in pack.remedy(rule, "", {"known": "count, places"}).values())
