"""Why something was not taken: which field, which rule, and safe values for the sentence that says what to do.

A refusal never holds a personal value: ``values`` are limits, code lists or names of rules, never what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from shared.events.data_classification import Model, models_in, nested_models

MOST = 50  # findings about one thing: enough to mend it, whatever somebody sends
MOST_NAMED = 5  # unknown fields of one event for which the nearest known name is looked for
LEAST_LIKENESS = 0.7
LONGEST_COMPARED = 64  # characters of a name
MOST_ENUMERATED = 500  # of pydantic's: each costs, and they are all made before the first can be looked at
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SAFE_PART = re.compile(r"[a-z_]{1,40}")
_SAFE_LIMITS = frozenset(
    {
        "ge",
        "gt",
        "le",
        "lt",
        "min_length",
        "max_length",
        "pattern",
        "expected",
        "field_type",
        "actual_length",
        "multiple_of",
    }
)


@dataclass(frozen=True)
class Refusal:
    """``field``: JSON pointer into what was sent ("/data/wants/wage_min"); ``rule``: a slug; ``values``: safe facts."""

    rule: str
    field: str
    values: Mapping[str, str | int | float] = dataclass_field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.rule} at {self.field or '/'}"


class Refused(Exception):
    """One thing was refused for these reasons (at least one)."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("; ".join(str(refusal) for refusal in refusals))
        self.refusals = refusals


def refusals_of(
    error: ValidationError, model: type[Model], at: str = "/data", example: Mapping[str, Any] | None = None
) -> tuple[Refusal, ...]:
    """Translate pydantic's findings. The input, and the names of unknown fields, which may be personal, stay out. Of
    `example`, sound data of the model, a wrong form is answered with what stands in its place."""
    if error.error_count() > MOST_ENUMERATED:
        return (Refusal("too-many-findings", at, {"most": MOST_ENUMERATED}),)
    found, named = [], 0
    for item in without_echoes(error.errors(include_input=False, include_url=False))[:MOST]:
        refusal = refusal_of(item, at, field_names(model))
        if refusal.rule == "unknown-field":
            refusal = Refusal(refusal.rule, refusal.field, known_beside(item["loc"], model, compare=named < MOST_NAMED))
            named += 1
        elif refusal.rule == "wrong-form" and (form := _example_at(item["loc"], example)) is not None:
            refusal = Refusal(refusal.rule, refusal.field, {**refusal.values, "example": form})
        elif refusal.rule == "object-type":
            refusal = Refusal(refusal.rule, refusal.field, known_in(item["loc"], model))
        found.append(refusal)
    return tuple(found)


def without_echoes(found: Sequence[Any]) -> list[Any]:
    """pydantic's findings but for those that a list is too short of which only members are wrong: it counts those that
    are right."""
    within = {tuple(item["loc"][:length]) for item in found for length in range(len(item["loc"]))}
    return [item for item in found if item["type"] != "too_short" or tuple(item["loc"]) not in within]


def known_beside(location: Sequence[int | str], model: type[BaseModel], *, compare: bool = True) -> dict[str, str]:
    """For an unknown field: which names are known in its place, and (``compare``) the one that may have been meant."""
    names = names_at(location[:-1], model)
    values = known_in(location[:-1], model)
    if not compare:
        return values
    elsewhere = _places_of(model).get(str(location[-1]))
    return values | ({"nearest": elsewhere} if elsewhere else nearest(str(location[-1]), names))


def known_in(location: Sequence[int | str], model: type[BaseModel]) -> dict[str, str]:
    """For what should be an object: which names it takes; nothing where any may stand."""
    names = names_at(location, model)
    return {"known": ", ".join(sorted(names))} if names else {}


def _example_at(location: Sequence[int | str], example: Any) -> str | None:
    """The text in the same place of an example; of a list, any member's."""
    for part in location:
        if isinstance(part, int):
            example = example[0] if isinstance(example, list | tuple) and example else None
        else:
            example = example.get(part) if isinstance(example, Mapping) else None
    return example if isinstance(example, str) else None


def nearest(name: str, known: Iterable[str]) -> dict[str, str]:
    """The known name that somebody may have meant, to be said in place of theirs, which may tell a person; nothing when
    none is like it. ``birthDate`` and ``birth-date`` are like ``birth_date``."""
    plain = _HUMP.sub("_", name[:LONGEST_COMPARED]).lower().replace("-", "_")
    found = get_close_matches(plain, known, n=1, cutoff=LEAST_LIKENESS)
    return {"nearest": found[0]} if found else {}


