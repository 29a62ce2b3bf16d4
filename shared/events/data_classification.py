"""Every field of the contract says how much harm it can do: its data class.

A model whose field has no class cannot be defined, so the build fails and not the review.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict


class DataClass(StrEnum):
    """How much a field tells about a person; ordered from harmless to dangerous."""

    PUBLIC = "public"  # says nothing about any person
    PSEUDONYMOUS = "pseudonymous"  # names a person only to those who hold the key
    FEATURE = "feature"  # a fact about a person that matching needs
    IDENTITY = "identity"  # says who it is: sealed in intake, never on the bus


PUBLIC = DataClass.PUBLIC
PSEUDONYMOUS = DataClass.PSEUDONYMOUS
FEATURE = DataClass.FEATURE
IDENTITY = DataClass.IDENTITY

_ORDER = list(DataClass)


class UnclassifiedField(TypeError):
    """A contract model has a field without a data class."""


class Model(BaseModel):
    """Base of everything in the contract: frozen, unknown fields refused, no coercion, every field classified.

    Error texts never carry the input (``hide_input_in_errors``); callers of ``ValidationError.errors()`` still
    have to pass ``include_input=False``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name in cls.model_fields:
            field_class(cls, name)


def field_class(model: type[BaseModel], name: str) -> DataClass:
    """The data class of one field; raises UnclassifiedField when there is none or more than one."""
    found = [item for item in model.model_fields[name].metadata if isinstance(item, DataClass)]
    if len(found) != 1:
        raise UnclassifiedField(f"{model.__name__}.{name} needs exactly one data class, has {len(found)}")
    return found[0]


@cache  # asked for every event that leaves
def highest_class(model: type[BaseModel]) -> DataClass:
    """The most dangerous class among the model's own and nested fields (CloudEvents ``dataclassification``)."""
    classes = [field_class(model, name) for name in model.model_fields]
    classes += [highest_class(nested) for nested in nested_models(model)]
    return max(classes, key=_ORDER.index, default=PUBLIC)


def nested_models(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The models that the fields of this model hold, directly or in containers and unions."""
    return [nested for field in model.model_fields.values() for nested in models_in(field.annotation)]


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field with this annotation holds, directly or in containers and unions."""
    found: list[type[BaseModel]] = []

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found.append(annotation)
        for argument in getattr(annotation, "__args__", ()):
            visit(argument)

    visit(annotation)
    return found
