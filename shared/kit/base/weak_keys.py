"""Which keys are no secret: pure rules over bytes, so that another way to write the same key changes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

KEY_BYTES = 32
# Known to everybody who reads these lines: good on the loopback of a laptop, refused everywhere else, in every service.
DEVELOPMENT_ID_KEY = "d1" * KEY_BYTES
DEVELOPMENT_SEALING_KEY = "d2" * KEY_BYTES
DEVELOPMENT_KEK = "d3" * KEY_BYTES

_HEX = re.compile("[0-9a-fA-F]{64}", re.ASCII)


def parsed(text: str) -> bytes | None:
    """The 32 bytes of 64 hex digits in either case, nothing else around them."""
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def guessable(key: bytes) -> bool:
    """A development key, zero, one byte or a short block over and over, or bytes that count up or down.

    It finds keys that somebody typed, not every key that is bad: 32 bytes of a random generator never look like this.
    """
    repeated = any(key[size:] == key[:-size] for size in range(1, len(key) // 2 + 1))
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    return repeated or len(steps) <= 1


def same(keys: Mapping[str, bytes]) -> tuple[str, str] | None:
    """Two names (as they stand, the later one second) that have one key."""
    seen: dict[bytes, str] = {}
    for name, key in keys.items():
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None
