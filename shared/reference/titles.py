"""From a title as people write it to a code."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from shared.reference.codes import CodeLists
from shared.reference.errors import PackError
from shared.reference.misspellings import Misspellings
from shared.reference.tables import read_table, required
from shared.reference.title_additions import Additions, in_brackets
from shared.reference.title_folding import Likeness, decomposed, folded

_ALIKE = 0.6
_LONGEST = 120
_COMPARED = 60  # titles that are compared stroke by stroke for one question: those that share most with it


@dataclass(frozen=True, slots=True)
class Found:
    """A code, and the title or synonym by which it was found."""

    code: str
    title: str


class Titles:
    """Titles and synonyms of one field, and what people add to them. A title that several codes carry leads to none of
    them."""

    def __init__(self, pairs: Iterable[tuple[str, str]], additions: Additions | None = None) -> None:
        self._additions = Additions() if additions is None else additions
        self._codes: dict[str, set[str]] = {}
        self._written: dict[str, str] = {}
        for title, code in pairs:
            key = folded(title)
            self._codes.setdefault(key, set()).add(code)
            self._written.setdefault(key, title)
        self._decomposed = {key: decomposed(key) for key in self._codes}
        # as the pack writes them, which is how most senders do: folding costs more than all the rest of looking one up
        self._as_written = {title: self._of(title) for title in self._written.values()}

    def find(self, title: str) -> str | None:
        """The code of a title or synonym, whatever its spacing, width or composition, and whatever usual words stand
        around it; None when unknown or unclear. Made for a question of anybody: what it costs is bounded."""
        return self._as_written[title] if title in self._as_written else self._of(title)

    def _of(self, title: str) -> str | None:
        if (key := folded(title)) in self._codes:
            return self._one(self._codes[key])
        if len(key) > _LONGEST:
            return None
        return self._whole(key) or self._without_brackets(title)

    @staticmethod
    def _one(codes: Iterable[str]) -> str | None:
        several = set(codes)
        return several.pop() if len(several) == 1 else None

    def _whole(self, key: str) -> str | None:
        """Of what is left without additions, the longest that is a title decides; if none is, one with a stroke
        wrong."""
        tried = list[str]()
        for left in self._additions.without(key):
            if not self._additions.may_be_meant(left, key):
                return None
            if left in self._codes:
                return self._one(self._codes[left])
            tried.append(left)
        if self._additions.misspelt_from is not None:
            for left in tried:
                if meant := self._misspellings.meant(left):
                    return self._one(code for known in meant for code in self._codes[known])
        return None

    def _without_brackets(self, title: str) -> str | None:
        """Brackets hold additions, or a title of the same code; other words only where that says nothing else."""
        outside, inside = in_brackets(title)
        if not inside or (code := self._whole(folded(outside))) is None:
            return None
        for words in inside:
            if self._additions.is_only_additions(key := folded(words)):
                continue
            if (other := self._whole(key)) != code and not (other is None and self._additions.other_brackets):
                return None
        return code

    @cached_property
    def _misspellings(self) -> Misspellings:
        assert self._additions.misspelt_from is not None
        return Misspellings(self._codes, self._additions.misspelt_from)

    def written(self) -> Iterator[tuple[str, str]]:
        """Every code with each of its titles and synonyms."""
        for key, codes in self._codes.items():
            yield from ((code, self._written[key]) for code in sorted(codes))

    def unclear(self) -> Mapping[str, set[str]]:
        """Titles that lead to more than one code."""
        return {self._written[key]: codes for key, codes in self._codes.items() if len(codes) > 1}

    def search(self, words: str, limit: int) -> tuple[Found, ...]:
        """The codes whose titles are the words, begin with them, hold them or are alike, in this order; each once.

        Made for a question of anybody: what it costs is bounded, whatever the words are.
        """
        key = folded(words[:_LONGEST])
        if not key or limit <= 0:
            return ()
        scored = {known: score for known in self._codes if (score := _holds(key, known)) > 0}
        if len(scored) < limit:
            likeness = Likeness(key, _ALIKE)
            for known in self._sharing(decomposed(key)):
                if known not in scored and (score := likeness.to(self._decomposed[known])) > 0:
                    scored[known] = score - 1
        found: dict[str, Found] = {}
        for known in sorted(scored, key=lambda known: (-scored[known], len(known), known)):
            for code in sorted(self._codes[known]):
                found.setdefault(code, Found(code, self._written[known]))
            if len(found) >= limit:
                break
        return tuple(found.values())[:limit]

    def _sharing(self, strokes: str) -> list[str]:
        """The titles that share most pairs of strokes."""
        shared = Counter[str]()
        for pair in set(_pairs(strokes)):
            shared.update(self._by_pair.get(pair, ()))
        return [known for known, _ in shared.most_common(_COMPARED)]

    @cached_property
    def _by_pair(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for known, strokes in self._decomposed.items():
            for pair in set(_pairs(strokes)):
                found.setdefault(pair, []).append(known)
        return {pair: tuple(titles) for pair, titles in found.items()}

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


def _pairs(strokes: str) -> Iterable[str]:
    return (strokes[at : at + 2] for at in range(len(strokes) - 1))


def _holds(asked: str, known: str) -> float:
    """1 to 4 for a title that is, begins with or holds what was asked, or is held by it; 0 for any other."""
    if asked == known:
        return 4
    if known.startswith(asked):
        return 3
    if asked in known:
        return 2
    return 1 if len(known) > 1 and known in asked else 0


def _contained(asked: str, known: str) -> float:
    """A title that wholly holds the other, and is more than one sign, is just alike enough."""
    return _ALIKE if min(len(asked), len(known)) > 1 and (asked in known or known in asked) else 0.0


def read_titles(
    path: Path, codes: CodeLists, unique: Iterable[str], additions: Mapping[str, Additions]
) -> dict[str, Titles]:
    """Titles by field: every label of every language, and the synonyms of the file (columns code, title).

    `unique` names the fields in which no title may lead to two codes; `additions`: what may be added to those of a
    field.
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
    titles = {field: Titles(found, additions.get(field)) for field, found in pairs.items()}
    for field in unique:
        for title, several in sorted(titles[field].unclear().items() if field in titles else ()):
            raise PackError(path.name, f"title '{title}'", f"leads to several codes: {sorted(several)}")
    return titles
