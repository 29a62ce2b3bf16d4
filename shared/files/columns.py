"""Which columns a table may have: the fields of an event type, each by its own name or by a heading of the pack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from shared.events import registry
from shared.events.publish_schemas import door_schema
from shared.events.refusal import Refusal, nearest
from shared.reference import Pack
from shared.reference.title_folding import folded

MOST_NUMBERED = 50
Kind = Literal["text", "integer", "number", "boolean", "day", "month", "code"]
ENVELOPE = ("type", "id", "time", "sequence", "actor")
_DIGITS = re.compile(r"[0-9]+")
# which of the pack's lists the codes of a field are in
_FIELD_OF = {
    "residence": "region", "education": "education", "courses.#.ncs": "course", "counselling.interests": "interest",
    "counselling.strengths": "strength", "counselling.needs": "need", "occupations.#.code": "occupation",
    "wants.employment": "employment", "wants.shifts": "shift", "occupation": "occupation", "industry": "industry",
    "region": "region", "employment": "employment", "shifts": "shift", "benefits": "benefit", "strengths": "strength",
    "rules.licences": "licence", "rules.education_min": "education", "rules.residence": "region",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the data as a column. `path`: `wage.minimum`; `#` in it stands for a number from 1 on. `many`: its
    cell holds several values. `field`: of the pack's, whose codes it takes. `choices`: all that it may be."""

    path: str
    kind: Kind
    many: bool = False
    needed: bool = False
    field: str | None = None
    choices: tuple[str, ...] = ()

    def pointer(self, number: int | None) -> str:
        """Where it stands in the event."""
        if self.path in ENVELOPE:
            return f"/{self.path}"
        return "/data/" + "/".join(str((number or 1) - 1) if part == "#" else part for part in self.path.split("."))


@dataclass(frozen=True, slots=True)
class Placed:
    """A column of a file: where it stands, which field it is, and which of several. `way`: the parts of its path."""

    at: int
    column: Column
    number: int | None
    pointer: str
    way: tuple[str, ...]

    @classmethod
    def of(cls, at: int, column: Column, number: int | None) -> Placed:
        """With its place in the event."""
        return cls(at, column, number, column.pointer(number), tuple(column.path.split(".")))


@cache
def columns_of(type: str) -> Mapping[str, Column]:
    """By path, of the newest version of what the door takes as this type."""
    schema = door_schema(registry.find(type)) or {}
    found = {column.path: column for column in _walk(schema, schema.get("$defs", {}), "", True)}
    return {name: Column(name, "text") for name in ENVELOPE} | found


def table_types() -> tuple[str, ...]:
    """The types that may come as rows of a table."""
    return tuple(dict.fromkeys(t.name for t in registry if t.door and "reference" in t.door.model_fields))


def heading_key(heading: str) -> tuple[str, int | None]:
    """A heading without what does not count, and the number in it: `교육과정2 이름`, `courses.2.title`."""
    plain = folded(heading)
    digits = _DIGITS.search(plain)
    return _DIGITS.sub("#", plain), int(digits[0][:4]) if digits else None


def headings(type: str, pack: Pack) -> Mapping[str, Column]:
    """Every heading of a type, as `heading_key` makes it."""
    found: dict[str, Column] = {}
    for path, column in columns_of(type).items():
        for heading in (path, *pack.words.columns.get(path, ())):
            found.setdefault(heading_key(heading.replace("#", "0"))[0], column)
    return found


def shown_heading(column: Column, pack: Pack, number: int = 1) -> str:
    """What a template shows."""
    return (pack.words.columns.get(column.path) or (column.path,))[0].replace("#", str(number))


def unknown_column(heading: str, known: Mapping[str, Column], pack: Pack, where: str, *, named: bool = True) -> Refusal:
    """What a heading may be a slip of; it may be a cell of a table without headings, so itself is not said."""
    never = next((name for name in pack.never_collected if folded(name) == folded(heading)), None)
    if never is not None:
        return Refusal("never-collected", where, {"name": never})
    like = nearest(heading_key(heading)[0], known) if named else {}
    if not like:
        return Refusal("unknown-column", where)
    column = known[like["nearest"]]
    return Refusal("unknown-column", where, {"nearest": f"{shown_heading(column, pack)} ({column.path})"})


def _walk(schema: Mapping[str, Any], defs: Mapping[str, Any], prefix: str, needed: bool) -> Iterator[Column]:
    for name, inner in schema.get("properties", {}).items():
        inner, path = _plain(inner, defs), f"{prefix}{name}"
        must = needed and name in schema.get("required", ())
        if inner.get("type") == "array":
            item = _plain(inner["items"], defs)
            if "properties" in item:
                yield from _walk(item, defs, f"{path}.#.", False)
            else:
                yield Column(
                    path, _kind(item), many=True, needed=must, field=_FIELD_OF.get(path), choices=_choices(item)
                )
        elif "properties" in inner:
            yield from _walk(inner, defs, f"{path}.", must)
        elif "additionalProperties" not in inner:
            yield Column(path, _kind(inner), needed=must, field=_FIELD_OF.get(path), choices=_choices(inner))


def _plain(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without references, and without null beside it."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if options:
        schema = next((each for each in options if each.get("format") == "date"), options[0])
    if "$ref" in schema:
        return _plain(defs[schema["$ref"].rpartition("/")[2]], defs)
    return schema


def _kind(schema: Mapping[str, Any]) -> Kind:
    if schema.get("format") == "date":
        return "day"
    pattern = schema.get("pattern", "")
    if pattern.startswith("^(19|20)[0-9]{2}-(0[1-9]"):
        return "month"
    if ":[A-Za-z0-9]+([._-]" in pattern:
        return "code"
    kinds: dict[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}
    return kinds.get(schema.get("type", ""), "text")


def _choices(schema: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(schema.get("enum") or ([schema["const"]] if "const" in schema else ()))
