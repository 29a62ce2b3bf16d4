"""How an outsider reads the published schemas: JSON Schema 2020-12 with patterns as ECMA-262 means them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend


def _pattern(validator: Any, pattern: str, instance: object, schema: Any) -> Iterator[ValidationError]:
    # Python's $ also matches before a last newline, ECMA's does not
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield ValidationError("pattern")


_Validator = extend(Draft202012Validator, {"pattern": _pattern})


def validator_of(schema: dict[str, Any]) -> Any:
    """A validator that checks formats too. ``is_valid(instance)`` is what tests ask."""
    Draft202012Validator.check_schema(schema)
    return _Validator(schema, format_checker=FormatChecker(["date"]))


def instances(schema: dict[str, Any], root: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """JSON values made from a schema of ours (the keywords we publish, no others), nearly all of them valid.

    hypothesis-jsonschema 0.23.1 fails on objects under the Hypothesis that is in use here.
    """
    root = root or schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return st.deferred(lambda: instances(root["$defs"][name], root))
    if "anyOf" in schema:
        return st.one_of([instances(option, root) for option in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    return _MAKERS[schema["type"]](schema, root)


def _objects(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "patternProperties" in schema:
        ((pattern, value),) = schema["patternProperties"].items()
        return st.dictionaries(
            _texts({"pattern": pattern}, root),
            instances(value, root),
            min_size=schema.get("minProperties", 0),
            max_size=4,
        )
    fields = {name: instances(field, root) for name, field in schema["properties"].items()}
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


def _arrays(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    # the real limits are met by the broken data
    return st.lists(instances(schema["items"], root), min_size=schema.get("minItems", 0), max_size=3)


def _texts(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    if schema.get("format") == "date":
        return st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(date.isoformat)
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 200)
    if "pattern" not in schema:
        return st.text(min_size=shortest, max_size=longest)
    return st.sampled_from(_some_texts(schema["pattern"], shortest, longest))


@cache
def _some_texts(pattern: str, shortest: int, longest: int) -> list[str]:
    """Fifty texts of a pattern: to make them is slow, to choose one is not."""
    found: set[str] = set()

    @settings(max_examples=50, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(st.from_regex(re.sub(r"\$$", r"\\Z", pattern)))
    def collect(text: str) -> None:
        if shortest <= len(text) <= longest:
            found.add(text)

    collect()
    return sorted(found)


def _numbers(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    low, high = schema.get("minimum", -(10**9)), schema.get("maximum", 10**9)
    whole = st.integers(low, high)
    if schema["type"] == "integer":
        return whole | whole.map(float)  # 40.0 is an integer
    return whole | st.floats(low, high)


_MAKERS = {
    "object": _objects,
    "array": _arrays,
    "string": _texts,
    "integer": _numbers,
    "number": _numbers,
    "boolean": lambda schema, root: st.booleans(),
    "null": lambda schema, root: st.none(),
}
