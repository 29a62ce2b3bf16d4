"""From a title as people write it to a code."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.reference.codes import CodeLists
from shared.reference.errors import PackError
from shared.reference.tables import read_table, required
from shared.reference.text import Likeness, decomposed, folded

_ALIKE = 0.6
_LONGEST = 120


class Titles:
    """Titles and synonyms of one field. A title that several codes carry leads to none of them."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._codes: dict[str, set[str]] = {}
        self._written: dict[str, str] = {}
        for title, code in pairs:
            key = folded(title)
            self._codes.setdefault(key, set()).add(code)
            self._written.setdefault(key, title)
        self._decomposed = {key: decomposed(key) for key in self._codes}

    def find(self, title: str) -> str | None:
        """The code of a title or synonym, whatever its spacing, width or composition; None when unknown or unclear."""
        codes = self._codes.get(folded(title), frozenset[str]())
        return next(iter(codes)) if len(codes) == 1 else None

    def unclear(self) -> Mapping[str, set[str]]:
        """Titles that lead to more than one code."""
        return {self._written[key]: codes for key, codes in self._codes.items() if len(codes) > 1}

    def nearest(self, title: str, limit: int) -> tuple[str, ...]:
        """The most alike known titles, best first, one per code; none when nothing is alike. Never echoes the input."""
        key = folded(title[:_LONGEST])
        if not key or limit <= 0:
            return ()
        likeness = Likeness(key, _ALIKE)
        scored = sorted(
            (-max(likeness.to(strokes), _contained(key, known)), known) for known, strokes in self._decomposed.items()
        )
        found: list[str] = []
        seen: set[str] = set()
        for score, known in scored:
            if -score < _ALIKE or len(found) == limit:
                break
            if not self._codes[known] <= seen:
                seen |= self._codes[known]
                found.append(self._written[known])
        return tuple(found)


def _contained(asked: str, known: str) -> float:
    """A title that wholly holds the other, and is more than one sign, is just alike enough."""
    return _ALIKE if min(len(asked), len(known)) > 1 and (asked in known or known in asked) else 0.0


def read_titles(path: Path, codes: CodeLists, unique: Iterable[str]) -> dict[str, Titles]:
    """Titles by field: every label of every language, and the synonyms of the file (columns code, title).

    `unique` names the fields in which no title may lead to two codes.
    """
    pairs: dict[str, list[tuple[str, str]]] = {field: [] for field in codes.fields()}
    for entry in codes.entries.values():
        for field in entry.field:
            pairs[field].extend((label, entry.code) for label in entry.labels.values())
    for line, row in read_table(path):
        code, title = required(path, line, row, "code"), required(path, line, row, "title")
        if code not in codes.entries:
            raise PackError(path.name, f"line {line}", f"{code} is not in any list")
        if not folded(title):
            raise PackError(path.name, f"line {line}", "the title has no letter or digit")
        for field in codes.entries[code].field:
            pairs[field].append((title, code))
    titles = {field: Titles(found) for field, found in pairs.items()}
    for field in unique:
        for title, several in sorted(titles[field].unclear().items() if field in titles else ()):
            raise PackError(path.name, f"title '{title}'", f"leads to several codes: {sorted(several)}")
    return titles
