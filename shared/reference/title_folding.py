"""How titles are compared: what a person would call the same title is the same."""

import unicodedata
from difflib import SequenceMatcher

LONGEST = 200  # signs of a title or name that are looked at; normalising a run of marks takes the square of its length


def folded(title: str) -> str:
    """The title without what does not count: width, composition, case, spaces and punctuation.

    NFKC makes half-width, full-width and decomposed letters equal; only letters and digits stay. Nothing is equal to a
    text that is longer than any title: it folds to nothing.
    """
    if len(title) > LONGEST:
        return ""
    return "".join(sign for sign in unicodedata.normalize("NFKC", title).casefold() if sign.isalnum())


def decomposed(key: str) -> str:
    """A folded title by the strokes of its signs, as `Likeness` compares."""
    return unicodedata.normalize("NFD", key)


class Likeness:
    """How alike known titles are to one that was asked for: 0 to 1, or 0 below a threshold.

    Compared in decomposed form: where signs are syllable blocks, one wrong stroke changes a whole block.
    """

    def __init__(self, asked: str, threshold: float) -> None:
        self._asked = decomposed(asked)
        self._matcher = SequenceMatcher(None, "", self._asked, autojunk=False)
        self._threshold = threshold

    def to(self, known: str) -> float:
        """Likeness of a known `decomposed` title; the cheap upper bounds are asked first."""
        matcher = self._matcher
        shorter, both = min(len(known), len(self._asked)), len(known) + len(self._asked)
        if 2 * shorter < self._threshold * both:
            return 0.0
        matcher.set_seq1(known)
        if matcher.quick_ratio() < self._threshold:
            return 0.0
        ratio = matcher.ratio()
        return ratio if ratio >= self._threshold else 0.0


def is_composed(text: str) -> bool:
    """True when the text is in NFC, the only form that pack data may have."""
    return unicodedata.is_normalized("NFC", text)
