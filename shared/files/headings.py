"""From the first row of a table to its columns: which field each is, or why the table is not taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from shared.events import registry
from shared.events.envelope import unknown_type
from shared.events.refusal import Refusal
from shared.files.columns import (
    MOST_NUMBERED,
    Column,
    Placed,
    columns_of,
    heading_key,
    headings,
    table_types,
    unknown_column,
)
from shared.files.rows import Row
from shared.reference import Pack
from shared.reference.title_folding import folded

MOST_NAMED = 10  # headings that are not known for which the nearest is looked for


@dataclass
class Headings:
    """The columns of a table. With `refusals` none of its rows is read, for a column in the wrong place would make
    everything wrong. `passed_over`: columns that the mapping says are not ours; `seen`: all that have a heading."""

    row: int
    type: str | None
    placed: list[Placed] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    passed_over: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)

    @cached_property
    def paths(self) -> frozenset[str]:
        """The fields that have a column."""
        return frozenset(each.column.path for each in self.placed)

    @cached_property
    def known(self) -> frozenset[int]:
        """The places of all columns that are known."""
        return frozenset((*self.passed_over, *(each.at for each in self.placed)))

    @cached_property
    def letters(self) -> dict[str, str]:
        """The letter of the column of each place in the event."""
        return {each.pointer: letter(each.at) for each in self.placed}

    def fixed(self, values: Mapping[str, str]) -> Mapping[str, Column]:
        """The columns of values that stand in no cell."""
        types = (self.type,) if self.type else table_types()
        known = {path: column for type in types for path, column in columns_of(type).items()}
        return {path: known[path] for path in values if path in known}


def letter(at: int) -> str:
    """A column as spreadsheets name it: A, B, ..., AA."""
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def look_like_headings(row: Row, type: str | None, own: Mapping[str, str], pack: Pack) -> bool:
    """Whether most of at least two cells are headings."""
    known, mine = _known(type, pack), {folded(heading) for heading in own}
    cells = [str(cell)[:200] for cell in row.cells.values()]
    count = sum(heading_key(cell)[0] in known or folded(cell) in mine for cell in cells)
    return count > 1 and 2 * count > len(cells)


def _known(type: str | None, pack: Pack) -> Mapping[str, Column]:
    types = table_types() if type is None else (type,)
    return {key: column for name in types for key, column in headings(name, pack).items()}


def read_headings(row: Row, type: str | None, own: Mapping[str, str], pack: Pack) -> Headings:
    """Of the first row. Without a type a column `type` says it for each row, and only what all of the types that are
    sent as tables have is known."""
    found = Headings(row.number, type)
    if type is not None and type not in table_types():
        found.refusals.append(Refusal("not-for-tables", "/type") if registry.known_name(type) else unknown_type(type))
        return found
    known = _known(type, pack)
    mine = {folded(heading): path for heading, path in own.items()}
    seen: set[str] = set()
    for at, cell in sorted(row.cells.items()):
        heading = str(cell)[:200]
        found.seen.append(at)
        path = mine.get(folded(heading))
        if path == "":
            found.passed_over.append(at)
            continue
        if at in row.wrong:
            found.refusals.append(Refusal(row.wrong[at], f"/columns/{letter(at)}"))
            continue
        key, number = heading_key(path or heading)
        column = known.get(key)
        where = f"/columns/{letter(at)}"
        if column is None:
            found.refusals.append(unknown_column(heading, known, pack, where, named=len(found.refusals) < MOST_NAMED))
            continue
        if "#" in column.path and number is None:
            number = 1
        if number is not None and not 1 <= number <= MOST_NUMBERED:
            found.refusals.append(Refusal("number-out-of-range", where, {"most": MOST_NUMBERED}))
            continue
        placed = Placed.of(at, column, number if "#" in column.path else None)
        if placed.pointer in seen:
            found.refusals.append(Refusal("column-twice", where, {"nearest": column.path}))
        seen.add(placed.pointer)
        found.placed.append(placed)
    for at in sorted(row.wrong.keys() - row.cells.keys()):
        rule = "merged-headings" if row.wrong[at] == "merged-cells" else row.wrong[at]
        found.refusals.append(Refusal(rule, f"/columns/{letter(at)}"))
    if type is None and "type" not in found.paths:
        found.refusals.append(Refusal("missing-field", "/type"))
    if not row.cells:
        found.refusals.append(Refusal("no-headings", ""))
    return found
