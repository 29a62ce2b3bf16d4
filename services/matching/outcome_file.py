"""An operator's file of recorded outcomes: CSV with a heading, or JSON Lines. Nothing of a file that has a mistake is
used, and what is said of a mistake never repeats what stands there."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from services.matching.domain.conditions import CONDITIONS
from services.matching.domain.outcomes import Outcome
from shared.events.field_types import Day, Id, Slug

MOST_BYTES, MOST_LINES, LONGEST = 50_000_000, 200_000, 1_000
MOST_MISTAKES = 20
FIELDS = ("person", "agency", "alias", "opportunity", "outcome", "date", "reason")
REASONS = frozenset(one.name for one in CONDITIONS if one.of_pairs)


class OutcomeLine(BaseModel):
    """One outcome: of whom, by the bus's id or by the alias that an agency knows, and what became of which opening.
    ``reason``: of a no the condition that did not hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    person: Id | None = None
    agency: Slug | None = None
    alias: Id | None = None
    opportunity: Id
    outcome: Outcome
    date: Day
    reason: str | None = None

    @model_validator(mode="after")
    def _one_name(self) -> OutcomeLine:
        if (self.person is None) == (self.alias is None) or (self.alias is None) != (self.agency is None):
            raise ValueError("a line names a person, or an agency and its alias")
        if self.reason is not None and (self.outcome != "no" or self.reason not in REASONS):
            raise ValueError(f"a reason is of a no, and one of {', '.join(sorted(REASONS))}")
        return self


class Mistaken(Exception):
    """What is wrong with a file: by line, field, and what the rule is."""


def outcome_lines(path: Path, today: date) -> list[OutcomeLine]:
    """All lines of a file. Raises `Mistaken`."""
    try:
        if not path.is_file():  # to open a pipe would wait for whoever writes it
            raise Mistaken("is no file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Mistaken(f"cannot be read: {type(error).__name__}") from None
    if len(content) > MOST_BYTES:
        raise Mistaken(f"at most {MOST_BYTES:,} bytes; split the file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Mistaken("is not UTF-8; save it as such") from None
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        raise Mistaken(f"at most {MOST_LINES:,} lines; split the file")
    too_long = next((number for number, line in enumerate(lines, 1) if len(line) > LONGEST), None)
    if too_long is not None:
        raise Mistaken(f"line {too_long}: at most {LONGEST:,} characters")
    found: list[OutcomeLine] = []
    mistakes: list[str] = []
    for number, fields in _rows(lines):
        try:
            found.append(OutcomeLine.model_validate(fields))
            if found[-1].date > today:
                mistakes.append(f"line {number}, date: is after today")
        except ValidationError as error:
            mistakes += [_said(number, one) for one in error.errors(include_input=False, include_url=False)]
        if len(mistakes) >= MOST_MISTAKES:
            break
    if mistakes:
        raise Mistaken("; ".join(mistakes[:MOST_MISTAKES]))
    return found


def _rows(lines: list[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if next((line for line in lines if line.strip()), "").lstrip().startswith("{"):
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, _object(number, line)
        return
    reader = csv.DictReader(lines, restkey="more", strict=True)
    try:
        headings = list(reader.fieldnames or ())
        if not headings or len(headings) > len(set(headings)) or not set(headings).issubset(FIELDS):
            raise Mistaken(f"line 1: the headings are some of {', '.join(FIELDS)}, each once")
        for row in reader:
            yield reader.line_num, {name: value for name, value in row.items() if value}
    except csv.Error:
        raise Mistaken(f"line {max(1, reader.line_num)}: is no CSV") from None


def _object(number: int, line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise Mistaken(f"line {number}: is no JSON, or says a field twice") from None
    if not isinstance(found, dict):
        raise Mistaken(f"line {number}: is no JSON object")
    return found


def _each_once(fields: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(fields)
    if len(found) < len(fields):
        raise ValueError("a field stands twice")
    return found


def _said(number: int, error: Any) -> str:
    field = next((part for part in error["loc"] if part in FIELDS), "")
    where = f"line {number}, {field}" if field else f"line {number}"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}"
