"""What is never collected is refused by name, wherever it stands, before anything else is looked at.

Unknown fields are refused anyway; this gives the clearer answer, with the pack's reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.events.refusal import Refusal
from shared.reference import Pack
from shared.reference.text import folded


class NeverCollected:
    """Finds names that the pack refuses. Made once per pack."""

    def __init__(self, pack: Pack) -> None:
        self._names = {folded(name): name for name in sorted(pack.never_collected)}

    def find(self, data: Any) -> list[Refusal]:
        """One refusal for each refused name in the JSON value; it says the pack's spelling, never the sender's."""
        return [
            Refusal("never-collected", f"{path}/{name}", {"name": name}) for path, name in self._walk(data, "/data")
        ]

    def _walk(self, value: Any, path: str) -> Iterator[tuple[str, str]]:
        """Without recursion, so that deep nesting costs nothing but time; paths hold numbers and plain names only."""
        waiting = [(value, path)]
        while waiting:
            value, path = waiting.pop()
            if isinstance(value, dict):
                for key, inner in value.items():
                    if (name := self._names.get(folded(key))) is not None:
                        yield path, name
                    else:
                        plain = key.isascii() and key.replace("_", "").islower() and len(key) <= 40
                        waiting.append((inner, f"{path}/{key}" if plain and path.count("/") < 8 else path))
            elif isinstance(value, list):
                waiting.extend((inner, f"{path}/{index}") for index, inner in enumerate(value))
