"""What is never collected is refused by name or by its form, wherever it stands; and text has to show what it says.

Unknown fields are refused anyway; this gives the clearer answer, with the pack's reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import filterfalse
from typing import Any

from shared.events import registry
from shared.events.incoming import ATTRIBUTES
from shared.events.limits import Contents
from shared.events.refusal import MOST, Refusal, field_names
from shared.events.topics.people import Identity
from shared.reference import Pack
from shared.reference.title_folding import folded
from shared.screening.refused_numbers import RefusedNumbers
from shared.screening.text_rules import extraordinary, hides, shows

_DEEPEST = 8  # so many steps a path may have
_OPTIONAL = (name for name, field in Identity.model_fields.items() if not field.is_required())
_READ_APART = frozenset(f"/data/identity/{name}" for name in _OPTIONAL)  # what of these cannot be read is set aside
_IDS = ("/reference", "/opportunity")  # of an agency, and of ours that it repeats
_ATTRIBUTES = ("id", "source", "subject", "actor")  # texts of an event that are kept, or said again


class NeverCollected:
    """Finds names and numbers that the pack refuses. Made once per pack."""

    def __init__(self, pack: Pack) -> None:
        self._names = {folded(name): name for name in sorted(pack.never_collected)}
        self._numbers = RefusedNumbers(*pack.refused_numbers)
        ours = frozenset[str]().union(*(field_names(known.door) for known in registry if known.door is not None))
        self._ours = frozenset(name for name in ours if folded(name) not in self._names)
        self._harmless = self._ours | {name for name in ATTRIBUTES if folded(name) not in self._names}
        self._codes = pack.lists.entries.keys()

    def find(self, event: Mapping[str, Any], contents: Contents) -> tuple[list[Refusal], list[Refusal]]:
        """What must not be there: each refused name in the data of an event, and each text of it or of an attribute
        that holds a refused number. And what is odd: each text that shows nothing, or hides something; what is read
        apart is not looked at, nor an empty text, of which its field says whether it may be. The first 50 of both.

        It says the pack's spelling and where, by names of the contract only: what else stands there was chosen by
        somebody. `contents`: of the event; what stands nowhere in it needs no walk through it."""
        unknown = extraordinary(filterfalse(self._codes.__contains__, contents.texts))
        if contents.names <= self._harmless and not any(map(self._may_be_wrong, unknown)):
            return [], []
        never = [
            Refusal("refused-number", f"/{attribute}")
            for attribute in _ATTRIBUTES
            if isinstance(value := event.get(attribute), str) and self._numbers.stand_in(value, free=False)
        ]
        odd: list[Refusal] = []
        for path, name, text in self._walk(event.get("data")):
            if name is not None:
                never.append(Refusal("never-collected", f"{path}/{name}", {"name": name}))
            elif self._numbers.stand_in(text, free=not path.endswith(_IDS)):
                never.append(Refusal("refused-number", path))
            elif path in _READ_APART or len(odd) == MOST:
                continue
            elif hides(text):
                odd.append(Refusal("hidden-characters", path))
            elif not shows(text):
                odd.append(Refusal("blank-text", path))
            if len(never) == MOST:
                break
        return never, odd

    def _may_be_wrong(self, text: str) -> bool:
        """Whether this text is any reason to look where it stands."""
        return text != "" and (hides(text) or not shows(text) or self._numbers.stand_in(text))

    def without(self, data: Any) -> Any:
        """A bounded JSON value without the members whose names are refused."""
        if isinstance(data, dict):
            return {key: self.without(inner) for key, inner in data.items() if not self._refuses(key)}
        return [self.without(inner) for inner in data] if isinstance(data, list) else data

    def _refuses(self, key: str) -> bool:
        return key not in self._ours and folded(key) in self._names

    def _walk(self, data: Any) -> Iterator[tuple[str, str | None, str]]:
        """Each refused name, and each text that is not empty. Without recursion, and holding no more than one iterator
        per level: whatever is sent, it costs only time."""
        levels = [self._inside(data, "/data")]
        while levels:
            for path, name, inner in levels[-1]:
                if name is not None:
                    yield path, name, ""
                elif isinstance(inner, str):
                    if inner:
                        yield path, None, inner
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
                ours = key in self._ours
                name = None if ours else self._names.get(folded(key))
                yield f"{path}/{key}" if ours and not deep else path, name, inner
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield path if deep else f"{path}/{index}", None, inner
