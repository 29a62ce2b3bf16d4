"""Undo for memory that follows a store: what was done can be taken back to any mark until it is committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_MISSING: Any = object()


class Journal:
    """The inverse of each change since the last commit, in order. Changes go through its methods or are recorded."""

    def __init__(self) -> None:
        self._inverses: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def record(self, inverse: Callable[..., object], *arguments: Any) -> None:
        """Remember how to take back what was just done."""
        self._inverses.append((inverse, arguments))

    def put(self, into: dict[K, V], key: K, value: V) -> None:
        """``into[key] = value``."""
        before = into.get(key, _MISSING)
        into[key] = value
        if before is _MISSING:
            self.record(into.__delitem__, key)
        else:
            self.record(into.__setitem__, key, before)

    def drop(self, out_of: dict[K, V], key: K) -> None:
        """``del out_of[key]``; nothing when it is not there."""
        if key in out_of:
            self.record(out_of.__setitem__, key, out_of.pop(key))

    def mark(self) -> int:
        """A point to go back to."""
        return len(self._inverses)

    def undo(self, mark: int = 0) -> None:
        """Take back everything since the mark, the last first."""
        while len(self._inverses) > mark:
            inverse, arguments = self._inverses.pop()
            inverse(*arguments)

    def forget(self) -> None:
        """It is committed: nothing before now can be taken back."""
        self._inverses.clear()
