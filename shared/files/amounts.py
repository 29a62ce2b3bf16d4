"""Numbers as people write them in a table: with commas and units, and money with its sign and for which period."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from shared.reference import Pack

_FIGURE = re.compile(r"(?:\d{1,3}(?:,\d{3}){1,6}|\d{1,18})(?:\.\d{1,18})?")  # 2,50 may be either: nobody can tell
_DIGITS = re.compile(r"[0-9]{1,3}")
_ONE_TO_NINE = "123456789"
_APART = re.compile(r"\d[,.]? [,.]?\d")  # 200 250 may be one or two
_LARGEST = Decimal(10) ** 18
_LONGEST = 100  # characters of a number with all that stands around it
_LONGEST_UNIT = 20


@dataclass(frozen=True, slots=True)
class Says:
    """What a cell says besides its own field. `value`: of that, None for nothing; `beside`: fields that stand beside it
    and what they are by this cell."""

    value: Any
    beside: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Figure:
    number: Decimal
    end: int
    stepped: bool = False  # and so a number of something: 3백 alone is not said of what


class Amounts:
    """Reads numbers by the words of a pack."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack

    def read(self, path: str, text: str) -> Decimal | Says | None:
        """The number in this field; of money with its period or currency what these say, too. None: it is none."""
        if len(text) > _LONGEST:
            return None
        parts = unicodedata.normalize("NFKC", text).split()
        if _APART.search(" ".join(parts)) or any(map(_becomes_a_figure, text)):
            return None
        plain, units = "".join(parts), self._units.get(path, {})
        if plain.startswith("-"):
            figure = self._sum(plain[1:], units)
            return None if figure is None else -figure
        beside: dict[str, Any] = {}
        if (periods := self._periods(f"{path.rpartition('.')[0]}.per")) and not plain[:1].isdecimal():
            word = _longest(periods, plain)
            if word:
                beside["per"], plain = periods[word], plain.removeprefix(word).removeprefix(":")
            sign = _longest(self._pack.words.signs, plain)
            if sign:
                beside["currency"], plain = self._pack.words.signs[sign], plain.removeprefix(sign)
        figure = self._sum(plain, units)
        return figure if figure is None or not beside else Says(figure, beside)

    def _sum(self, plain: str, units: Mapping[str, int]) -> Decimal | None:
        """Figures with units, each smaller than the one before: `1억2,000만원`. Only one that stands alone has none."""
        total, least, at = Decimal(0), _LARGEST, 0
        while at < len(plain):
            if (figure := self._stepped(plain, at) or _figure(plain, at)) is None:
                return None
            unit = _longest(units, plain[figure.end :][:_LONGEST_UNIT])
            times = Decimal(units[unit]) if unit else Decimal(1)
            if times >= least or (not unit and (at or figure.stepped)):
                return None
            total += figure.number * times
            least, at = times, figure.end + len(unit)
            if not unit and at < len(plain):
                return None
        return total if plain and total < _LARGEST else None

    def _stepped(self, plain: str, at: int) -> _Figure | None:
        """`2백50`, `2천5백`: what stands behind the last step has as many digits as it has zeros, for `5천2` may be
        anything."""
        total, least = 0, 0
        while (step := self._pack.words.steps.get(plain[at + 1 : at + 2], 0)) and plain[at] in _ONE_TO_NINE:
            if least and step >= least:
                return None
            total, least, at = total + int(plain[at]) * step, step, at + 2
        if not total:
            return None
        rest = _DIGITS.match(plain, at)
        if rest is None:
            return _Figure(Decimal(total), at, stepped=True)
        if len(rest[0]) != len(str(least)) - 1:
            return None
        return _Figure(Decimal(total + int(rest[0])), rest.end(), stepped=True)

    def _periods(self, path: str) -> Mapping[str, str]:
        """The words for a period that may stand before an amount, where the field beside it is one."""
        return self._words_of_periods.get(path, {})

    @cached_property
    def _words_of_periods(self) -> Mapping[str, Mapping[str, str]]:
        found = {path: values for path, values in self._pack.words.values.items() if path.endswith(".per")}
        return {
            path: {word: per for per, words in values.items() for word in words if len(word) > 1 or not word.isascii()}
            for path, values in found.items()
        }

    @cached_property
    def _units(self) -> Mapping[str, Mapping[str, int]]:
        """By field, without the spaces that a pack's words may have."""
        return {
            path: {"".join(unit.split()): times for unit, times in group.units.items()}
            for group in self._pack.words.units
            for path in group.fields
        }


def _figure(plain: str, at: int) -> _Figure | None:
    found = _FIGURE.match(plain, at)
    return None if found is None else _Figure(Decimal(found[0].replace(",", "")), found.end())


def _becomes_a_figure(sign: str) -> bool:
    """Of a note or a list (`¹`, `①`), which is no part of the number."""
    return not (sign.isascii() or sign.isdecimal()) and any(map(str.isdecimal, unicodedata.normalize("NFKC", sign)))


def _longest(words: Iterable[str], text: str) -> str:
    """The longest of the words that the text begins with; nothing where it begins with none."""
    return max((word for word in words if text.startswith(word)), key=len, default="")
