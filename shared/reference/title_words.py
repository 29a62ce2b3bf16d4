"""Which occupations, courses and certificates the words of a title name: by pieces of words, since titles are written
with and without spaces, with other endings, between signs.

A label is a list of names ("A, B and C"); a name is compared by its overlapping pieces, two signs long in Hangul and
three in other scripts. No dictionary and no model: a Korean tokenizer was tried and finds less (decision 65).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from math import log

from shared.reference.title_folding import LONGEST, folded

LEAST = 0.5  # of a name so much has to be there, by weight: less is chance
OF_MANY = 6  # a name that more codes carry ("assistant") says nothing about any of them
SAYING = 3  # signs at least: two stand in too many other words
MIN_SIGNS = 2  # of a name or saying
MOST = 3  # codes that a title is said to name
_BETWEEN = re.compile(r"[,·()/ㆍ]|\s및\s|\sand\s")
_EXCLUDED = re.compile(r"[^\s,/·()\[\]]+\s*(?:제외|불가|아님|없음)(?![가-힣])")  # "driving excluded"
_WORKPLACE = re.compile(r"[^\s,/·()\[\]]+\s*(?:내|에서|소재|근무)(?![가-힣])")  # "inside of a hospital"
_EXAMPLES = re.compile(r"\([^()]*(?:등|제외)\)")  # where they work, what is not meant
_WHO = re.compile(r"[원사자공직가인수관장]$")  # how names of who does something end
_HANGUL = re.compile(r"[가-힣]")


class TitleWords:
    """The names of some codes, to look for in titles; ``sayings``: codes in other words, which name only as a whole,
    and short ones only as a word of their own, with ``endings`` behind it or nothing else in the title."""

    def __init__(
        self, labels: Iterable[tuple[str, str]], sayings: Iterable[tuple[str, str]] = (), endings: Iterable[str] = ()
    ) -> None:
        codes_of: dict[str, set[str]] = defaultdict(set)
        short: dict[str, set[str]] = defaultdict(set)
        endings = tuple(endings)
        for code, label in labels:
            for name in _names(label):
                if len(key := folded(name)) < MIN_SIGNS:
                    continue
                if not (endings and _is_short(key)):
                    codes_of[key].add(code)
                elif f"({name})" not in label:  # "hairdresser (general)": no name of its own
                    short[key].add(code)
        self._codes = {name: tuple(sorted(codes)) for name, codes in codes_of.items() if len(codes) <= OF_MANY}
        often = Counter(piece for name in codes_of for piece in _pieces(name, _size(name)))
        weights = {piece: log(1 + len(codes_of) / count) for piece, count in often.items()}
        self._shares: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
        for name in self._codes:
            pieces = _pieces(name, _size(name))
            whole = sum(weights[piece] for piece in pieces)
            for piece in sorted(pieces):
                self._shares[piece].append((name, weights[piece] / whole, weights[piece]))
        said: dict[str, set[str]] = defaultdict(set)
        for code, saying in sayings:
            if len(key := folded(saying)) >= SAYING and code not in codes_of.get(key, ()):
                said[key].add(code)
            elif endings and len(key) >= MIN_SIGNS and _is_short(key):
                short[key].add(code)
        rarest = log(1 + len(codes_of))
        self._sayings = [(key, tuple(sorted(codes)), rarest * (len(key) - 1)) for key, codes in sorted(said.items())]
        self._short = {key: (tuple(sorted(codes)), rarest) for key, codes in short.items() if len(codes) <= OF_MANY}
        self._short_words = _own_words(self._short, endings) if self._short else None

    def named(self, title: str) -> tuple[tuple[str, float], ...]:
        """The codes that the title names, with how much of the name is there (`LEAST` to 1), the most first, the longer
        name before the shorter, at most `MOST`. Nothing for a title that names none. What is excluded is not named, nor
        is the place of work ("inside of a hospital", "at a school") where the title names something besides."""
        said = _EXCLUDED.sub(" ", title[:LONGEST])
        return self._named(_WORKPLACE.sub(" ", said)) or self._named(said)

    def _named(self, title: str) -> tuple[tuple[str, float], ...]:
        key = folded(title)
        share: dict[str, float] = defaultdict(float)
        weight: dict[str, float] = defaultdict(float)
        for piece in sorted(_pieces(key, 2) | _pieces(key, 3)):
            for name, part, heavy in self._shares.get(piece, ()):
                share[name] += part
                weight[name] += heavy
        found: dict[str, tuple[float, float]] = {}
        for name, part in share.items():
            if (part := round(part, 6)) >= self._least(name) and _begins(name, key):
                for code in self._codes[name]:
                    found[code] = max(found.get(code, (0.0, 0.0)), (part, round(weight[name], 6)))
        for saying, codes, heavy in self._sayings:
            if saying in key:
                found |= dict.fromkeys(codes, (1.0, heavy))
        if self._short_words is not None:
            for word in self._short_words.finditer(title):
                codes, heavy = self._short[word.group(1) or word.group(2)]
                found |= dict.fromkeys((code for code in codes if code not in found), (1.0, heavy))
        ordered = sorted(found.items(), key=lambda one: (-one[1][0], -one[1][1], one[0]))
        return tuple((code, part) for code, (part, _) in ordered[:MOST])

    def _least(self, name: str) -> float:
        """Of a short name in Hangul nothing may be missing where its beginning is looked for as a word of its own."""
        return 1.0 if self._short_words is not None and len(name) == SAYING and _HANGUL.search(name) else LEAST


def _is_short(key: str) -> bool:
    return len(key) < SAYING and _HANGUL.search(key) is not None


def _own_words(short: Iterable[str], endings: Iterable[str]) -> re.Pattern[str]:
    """Finds short sayings that stand as a word: with endings up to the end of the word, or alone in the title."""
    sayings = "|".join(map(re.escape, sorted(short)))
    behind = "|".join(map(re.escape, sorted(endings, key=lambda word: (-len(word), word))))
    return re.compile(rf"(?<!\w)({sayings})(?:\s*(?:{behind}))+(?!\w)|^\W*({sayings})\W*$")


def _names(label: str) -> Iterator[str]:
    """The names in a label: its parts, and the whole. Of a list in Hangul the parts before the last are names where
    they say who does something: "hotel, restaurant waiter" is no name of hotels."""
    label = _EXAMPLES.sub("", label)
    yield label
    for piece in re.split(r"[()]", label):
        *first, last = _BETWEEN.split(piece)
        yield last
        yield from (name for name in first if not _HANGUL.search(name) or _WHO.search(name.strip()))


def _begins(name: str, title: str) -> bool:
    """Whether the title holds how a short name in Hangul begins: its end alone is in many other words."""
    return len(name) != SAYING or not _HANGUL.search(name) or name[:2] in title


def _size(name: str) -> int:
    return min(len(name), 2 if _HANGUL.search(name) else 3)


def _pieces(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(len(text) - size + 1)}
