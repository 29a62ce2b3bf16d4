"""From the models of the contract to the JSON Schemas that partners read (draft 2020-12).

A schema accepts what the model accepts and refuses what the model refuses; ``tests/contract/events`` holds both to it.
What JSON Schema cannot say: pattern ends (``$``) mean the end of the text, as in ECMA-262, not "before a last newline".
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.events.data_classification import Model, field_class, highest_class, nested_models
from shared.events.registry import SCHEMA_BASE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def schema_of(model: type[Model], path: str, title: str, examples: Sequence[Mapping[str, Any]] = ()) -> Schema:
    """One self-contained schema document; ``path`` is its place under the base address (``door/job-posted/1``)."""
    schemas = component_schemas([model], "#/$defs/{model}")
    own = schemas.pop(model.__name__)
    return {
        "$schema": DIALECT,
        "$id": f"{SCHEMA_BASE}{path}",
        **own,
        "title": title,
        "x-data-class": highest_class(model).value,
        **({"examples": [dict(example) for example in examples]} if examples else {}),
        **({"$defs": schemas} if schemas else {}),
    }


def component_schemas(models: Sequence[type[Model]], ref_template: str) -> dict[str, Schema]:
    """The schemas of these models and of all they hold, by model name, referring to each other by the template."""
    _, found = models_json_schema([(model, "validation") for model in models], by_alias=True, ref_template=ref_template)
    definitions: dict[str, Schema] = found["$defs"]
    every = {model.__name__: model for model in _with_nested(models)}
    if set(definitions) != set(every):
        raise ValueError(f"two models of one name: {sorted(set(definitions) ^ set(every))}")
    return {name: _classified(every[name], _tidied(definitions[name])) for name in sorted(definitions)}


def _with_nested(models: Sequence[type[BaseModel]]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    waiting = list(models)
    while waiting:
        model = waiting.pop()
        if model not in found:
            found.add(model)
            waiting += nested_models(model)
    return found


def _classified(model: type[BaseModel], schema: Schema) -> Schema:
    """Say what the model is for, and how much each field may tell."""
    if described := inspect.getdoc(model):
        schema["description"] = described.replace("``", "`")
    for name, field in model.model_fields.items():
        schema["properties"][field.alias or name]["x-data-class"] = field_class(model, name).value
    return schema


def _tidied(schema: Any) -> Any:
    """Without titles made of field names; mappings say that other keys than those of their pattern are refused."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            tidy[key] = {name: _tidied(field) for name, field in value.items()}
        elif key in ("default", "enum", "const", "examples"):
            tidy[key] = value
        elif key != "title":
            tidy[key] = _tidied(value)
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    return tidy
