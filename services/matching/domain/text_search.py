"""How a search engine would order openings for somebody: BM25 over pairs of syllables. A yardstick for reports alone;
nobody is matched by it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from math import log
from statistics import fmean

from services.matching.domain.person_facts import WANTED
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Person
from shared.reference import Pack

K1, B = 1.2, 0.75
_WORD = re.compile(r"\w+")


class TextSearch:
    """These openings by their words."""

    def __init__(self, openings: Iterable[Opportunity], pack: Pack) -> None:
        self._pack = pack
        self._pieces = {one.opportunity: Counter(_pieces(words_of_opening(one, pack))) for one in openings}
        self._often = Counter(piece for own in self._pieces.values() for piece in own)
        self._usual = fmean(own.total() for own in self._pieces.values()) if self._pieces else 1.0

    def score(self, person: Person, opening: str) -> float:
        """How well an opening answers what this person would search for."""
        own, count = self._pieces[opening], len(self._pieces)
        length = K1 * (1 - B + B * own.total() / (self._usual or 1.0))
        return sum(
            log(1 + (count - self._often[piece] + 0.5) / (self._often[piece] + 0.5))
            * own[piece] * (K1 + 1) / (own[piece] + length)
            for piece in sorted(set(_pieces(words_of_person(person, self._pack))))
            if own[piece]
        )  # fmt: skip


def words_of_person(person: Person, pack: Pack) -> str:
    """What somebody would search for: the work they want, their courses and certificates."""
    wanted = [one.code for one in person.occupations if one.interest >= WANTED]
    courses = [one.code for one in person.courses]
    return _labels([*wanted, *person.counselling.interests, *courses, *person.certificates], pack)


def words_of_opening(opening: Opportunity, pack: Pack) -> str:
    """What is searched: the title and the names of its codes."""
    codes = [*([opening.occupation] if opening.occupation else []), *opening.certificates, *opening.certificates_wanted]
    return f"{opening.title} {_labels([*codes, *opening.courses_wanted], pack)}"


def _labels(codes: Sequence[str], pack: Pack) -> str:
    return " ".join(pack.label(code, pack.languages[0]) for code in codes)


def _pieces(text: str) -> list[str]:
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return [word[start : start + 2] for word in words for start in range(max(1, len(word) - 1))]
