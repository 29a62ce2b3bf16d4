"""Text in composed form (NFC), so that lengths are those of what people see and the same text is the same content."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import filterfalse
from typing import Any

from shared.events.limits import DEEPEST

_COMPOSED = re.compile("[\x00-\x7f\uac00-\ud7a3]*")
MOST_MARKS = 30  # in a row, as in the stream-safe form of UAX 15: composing a run takes the square of its length


def surely_composed(texts: Iterable[str]) -> bool:
    """Whether composing changes none of them: ASCII and whole syllables of Hangul, as nearly all are."""
    return next(filterfalse(_COMPOSED.fullmatch, filterfalse(str.isascii, texts)), None) is None


def composed(value: Any, depth: int = DEEPEST) -> Any:
    """A JSON value with its texts composed, names left as they are; what is too deep is left as it is, and a text with
    more marks in a row than any language writes."""
    if isinstance(value, str):
        return _composed(value)
    if depth == 0:
        return value
    if isinstance(value, dict):
        return {name: composed(inner, depth - 1) for name, inner in value.items()}
    return [composed(inner, depth - 1) for inner in value] if isinstance(value, list) else value


def _composed(text: str) -> str:
    if text.isascii() or (len(text) > MOST_MARKS and _has_a_long_run(text)):
        return text
    return unicodedata.normalize("NFC", text)


def _has_a_long_run(text: str) -> bool:
    marks = 0
    for sign in text:
        marks = marks + 1 if unicodedata.combining(sign) else 0
        if marks > MOST_MARKS:
            return True
    return False
