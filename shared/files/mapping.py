"""What is particular to an agency's files, as data: its headings and words, and what is the same in every row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.events import registry
from shared.events.envelope import unknown_type
from shared.events.refusal import MOST, Refusal
from shared.files.columns import Column, columns_of, heading_key, headings, table_types, unknown_column
from shared.reference import Pack

MOST_MAPPED = 300
Text = Annotated[str, StringConstraints(max_length=200)]


class FileMapping(BaseModel):
    """What is particular to an agency's files, kept as data.

    `type`: of the events, where no column says it. `columns`: their headings to our fields, an empty one to pass over.
    `values`: of a field, their words to ours. `fixed`: what is the same in every row and stands in no column.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: str | None = Field(default=None, max_length=60)
    columns: Mapping[Text, Text] = Field(default_factory=dict, max_length=MOST_MAPPED)
    values: Mapping[Text, Annotated[Mapping[Text, Text], Field(max_length=MOST_MAPPED)]] = Field(
        default_factory=dict, max_length=MOST_MAPPED
    )
    fixed: Mapping[Text, Text] = Field(default_factory=dict, max_length=MOST_MAPPED)


def check_mapping(mapping: FileMapping, pack: Pack) -> list[Refusal]:
    """What of it can mean nothing, and what may name a person; a place is the number of an entry from 0 on, for a
    heading or word may itself be anything. The first of them."""
    if mapping.type is not None and mapping.type not in table_types():
        known = registry.known_name(mapping.type)
        return [Refusal("not-for-tables", "/type") if known else unknown_type(mapping.type)]
    return [each for each, _ in zip(_wrong(mapping, pack), range(MOST), strict=False)]


def _wrong(mapping: FileMapping, pack: Pack) -> Iterator[Refusal]:
    types = (mapping.type,) if mapping.type else table_types()
    known = {key: column for type in types for key, column in headings(type, pack).items()}
    fields = {path: column for type in types for path, column in columns_of(type).items()}
    for at, path in enumerate(mapping.columns.values()):
        if path and heading_key(path)[0] not in known:
            yield unknown_column(path, known, pack, f"/columns/{at}")
    for at, path in enumerate(mapping.values):
        if path not in fields:
            yield unknown_column(path, known, pack, f"/values/{at}")
        elif _of_a_person(fields[path]) and not fields[path].choices:
            yield Refusal("personal-in-mapping", f"/values/{at}")
    for at, path in enumerate(mapping.fixed):
        if path not in fields:
            yield unknown_column(path, known, pack, f"/fixed/{at}")
        elif _of_a_person(fields[path]):
            yield Refusal("personal-in-mapping", f"/fixed/{at}")


def texts_of(mapping: FileMapping) -> Iterator[tuple[str, str]]:
    """Everything that an agency wrote into it, each with its place as in `check_mapping`."""
    for name, said in (("columns", mapping.columns), ("fixed", mapping.fixed)):
        for at, pair in enumerate(said.items()):
            yield from ((f"/{name}/{at}", text) for text in pair)
    for at, (path, words) in enumerate(mapping.values.items()):
        yield f"/values/{at}", path
        yield from ((f"/values/{at}", text) for pair in words.items() for text in pair)


def _of_a_person(column: Column) -> bool:
    return column.path.startswith("identity.")
