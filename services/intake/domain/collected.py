"""What is never collected is refused by name or by its form, wherever it stands; and text has to show what it says.

Unknown fields are refused anyway; this gives the clearer answer, with the pack's reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from services.intake.domain.identities import OPTIONAL
from services.intake.domain.texts import RefusedNumbers, hides, shows
from shared.events import registry
from shared.events.refusal import MOST, Refusal, field_names
from shared.reference import Pack
from shared.reference.text import folded

_DEEPEST = 8  # so many steps a path may have
_READ_APART = frozenset(f"/data/identity/{name}" for name in OPTIONAL)
_ATTRIBUTES = ("id", "source", "subject", "actor")  # texts of an event that are kept, or said again


class NeverCollected:
    """Finds names and numbers that the pack refuses. Made once per pack."""

    def __init__(self, pack: Pack) -> None:
        self._names = {folded(name): name for name in sorted(pack.never_collected)}
        self._numbers = RefusedNumbers(pack.refused_numbers)
        self._ours = frozenset[str]().union(*(field_names(known.door) for known in registry if known.door is not None))

    def find(self, event: Mapping[str, Any]) -> list[Refusal]:
        """A refusal for each refused name in the data of an event, and for each text of it or of an attribute that
        holds a refused number (the first 50). It says the pack's spelling and where, by names of the contract only:
        what else stands there was chosen by somebody."""
        return list(islice(self._refused(event), MOST))

    def odd_texts(self, data: Any) -> list[Refusal]:
        """A refusal for each text that shows nothing, or hides something (the first 50). What is read apart is not
        looked at, nor an empty text, of which its field says whether it may be."""
        return list(islice(self._odd(data), MOST))

    def _refused(self, event: Mapping[str, Any]) -> Iterator[Refusal]:
        for attribute in _ATTRIBUTES:
            value = event.get(attribute)
            if isinstance(value, str) and self._numbers.stand_in(value):
                yield Refusal("refused-number", f"/{attribute}")
        for path, name, inner in self._walk(event.get("data")):
            if name is not None:
                yield Refusal("never-collected", f"{path}/{name}", {"name": name})
            elif isinstance(inner, str) and self._numbers.stand_in(inner):
                yield Refusal("refused-number", path)

    def _odd(self, data: Any) -> Iterator[Refusal]:
        for path, _, inner in self._walk(data):
            if isinstance(inner, str) and inner and path not in _READ_APART:
                if hides(inner):
                    yield Refusal("hidden-characters", path)
                elif not shows(inner):
                    yield Refusal("blank-text", path)

    def _walk(self, data: Any) -> Iterator[tuple[str, str | None, Any]]:
        """Each member: the path, the refused name if it has one, and what it holds. Without recursion, and holding no
        more than one iterator per level: whatever is sent, it costs only time."""
        levels = [self._inside(data, "/data")]
        while levels:
            for path, name, inner in levels[-1]:
                yield path, name, inner
                if name is None and isinstance(inner, dict | list):
                    levels.append(self._inside(inner, path))
                    break
            else:
                levels.pop()

    def _inside(self, value: Any, path: str) -> Iterator[tuple[str, str | None, Any]]:
        deep = path.count("/") >= _DEEPEST
        if isinstance(value, dict):
            for key, inner in value.items():
                name = self._names.get(folded(key))
                yield path if name is not None or deep or key not in self._ours else f"{path}/{key}", name, inner
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield path if deep else f"{path}/{index}", None, inner
