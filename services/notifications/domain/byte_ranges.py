"""The one range of bytes that a request asks for (RFC 9110 14.1.2). Several at once are answered with the whole."""

from __future__ import annotations

import re
from typing import Final

_ONE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*", re.ASCII | re.IGNORECASE)


class NotSatisfiable(ValueError):
    """It begins behind the end."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one behind the last; None: the whole, because nothing else was asked for, or nothing that
    is understood. Raises NotSatisfiable."""
    found = None if header is None else _ONE.fullmatch(header)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        if int(found[2]) == 0 or size == 0:
            raise NotSatisfiable
        return max(0, size - int(found[2])), size
    first, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    if first >= size:
        raise NotSatisfiable
    return first, min(last + 1, size)
