"""What is never collected is refused by name, wherever it stands, before anything else is looked at.

Unknown fields are refused anyway; this gives the clearer answer, with the pack's reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from shared.events import registry
from shared.events.refusal import MOST, Refusal, field_names
from shared.reference import Pack
from shared.reference.text import folded

_DEEPEST = 8  # so many steps a path may have


class NeverCollected:
    """Finds names that the pack refuses. Made once per pack."""

    def __init__(self, pack: Pack) -> None:
        self._names = {folded(name): name for name in sorted(pack.never_collected)}
        self._ours = frozenset[str]().union(*(field_names(known.door) for known in registry if known.door is not None))

    def find(self, data: Any) -> list[Refusal]:
        """A refusal for each refused name in the JSON value (the first 100). It says the pack's spelling and where, by
        names of the contract only: what else stands there was chosen by somebody."""
        return [
            Refusal("never-collected", f"{path}/{name}", {"name": name})
            for path, name in islice(self._walk(data), MOST)
        ]

    def _walk(self, data: Any) -> Iterator[tuple[str, str]]:
        """Without recursion, and holding no more than one iterator per level: whatever is sent, it costs only time."""
        levels = [self._inside(data, "/data")]
        while levels:
            for path, name, inner in levels[-1]:
                if name is not None:
                    yield path, name
                elif isinstance(inner, dict | list):
                    levels.append(self._inside(inner, path))
                    break
            else:
                levels.pop()

    def _inside(self, value: Any, path: str) -> Iterator[tuple[str, str | None, Any]]:
        """Each member: the path, the refused name if it has one, and what it holds."""
        deep = path.count("/") >= _DEEPEST
        if isinstance(value, dict):
            for key, inner in value.items():
                name = self._names.get(folded(key))
                yield path if name is not None or deep or key not in self._ours else f"{path}/{key}", name, inner
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield path if deep else f"{path}/{index}", None, inner
