"""Keys as a random generator might have made them: settings refuse what somebody typed."""

from __future__ import annotations

import hashlib


def key(purpose: str) -> str:
    """64 hex digits, the same at every call."""
    return hashlib.sha256(purpose.encode()).hexdigest()


A_KEY, ANOTHER_KEY, A_THIRD_KEY = key("one"), key("another"), key("a third")
