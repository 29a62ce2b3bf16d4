"""Codes of lists that have changed: what was sent with an older code is taken, and says what it became."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel

from shared.screening.findings import Findings

Anything = TypeVar("Anything", bound=BaseModel)


def renewed(data: Anything, findings: Findings, today: date, at: str = "/data") -> Anything:
    """The same data with each replaced code as the one that stands for it; of a code that was split it says the parts,
    and keeps it. Every one of both is a warning."""
    changed = {}
    for name, field in type(data).model_fields.items():
        value = getattr(data, name)
        new = _renewed(value, findings, today, f"{at}/{field.alias or name}")
        if new is not value:
            changed[name] = new
    return data.model_copy(update=changed) if changed else data


def _renewed(value: Any, findings: Findings, today: date, at: str) -> Any:
    if isinstance(value, str):
        return _code(value, findings, today, at)
    if isinstance(value, BaseModel):
        return renewed(value, findings, today, at)
    if isinstance(value, tuple):
        new = tuple(_renewed(each, findings, today, f"{at}/{index}") for index, each in enumerate(value))
        return new if any(one is not other for one, other in zip(new, value, strict=True)) else value
    return value


def _code(code: str, findings: Findings, today: date, at: str) -> str:
    successors = findings.pack.successors_of(code, today)
    if not successors:
        return code
    rule = "code-replaced" if len(successors) == 1 else "code-split"
    findings.warn(rule, at, codes=" ".join(successors))
    return successors[0] if len(successors) == 1 else code
