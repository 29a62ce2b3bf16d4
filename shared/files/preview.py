"""What of a row may be shown before it is sent: which fields have become what, and nothing that may name a person.

Codes of the pack's lists, amounts, days, yes and no, and words of the contract are shown. Of every other text only that
there is one, for a column in the wrong place may hold a name; of an identity nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from shared.events import registry
from shared.files.columns import Column, columns_of
from shared.reference import Pack

MOST_ROWS = 20
HIDDEN = "…"
_MOST_PAID = 10**8  # of a wage; a number of a person or a phone may be higher
_MOST_COUNTED = 10**4  # of hours, places, months, percent
_PAID = ("wage.minimum", "wage.maximum", "wants.wage_min.amount")
_YEARS = 3  # so far from now a day of an advert or a consent may be; births are further
_DAY = re.compile(r"([0-9]{4})-[0-9]{2}(?:-[0-9]{2})?", re.ASCII)
# 19910302, 910302, 9103022: amounts are rounder than that
_LIKE_A_BIRTH = re.compile(r"(?:(?:19|20)?[0-9]{2})(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]?", re.ASCII)


def visible(event: Mapping[str, Any], pack: Pack, today: date) -> dict[str, Any]:
    """The data of an event, as it may be shown."""
    name, data = registry.known_name(event.get("type")), event.get("data")
    if name is None or not isinstance(data, Mapping):
        return {}
    columns = columns_of(name)
    parts = {path.removesuffix(".#")[: end.start()] for path in columns for end in re.finditer(r"\.|$", path)}
    rest = {key: value for key, value in data.items() if key != "identity"}
    found = _shown(rest, "", columns, parts, pack, today)
    assert isinstance(found, dict)
    return found


def _shown(value: Any, path: str, columns: Mapping[str, Column], parts: set[str], pack: Pack, today: date) -> Any:
    if isinstance(value, Mapping):
        inner = {name: f"{path}.{name}" if path else name for name in value}
        return {
            name: _shown(value[name], way, columns, parts, pack, today) for name, way in inner.items() if way in parts
        }
    if isinstance(value, list):
        way = path if path in columns else f"{path}.#"
        return [_shown(each, way, columns, parts, pack, today) for each in value]
    return value if _harmless(value, columns.get(path), pack, today) else HIDDEN


def _harmless(value: Any, column: Column | None, pack: Pack, today: date) -> bool:
    if column is None:
        return False
    if isinstance(value, str):
        if column.field is not None:
            return pack.accepts(column.field, value) or bool(pack.successors_of(value, today))
        if column.kind in ("day", "month") and (day := _DAY.fullmatch(value)) is not None:
            return abs(int(day[1]) - today.year) <= _YEARS
        return value in column.choices
    if isinstance(value, bool):
        return column.kind == "boolean"
    if column.kind not in ("integer", "number") or not isinstance(value, int | float):
        return False
    if column.path in _PAID:
        return isinstance(value, int) and abs(value) < _MOST_PAID and _LIKE_A_BIRTH.fullmatch(str(abs(value))) is None
    return abs(value) < _MOST_COUNTED
