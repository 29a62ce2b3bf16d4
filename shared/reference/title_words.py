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

from shared.reference.title_additions import Additions, Everyday
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
    and short ones only as a word of their own, with endings (of ``additions``) behind it or nothing else in the title.
    """

    def __init__(
        self,
        labels: Iterable[tuple[str, str]],
        sayings: Iterable[tuple[str, str]] = (),
        additions: Additions | None = None,
    ) -> None:
        codes_of: dict[str, set[str]] = defaultdict(set)
        short: dict[str, set[str]] = defaultdict(set)
        additions = Additions() if additions is None else additions
        endings = additions.endings
        for code, label in labels:
            for name in _names(label):
                if len(key := folded(name)) < MIN_SIGNS:
                    continue
                if not (endings and _is_short(key)):
                    codes_of[key].add(code)
                elif f"({name})" not in label:  # "hairdresser (general)": no name of its own
                    short[key].add(code)
        self._codes = {name: tuple(sorted(codes)) for name, codes in codes_of.items() if len(codes) <= OF_MANY}
        # rare among the names of one script: a translation more makes nothing rarer in the other
        names = Counter(_size(name) for name in codes_of)
        often = Counter((_size(name), piece) for name in codes_of for piece in _pieces(name, _size(name)))
        weights = {(size, piece): log(1 + names[size] / count) for (size, piece), count in often.items()}
        self._shares: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
        for name in self._codes:
            heavy = {piece: weights[_size(name), piece] for piece in _pieces(name, _size(name))}
            whole = sum(heavy.values())
            for piece in sorted(heavy):
                self._shares[piece].append((name, heavy[piece] / whole, heavy[piece]))
        said: dict[str, set[str]] = defaultdict(set)
        for code, saying in sayings:
            if len(key := folded(saying)) >= SAYING and code not in codes_of.get(key, ()):
                said[key].add(code)
            elif endings and len(key) >= MIN_SIGNS and _is_short(key):
                short[key].add(code)
        rarest = log(1 + max(names.values(), default=0))
        self._sayings = [(key, tuple(sorted(codes)), rarest * (len(key) - 1)) for key, codes in sorted(said.items())]
        self._short = {key: (tuple(sorted(codes)), rarest) for key, codes in short.items() if len(codes) <= OF_MANY}
        self._short_words = _own_words(self._short, additions) if self._short else None
        self._whole = {  # "cutter" is in other words, too
            key: re.compile(rf"{key}(?:\s*{_any_of(endings)})*(?!\w)")
            for word, before in additions.only_before.items()
            for ending in before
            if len(key := word + ending) == SAYING
        }
        self._not_meant = re.compile("|".join([_any_of(additions.not_meant), *_of_firms(additions)]))
        places = _any_of(additions.workplaces)
        self._before_workplace = re.compile(rf"(?<!\w)\w+?\s*(?={places}(?:내|에서)?(?!\w))")
        self._staff_of_workplace = re.compile(rf"{places}\W*(?:{_any_of(endings)}\W*)+$")

    def named(self, title: str) -> tuple[tuple[str, float], ...]:
        """The codes that the title names, with how much of the name is there (`LEAST` to 1), the most first, the longer
        name before the shorter, at most `MOST`. Nothing for a title that names none. What is excluded is not named, nor
        is the place of work ("inside of a hospital", "at a school") where the title names something besides; nor what
        kind of workplace it is ("computer shop"), unless the title asks for nothing but staff of it."""
        excluded = _EXCLUDED.sub(" ", title[:LONGEST])
        # a stroke, not a space: what stands before must not get the endings of what is taken out
        said = self._not_meant.sub("/", excluded)
        work = self._not_meant.sub("/", self._before_workplace.sub(" ", excluded))
        ways = [_WORKPLACE.sub(" ", work), work]
        if self._staff_of_workplace.search(said):
            ways.append(said)
        return next(filter(None, map(self._named, dict.fromkeys(ways))), ())

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
            if (part := round(part, 6)) >= self._least(name) and self._begins(name, key, title):
                for code in self._codes[name]:
                    found[code] = max(found.get(code, (0.0, 0.0)), (part, round(weight[name], 6)))
        for saying, codes, heavy in self._sayings:
            if saying in key and self._stands(saying, title):
                found |= dict.fromkeys(codes, (1.0, heavy))
        if self._short_words is not None:
            for word in self._short_words.finditer(title):
                codes, heavy = self._short[word[word.lastindex or 0]]
                found |= dict.fromkeys((code for code in codes if code not in found), (1.0, heavy))
        ordered = sorted(found.items(), key=lambda one: (-one[1][0], -one[1][1], one[0]))
        return tuple((code, part) for code, (part, _) in ordered[:MOST])

    def _least(self, name: str) -> float:
        """Of a short name in Hangul nothing may be missing where its beginning is looked for as a word of its own."""
        return 1.0 if self._short_words is not None and len(name) == SAYING and _HANGUL.search(name) else LEAST

    def _begins(self, name: str, key: str, title: str) -> bool:
        """Whether the title holds how a short name in Hangul begins: its end alone is in many other words."""
        if len(name) == SAYING and _HANGUL.search(name) and name[:2] not in key:
            return False
        return self._short_words is None or self._stands(name, title)

    def _stands(self, name: str, title: str) -> bool:
        """Whether a name that is easily a part of other words is none here."""
        whole = self._whole.get(name)
        return _stands_alone(name, title) if whole is None else whole.search(title) is not None


def _stands_alone(saying: str, title: str) -> bool:
    """Of a short saying or name in Latin letters: it is in the middle of other words ("ERP" in "interpreter")."""
    if len(saying) > SAYING + 1 or not saying.isascii():
        return True
    return re.search(rf"(?<![a-z0-9]){re.escape(saying)}(?![a-z0-9])", title.casefold()) is not None


def _is_short(key: str) -> bool:
    return len(key) < SAYING and _HANGUL.search(key) is not None


def _own_words(short: Iterable[str], additions: Additions) -> re.Pattern[str]:
    """Finds short sayings that stand as a word: with endings up to the end of the word, or alone in the title; everyday
    words only where the trade is meant."""
    known = frozenset(short)
    endings = _any_of(additions.endings)
    plain = _any_of(known - additions.only_before.keys())
    named = [rf"({plain})(?:\s*{endings})+"]
    for group in additions.everyday:
        named.append(f"({_any_of(known.intersection(group.words))}){_trade(group, additions)}")
    return re.compile(rf"(?<!\w)(?:{'|'.join(named)})(?!\w)|^\W*({plain})\W*$")


def _trade(group: Everyday, additions: Additions) -> str:
    """Endings right behind an everyday word that say that the trade is meant, and do not begin other endings: "cutter"
    is in Korean how "staff of the foundation" begins."""
    meant = group.only_before
    others = _any_of(one for one in additions.endings if one.startswith(meant) and one not in meant)
    return rf"\s*(?!{others}){_any_of(meant)}(?:\s*{_any_of(additions.endings)})*(?!\w)"


def _of_firms(additions: Additions) -> Iterator[str]:
    """Everyday words before endings with which they do not mean the trade: so firms are called ("electric staff")."""
    endings = _any_of(additions.endings)
    for group in additions.everyday:
        yield rf"(?<!\w){_any_of(group.words)}(?!{_trade(group, additions)})(?=(?:\s*{endings})+(?!\w))"


def _any_of(words: Iterable[str]) -> str:
    """Any of the words, the longest first, whatever the spaces in them; never, of no words. The longest is
    kept (``?>``): endings are made of endings, and the ways to part a row of them are too many to try."""
    ordered = sorted(set(words), key=lambda word: (-len(word), word))
    return f"(?>{'|'.join(re.escape(word).replace(chr(92) + ' ', '[ ]*') for word in ordered)})" if ordered else r"(?!)"


def _names(label: str) -> Iterator[str]:
    """The names in a label: its parts, and the whole. Of a list in Hangul the parts before the last are names where
    they say who does something: "hotel, restaurant waiter" is no name of hotels."""
    label = _EXAMPLES.sub("", label)
    yield label
    for piece in re.split(r"[()]", label):
        *first, last = _BETWEEN.split(piece)
        yield last
        yield from (name for name in first if not _HANGUL.search(name) or _WHO.search(name.strip()))


def _size(name: str) -> int:
    return min(len(name), 2 if _HANGUL.search(name) else 3)


def _pieces(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(len(text) - size + 1)}
