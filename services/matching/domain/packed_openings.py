"""Facts of many openings in few bytes: by field each different value once, as JSON, and which of them each opening has.
Made from the declaration of the facts, so a new fact needs nothing here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import GenericAlias
from typing import Any, get_type_hints

import numpy as np
from pydantic import TypeAdapter

from services.matching.domain.opening_facts import OpeningFacts

Packed = Mapping[str, tuple[bytes, bytes]]
"""By field: its values, and by opening the place of its own among them (32 bits, little endian)."""

_PLACE = "<u4"
_TYPES = get_type_hints(OpeningFacts)


def _values_of(kind: Any) -> TypeAdapter[list[Any]]:
    values: Any = GenericAlias(list, (kind,))
    return TypeAdapter(values)


_VALUES = {field.name: _values_of(_TYPES[field.name]) for field in fields(OpeningFacts)}


def pack(openings: Sequence[OpeningFacts]) -> Packed:
    """These, in their order."""
    packed: dict[str, tuple[bytes, bytes]] = {}
    for name, adapter in _VALUES.items():
        known = dict[Any, int]()
        places = [known.setdefault(getattr(one, name), len(known)) for one in openings]
        packed[name] = adapter.dump_json(list(known)), np.array(places, _PLACE).tobytes()
    return packed


class Unpacking:
    """Openings that were packed, of many packs: equal values are one object."""

    def __init__(self) -> None:
        self._known: dict[str, dict[Any, Any]] = {name: {} for name in _VALUES}

    def unpack(self, packed: Packed) -> list[OpeningFacts]:
        """In their order. Raises ValueError, KeyError or IndexError for what `pack` has not made."""
        columns: list[list[Any]] = []
        for name, adapter in _VALUES.items():
            encoded, places = packed[name]
            known = self._known[name]
            values = [known.setdefault(value, value) for value in adapter.validate_json(encoded)]
            columns.append([values[place] for place in np.frombuffer(places, _PLACE).tolist()])
        return [OpeningFacts(*of_one) for of_one in zip(*columns, strict=True)]
