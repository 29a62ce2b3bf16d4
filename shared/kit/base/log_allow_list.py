"""Which keys a log line may have, and which values: everything else is dropped and counted, never written.

The list is short on purpose. A key is added here together with the form of its values, after asking whether the value
could ever be something that a person or an agency wrote. Ids of persons, aliases and matches are not on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

WORD = re.compile(r"[A-Za-z0-9_<*][A-Za-z0-9._:/\[\]<>*+-]{0,119}", re.ASCII)
ID = re.compile(r"[0-9a-f]{16,64}", re.ASCII)
POINTER = re.compile(r"(/[a-z0-9_]{1,40}){0,12}|[a-z_]{1,40}", re.ASCII)
ROUTE = re.compile(r"/[a-z0-9_/<>.]{0,119}", re.ASCII)
ADDRESS = re.compile(r"[A-Za-z0-9._:,\[\]/@*?=&+-]{1,300}", re.ASCII)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
LONGEST_TEXT = 2_000
LONGEST_LIST = 20

_WORDS = (
    "service", "instance", "part", "topic", "type", "kind", "reason", "recipient", "agency", "key_id", "loop",
    "method", "pack", "missing", "error", "errors", "category",
)  # fmt: skip
_NUMBERS = (
    "partition", "partitions", "count", "rows", "people", "opportunities", "attempts", "seconds", "port", "code",
    "dropped",
)  # fmt: skip
# Sentences and templates of ours or of a library's source, never anything received.
_TEXTS = ("settings", "template", "remedy", "frames")

FORMS: Mapping[str, re.Pattern[str] | type[float] | type[str]] = {
    **dict.fromkeys(_WORDS, WORD),
    **dict.fromkeys(_NUMBERS, float),
    **dict.fromkeys(_TEXTS, str),
    "route": ROUTE,
    "location": ADDRESS,
    "event_id": ID,
    "field": POINTER,
    "kafka": ADDRESS,
    "mongo_url": ADDRESS,
    "day": DAY,
    "host": ADDRESS,
}


def sift(values: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The values that may be written, and how many may not."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        form = FORMS.get(key)
        safe = _safe(value, form) if form is not None else None
        if safe is not None:
            kept[key] = safe
    return kept, sum(1 for key, value in values.items() if value is not None and key not in kept)


def printable(text: str) -> str:
    """One line of printable characters: newlines, escapes, direction marks and lone surrogates are replaced."""
    clipped = text[:LONGEST_TEXT]
    if clipped.isprintable():
        return clipped
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in clipped)


def _safe(value: Any, form: re.Pattern[str] | type[float] | type[str]) -> Any:
    if isinstance(value, BaseException):
        value = type(value).__name__
    elif isinstance(value, type):
        value = value.__name__
    if isinstance(value, list | tuple | set | frozenset):
        items = [_safe(item, form) for item in list(value)[:LONGEST_LIST] if not isinstance(item, list | tuple | set)]
        return [item for item in items if item is not None] or None
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 10**15 and value == value else None
    if form is float or not isinstance(value, str):
        return None
    if form is str:
        return printable(value)
    assert isinstance(form, re.Pattern)
    return str(value) if len(value) <= 300 and form.fullmatch(value) else None
