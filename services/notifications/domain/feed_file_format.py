"""What a line of a file per day says: JSON Lines, or CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from services.notifications.domain.notice_envelope import encode

Kind = Literal["jsonl", "csv"]
KINDS: Final[tuple[Kind, ...]] = ("jsonl", "csv")
CONTENT_TYPES: Final[Mapping[Kind, str]] = {
    "jsonl": "application/jsonl; charset=utf-8",
    "csv": "text/csv; charset=utf-8; header=present",
}
COLUMNS: Final = (
    *("id", "type", "alias", "opportunity", "kind", "version"),
    *("state", "band", "month", "ask", "takes_back"),
)
TAKES_BACK: Final = "takesback"  # attribute of a recall: the days whose files hold something under its alias
_COMPUTED: Final = ("=", "+", "-", "@", "\t", "\r", "|", "%")


def head_of(kind: Kind) -> bytes:
    """What stands before the first line."""
    return _csv([COLUMNS]) if kind == "csv" else b""


def lines_of(kind: Kind, events: Sequence[Mapping[str, Any]]) -> bytes:
    """Events as lines, each with its end."""
    if kind == "jsonl":
        return b"".join(encode(dict(event)) + b"\n" for event in events)
    return _csv([_row(event) for event in events])


def harmless(cell: object) -> str:
    """As text; what a spreadsheet would compute is text for it, too."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_COMPUTED) else text


def _row(event: Mapping[str, Any]) -> list[object]:
    data = event["data"]
    own = {**data, "id": event["id"], "type": event["type"], "takes_back": event.get(TAKES_BACK)}
    return [own.get(name) for name in COLUMNS]


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    """RFC 4180, in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()
