"""Dictionary encoding: numbers for what a rule looks at, so that it is asked once for all who look the same to it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Fields = tuple[str, ...] | None
"""The facts that a rule looks at; None: all of them."""


FREE = 0


class DictionaryEncoding:
    """Of one side and one rule: each different sight has a number as long as somebody held looks like that, and then
    another may have it. All that the rule is met by whatever the other side (``is_free``) have the number `FREE`.
    ``sights``: by number what the rule is shown, which names nobody; ``used``: whether somebody looks like that.
    ``on_begin`` and ``on_end`` hear of each number that begins (and of whom it is) and ends; ``begun``: how many
    did."""

    def __init__(self, fields: Fields, is_free: Callable[[Any], bool] | None = None) -> None:
        self._fields = fields
        self._is_free = is_free
        self._read: Callable[[Any], Any] = attrgetter(*fields) if fields else _nothing
        self._numbers: dict[Hashable, int] = {}
        self._held = [0]
        self._keys: list[Hashable] = [None]
        self._unused: list[int] = []
        self.sights: list[Any] = [None]
        self.used: NDArray[np.bool_] = np.zeros(64, bool)
        self.begun = 0
        self.on_begin: list[Callable[[int, Any], None]] = []
        self.on_end: list[Callable[[int], None]] = []

    def without(self, fields: tuple[str, ...]) -> DictionaryEncoding:
        """Of the same side, for what is looked at besides these facts."""
        assert self._fields is not None, "facts that are not named cannot be left out"
        return DictionaryEncoding(tuple(field for field in self._fields if field not in fields))

    def take(self, facts: object) -> int:
        """The number of what these facts look like; `give_back` follows when they are no longer held."""
        if self._is_free is not None and self._is_free(facts):
            return FREE
        key = self._key(facts)
        number = self._numbers.get(key)
        if number is None:
            if self._unused:
                number = self._unused.pop()
            else:
                number = len(self.sights)
                self._held.append(0)
                self._keys.append(None)
                self.sights.append(None)
                if number >= len(self.used):
                    self.used = np.pad(self.used, (0, len(self.used)))
            self.used[number] = True
            self._numbers[key] = number
            self._keys[number] = key
            self.sights[number] = facts if self._fields is None else sight(facts, self._fields)
            self.begun += 1
            for heard in self.on_begin:
                heard(number, facts)
        self._held[number] += 1
        return number

    def give_back(self, number: int) -> None:
        """Somebody with this number is no longer held."""
        if number == FREE:
            return
        self._held[number] -= 1
        if not self._held[number]:
            del self._numbers[self._keys[number]]
            self._keys[number] = self.sights[number] = None
            self.used[number] = False
            self._unused.append(number)
            for heard in self.on_end:
                heard(number)

    def held(self, key: Hashable) -> int:
        """How many that are held look like this."""
        number = self._numbers.get(key)
        return 0 if number is None else self._held[number]

    @property
    def all_free(self) -> bool:
        """Whether nobody held has another number than `FREE`."""
        return not self._numbers

    def __len__(self) -> int:
        """All numbers lie below this."""
        return len(self.sights)

    def _key(self, facts: object) -> Any:
        return id(facts) if self._fields is None else self._read(facts)


def sight(facts: object, fields: tuple[str, ...]) -> SimpleNamespace:
    """What a rule is shown: these facts and no others."""
    shown = SimpleNamespace()
    for field in fields:
        value, place = attrgetter(field)(facts), shown
        *above, name = field.split(".")
        for each in above:
            if not hasattr(place, each):
                setattr(place, each, SimpleNamespace())
            place = getattr(place, each)
        setattr(place, name, value)
    return shown


def _nothing(_: Any) -> None:
    return None
