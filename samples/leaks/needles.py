"""What is looked for: names, phones, birth dates, references, in the disguises in which software writes things down."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from samples.world import Item, World
from samples.world.mistakes import FREE_TEXT, REGISTRATION_NUMBER

PREFIX = 6  # bytes by which a needle is found first
SHORT = 9  # bytes; a shorter needle must stand alone, or chance would find it in a long random id


@dataclass(frozen=True)
class Planted:
    """One planted value: its kind (``name``, ``phone``, ``birth date``, ``reference``, ``event id``) and who has it."""

    kind: str
    value: str


def planted_by(world: World, items: Iterable[Item]) -> set[Planted]:
    """Everything that must be found nowhere outside of intake's sealed fields."""
    found = {Planted("free text", FREE_TEXT), Planted("registration number", REGISTRATION_NUMBER)}
    for item in items:
        data = item.event["data"]
        found.add(Planted("event id", item.event["id"]))
        if reference := data.get("reference"):
            found.add(Planted("reference", reference))
        if identity := data.get("identity"):
            found.add(Planted("name", identity["name"]))
            found |= {Planted("phone", written) for written in phones(identity["phone"])}
            found |= {Planted("birth date", written) for written in dates(identity["birth_date"])}
    return found


def phones(phone: str) -> set[str]:
    """A phone number as it was sent, in digits only, and as people write it at home."""
    digits = "".join(filter(str.isdigit, phone))
    home = "0" + phone.partition("-")[2]
    return {phone, digits, home, home.replace("-", "")}


def dates(written: str) -> set[str]:
    """A birth date as it was sent and with other or no signs between its parts."""
    year, *rest = written.split("-")
    if len(rest) != 2:
        return {written}  # one of the mistakes: in words
    month, day = rest
    korean = f"{year}년 {int(month)}월 {int(day)}일"
    return {written, f"{year}{month}{day}", f"{year}.{month}.{day}", f"{year}/{month}/{day}", korean}


def disguises(value: str) -> Iterator[tuple[str, bytes]]:
    """The value in each encoding, with the encoding's name. Base64 in its three alignments, without the ends that
    depend on what stands beside."""
    plain = value.encode()
    yield "plain", plain
    yield "decomposed", unicodedata.normalize("NFD", value).encode()
    for text in (value, unicodedata.normalize("NFD", value)):
        escaped = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in text)
        yield "escaped", escaped.encode()
        yield "escaped", escaped.replace("\\u", "\\U").upper().replace("\\U", "\\u").encode()
        yield "percent", quote(text, safe="").encode()
        yield "percent", quote(text, safe="").lower().encode()
    yield "hex", plain.hex().encode()
    yield "hex", plain.hex().upper().encode()
    for shift in range(3):
        start, end = (4 * shift + 2) // 3, (len(plain) + shift) * 4 // 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield "base64", encode(b"\0" * shift + plain)[start:end]


class Finder:
    """Finds any of many needles in bytes, in one pass."""

    def __init__(self, needles: Mapping[bytes, tuple[str, str]]) -> None:
        self._by_prefix: dict[bytes, list[tuple[bytes, tuple[str, str]]]] = {}
        for needle, what in needles.items():
            assert len(needle) >= PREFIX, "too short to be searched for"
            self._by_prefix.setdefault(needle[:PREFIX], []).append((needle, what))

    @staticmethod
    def of(planted: Iterable[Planted]) -> Finder:
        """Looks for all of these in every disguise."""
        needles: dict[bytes, tuple[str, str]] = {}
        for each in planted:
            for how, needle in disguises(each.value):
                needles.setdefault(needle, (each.kind, how))  # where nothing is to be disguised it is plain
        return Finder(needles)

    def find(self, data: bytes) -> set[tuple[str, str]]:
        """Kind and encoding of everything that is there. Never the value."""
        found: set[tuple[str, str]] = set()
        prefixes = self._by_prefix
        for at in range(len(data) - PREFIX + 1):
            if data[at : at + PREFIX] in prefixes:
                for needle, what in prefixes[data[at : at + PREFIX]]:
                    if data.startswith(needle, at) and (len(needle) >= SHORT or _alone(data, at, at + len(needle))):
                        found.add(what)
        return found


def _alone(data: bytes, start: int, end: int) -> bool:
    return not data[max(0, start - 1) : start].isalnum() and not data[end : end + 1].isalnum()
