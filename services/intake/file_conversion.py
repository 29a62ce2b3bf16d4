"""Rows of a file to events of their sender."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from services.intake.dependencies import Dependencies
from shared.events.http_binding import Item
from shared.events.refusal import Refused
from shared.files import Converted, Converter, FileMapping

MOST_HELD = 32_000_000  # bytes of a workbook's shared strings: as objects they take several times as much
MOST_UNPACKED = 100_000_000  # bytes of a workbook
MOST_EMPTY = 5_000  # rows with nothing in them


def converter_of(agency: str, as_of: datetime, mapping: FileMapping | None, dependencies: Dependencies) -> Converter:
    """With ids that follow from what the agency says, by our key."""
    make_id = partial(_event_id, dependencies, agency)
    return Converter(
        dependencies.pack, agency, as_of, make_id, mapping, most_held=MOST_HELD, most_unpacked=MOST_UNPACKED
    )


def item_of(row: Converted, *, testrun: bool) -> Item:
    """The event of a row, or why it is none."""
    if row.event is None:
        return Refused(*row.refusals)
    return {**row.event, "testrun": True} if testrun else row.event


def _event_id(dependencies: Dependencies, agency: str, content: bytes) -> str:
    return dependencies.ids.derived("row of a file", agency, content.decode())
