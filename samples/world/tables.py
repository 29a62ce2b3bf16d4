"""The world's events as agencies that keep spreadsheets would have them: one table for each type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from samples.world.envelope import Json


def cells_of(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """The data of an event as cells by heading; what is empty has none."""
    found: dict[str, str] = {}
    for name, value in data.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found |= cells_of(value, f"{path}.")
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            for number, each in enumerate(value, start=1):
                found |= cells_of(each, f"{path}.{number}.")
        elif isinstance(value, list | tuple):
            found |= {path: ";".join(value)} if value else {}
        elif value is not None:
            found[path] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def table_of(events: Iterable[Json]) -> tuple[list[str], list[Sequence[str]]]:
    """Headings and rows, with type, id and time of each event."""
    rows = [
        {name: str(event[name]) for name in ("type", "id", "time", "sequence") if name in event}
        | cells_of(event["data"])
        for event in events
    ]
    headings = list(dict.fromkeys(name for row in rows for name in row))
    return headings, [[row.get(name, "") for name in headings] for row in rows]
