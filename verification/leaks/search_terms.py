"""What is looked for: everything that says who somebody is, in all encodings; and the controls, which are nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from samples.world import Item, names
from samples.world.mistakes import FREE_TEXT, REGISTRATION_NUMBER
from verification.leaks.encodings import ENCODINGS, disguises, written

SearchTerms = dict[bytes, "Hit | Control"]


@dataclass(frozen=True)
class Planted:
    """One planted value. ``kind`` is what it is (``name``, ``phone``, ``event id``, ...), told in place of the value.

    ``poison``: it was put on a topic past intake, so on that topic it lies rightly, and nowhere else.
    """

    kind: str
    value: str
    poison: bool = False


@dataclass(frozen=True)
class Hit:
    """A planted value was found in this encoding."""

    kind: str
    encoding: str
    poison: bool = False


@dataclass(frozen=True)
class Control:
    """A control was found: planted in that sink in that encoding."""

    sink: str
    encoding: str


def planted_by(items: Iterable[Item]) -> set[Planted]:
    """Everything in these events that must be found nowhere outside of intake's sealed fields.

    Sex is identity too, but no word that could be searched for.
    """
    found = {Planted("free text", FREE_TEXT), Planted("registration number", REGISTRATION_NUMBER)}
    for item in items:
        data = item.event["data"]
        found.add(Planted("event id", item.event["id"]))
        if actor := item.event.get("actor"):
            found.add(Planted("worker", actor))
        if reference := data.get("reference"):
            found.add(Planted("reference", reference))
        found |= identity_values(data.get("identity") or {})
    return found


def identity_values(identity: dict[str, str], *, poison: bool = False) -> set[Planted]:
    """The values of an identity."""
    kinds = {"name": "name", "birth_date": "birth date", "phone": "phone", "email": "e-mail", "address": "address"}
    return {Planted(kind, identity[field], poison) for field, kind in kinds.items() if field in identity}


def terms_of(planted: Iterable[Planted]) -> SearchTerms:
    """The bytes to look for. A value that is planted rightly and as poison counts as planted rightly."""
    terms: SearchTerms = {}
    for each in sorted(planted, key=lambda one: one.poison):
        for how, data in disguises(each.kind, each.value):
            terms.setdefault(data, Hit(each.kind, how, each.poison))
    return terms


class Controls:
    """Values of nobody, one for each sink and encoding, made when they are asked for."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.sinks: list[str] = []

    def for_sink(self, sink: str) -> dict[str, bytes]:
        """What is to be planted in this sink, by encoding. From now on it counts as a control."""
        if sink not in self.sinks:
            self.sinks.append(sink)
        return {how: written(how, *self._value(sink, how)) for how in ENCODINGS}

    def blob(self, sink: str) -> bytes:
        """All of them in one piece."""
        return b"\n".join(self.for_sink(sink).values())

    def terms(self) -> SearchTerms:
        """The bytes by which the controls are found again; a compressed one by what it is inside."""
        found: SearchTerms = {}
        for sink in self.sinks:
            for how in ENCODINGS:
                kind, value = self._value(sink, how)
                data = value.encode() if how == "compressed" else written(how, kind, value)
                found[data] = Control(sink, how)
        return found

    def _value(self, sink: str, encoding: str) -> tuple[str, str]:
        random = Random(f"{self._seed}/control/{sink}/{encoding}")
        if encoding == "rewritten":
            return "phone", f"+82-10-{random.randrange(10**5):05d}-{random.randrange(10**6):06d}"
        return "name", "".join(random.choices(names.SYLLABLES, k=8))
