"""The code lists of a pack: which codes there are, what they are called, where they belong."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from shared.reference.errors import PackError
from shared.reference.manifest import SchemeSpec
from shared.reference.tables import checked, read_table, required


@dataclass(frozen=True)
class Entry:
    """One code. parent: the code above it; rank: its place in an order; point: latitude and longitude in degrees."""

    code: str
    field: tuple[str, ...]
    labels: Mapping[str, str]
    parent: str | None = None
    rank: int | None = None
    point: tuple[float, float] | None = None


class CodeLists:
    """All lists of a pack together. Codes are always written `scheme:code`."""

    def __init__(self, lists: Mapping[str, tuple[SchemeSpec, Sequence[Entry]]]) -> None:
        found: dict[str, Entry] = {}
        self.entries: Mapping[str, Entry] = MappingProxyType(found)
        self._schemes: dict[str, set[str]] = {}
        self._codes: dict[str, list[str]] = {}
        for scheme, (spec, entries) in lists.items():
            for field in spec.fields:
                self._schemes.setdefault(field, set()).add(scheme)
            for entry in entries:
                found[entry.code] = entry
                for field in entry.field:
                    self._codes.setdefault(field, []).append(entry.code)
        self._sorted = {field: sorted(codes) for field, codes in self._codes.items()}

    def fields(self) -> tuple[str, ...]:
        """The fields of the contract that take codes."""
        return tuple(self._schemes)

    def schemes_for(self, field: str) -> frozenset[str]:
        """The schemes a field takes; none for a field that takes no codes."""
        return frozenset(self._schemes.get(field, ()))

    def codes(self, field: str) -> tuple[str, ...]:
        """All codes a field takes, in the order of the files."""
        return tuple(self._codes.get(field, ()))

    def any_begins(self, field: str, beginning: str) -> bool:
        """True when a code of a field begins so; found without going through all of them."""
        codes = self._sorted.get(field, [])
        first = bisect_left(codes, beginning)
        return first < len(codes) and codes[first].startswith(beginning)

    def nearest(self, field: str, code: str, limit: int = 3) -> tuple[str, ...]:
        """The codes of a field that begin most like an unknown one, best first: of its scheme, if the field takes that;
        else of any. At least half of it has to be the same, or all but the zeros that a spreadsheet took."""
        scheme, _, value = code.casefold().partition(":")
        own = scheme in self._schemes.get(field, ())
        bare, found = value.lstrip("0"), []
        for known in self._codes.get(field, ()):
            other, _, held = known.casefold().partition(":")
            if held.lstrip("0") == bare:
                same = len(held)
            elif value.startswith(held[: (len(held) + 1) // 2]):  # few do, and only these are looked at sign by sign
                same = _same_signs(value, held)
            else:
                continue
            if same and (other == scheme or not own):
                found.append((-same, abs(len(held) - len(value)), known))
        return tuple(known for _, _, known in sorted(found)[:limit])

    def ancestors(self, code: str) -> tuple[str, ...]:
        """The code itself and the codes above it, upwards; empty for an unknown code."""
        chain: list[str] = []
        entry = self.entries.get(code)
        while entry is not None and entry.code not in chain:
            chain.append(entry.code)
            entry = self.entries.get(entry.parent) if entry.parent else None
        return tuple(chain)


def _same_signs(one: str, other: str) -> int:
    """With how many signs both begin."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def read_codes(folder: Path, scheme: str, spec: SchemeSpec, languages: Sequence[str]) -> tuple[Entry, ...]:
    """One list from its file: columns code, one per language (the first one filled), and where needed field,
    parent, rank, lat, lon."""
    path = folder / spec.file
    entries: dict[str, Entry] = {}
    parents: dict[str, tuple[int, str]] = {}
    for line, row in read_table(path):
        where = f"line {line}"
        code = f"{scheme}:{required(path, line, row, 'code')}"
        if code in entries:
            raise PackError(path.name, where, f"code {code} is there twice")
        required(path, line, row, languages[0])
        unknown = set(row) - {"code", "field", "parent", "rank", "lat", "lon", *languages}
        if unknown:
            raise PackError(path.name, where, f"unknown columns {sorted(unknown)}")
        field = spec.fields
        if len(spec.fields) > 1 and not spec.shared:
            field = (required(path, line, row, "field"),)
            if field[0] not in spec.fields:
                raise PackError(path.name, where, f"field '{field[0]}' is not one of {list(spec.fields)}")
        if "parent" in row:
            parents[code] = (line, f"{scheme}:{row['parent']}")
        point = None
        if "lat" in row or "lon" in row:
            point = (_number(path, line, row, "lat", 90), _number(path, line, row, "lon", 180))
        entries[code] = Entry(
            code=code,
            field=field,
            labels={language: row[language] for language in languages if language in row},
            parent=parents[code][1] if code in parents else None,
            rank=checked(path.name, f"{where} rank", row["rank"], int) if "rank" in row else None,
            point=point,
        )
    for code, (line, parent) in parents.items():
        if parent not in entries or parent == code:
            raise PackError(path.name, f"line {line}", f"parent {parent} of {code} is not in the list")
    return tuple(entries.values())


def _number(path: Path, line: int, row: Mapping[str, str], column: str, limit: float) -> float:
    value = checked(path.name, f"line {line} {column}", required(path, line, row, column), float)
    if not -limit <= value <= limit:
        raise PackError(path.name, f"line {line} {column}", f"lies outside -{limit} to {limit}")
    return value