def refusal_of(finding: Mapping[str, Any], at: str, known: Collection[str] | None = None) -> Refusal:
    """One of pydantic's findings. Of its location only indexes and names in ``known`` stay (None: plain names do)."""
    kind = str(finding["type"])
    location = list(finding["loc"])
    if kind == "extra_forbidden":
        location = location[:-1]
    pointer = at + "".join(f"/{part}" for part in location if _may_show(part, known))
    context = finding.get("ctx", {})
    values = {
        key: value if isinstance(value, int | float) else str(value)
        for key, value in context.items()
        if key in _SAFE_LIMITS
    }
    return Refusal(_RULES.get(kind, kind.replace("_", "-")), pointer, values)


def _may_show(part: int | str, known: Collection[str] | None) -> bool:
    if isinstance(part, int):  # an index; digits as text are a key that somebody chose
        return True
    return bool(_SAFE_PART.fullmatch(part)) if known is None else part in known


@cache
def field_names(model: type[BaseModel]) -> frozenset[str]:
    """The names that senders may use anywhere in this model; keys of mappings are theirs and not among them."""
    return frozenset(_own_names(model).union(*(field_names(nested) for nested in nested_models(model))))


def names_at(location: Sequence[int | str], model: type[BaseModel]) -> frozenset[str]:
    """The names that are known in this place; none where any may stand."""
    return frozenset(fields_at(location, model))


def fields_at(location: Sequence[int | str], model: type[BaseModel]) -> dict[str, FieldInfo]:
    """By name, those that are known in this place; none where any may stand."""
    fields = _own_fields(model)
    for part in location:
        if isinstance(part, str):
            models = models_in(fields[part].annotation) if part in fields else []
            if len(models) != 1:
                return {}
            fields = _own_fields(models[0])
    return fields


@cache
def _places_of(model: type[BaseModel]) -> Mapping[str, str]:
    """Where in a model a name stands that stands in one place alone, and below its top: `name` in `identity.name`."""
    found: dict[str, list[str]] = {}
    for name, field in model.model_fields.items():
        own = field.alias or name
        found.setdefault(own, []).append(own)
        for nested in models_in(field.annotation):
            for inner, place in _places_of(nested).items():
                found.setdefault(inner, []).append(f"{own}.{place}")
    return {name: places[0] for name, places in found.items() if len(places) == 1}


def _own_names(model: type[BaseModel]) -> set[str]:
    return set(_own_fields(model))


def _own_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


# pydantic's names for what everybody gets wrong, in our words
_RULES = {
    "extra_forbidden": "unknown-field",
    "missing": "missing-field",
    "string_pattern_mismatch": "wrong-form",
    "literal_error": "unknown-value",
    "json_invalid": "not-json",
    "date_from_datetime_parsing": "not-a-date",
    "date_parsing": "not-a-date",
    "date_type": "not-a-date",
    "datetime_type": "datetime-from-date-parsing",
    "int_parsing": "int-type",
    "int_from_float": "int-type",
    "float_parsing": "float-type",
    "bool_parsing": "bool-type",
    "tuple_type": "list-type",
    "set_type": "list-type",
    "frozen_set_type": "list-type",
    "dict_type": "object-type",
    "mapping_type": "object-type",
    "model_type": "object-type",
    "model_attributes_type": "object-type",
    "greater_than_equal": "too-small",
    "less_than_equal": "too-large",
    "string_too_short": "too-short",
    "string_too_long": "too-long",
    "too_short": "too-few",
    "too_long": "too-many",
}

# What is answered over HTTP to a rule that was broken, wherever that is found out; all others get 422.
_STATUS = {
    "not-json": 400,
    "not-utf-8": 400,
    "named-twice": 400,
    "wrong-encoding": 400,
    "broken-gzip": 400,
    "not-allowed": 403,
    "wrong-source": 403,
    "same-id-other-content": 409,
    "not-one-vacancy": 409,
    "only-source": 409,
    "event-too-large": 413,
    "too-many-events": 413,
    "too-much": 413,
    "unsupported-media-type": 415,
    "unsupported-encoding": 415,
    "form-not-taken": 415,
    "plain-utf-8": 415,
    "too-many-at-a-time": 429,
    "failed-here": 500,
}


def status_of(rule: str) -> int:
    """The HTTP status of a refusal that stands first."""
    return _STATUS.get(rule, 422)
