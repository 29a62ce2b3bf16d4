"""How titles are compared: what a person would call the same title is the same."""

import unicodedata
from difflib import SequenceMatcher


def folded(title: str) -> str:
    """The title without what does not count: width, composition, case, spaces and punctuation.

    NFKC makes half-width, full-width and decomposed letters equal; only letters and digits stay.
    """
    return "".join(sign for sign in unicodedata.normalize("NFKC", title).casefold() if sign.isalnum())


class Likeness:
    """How alike known titles are to one that was asked for: 0 to 1, or 0 below a threshold.

    Compared in decomposed form: where signs are syllable blocks, one wrong stroke changes a whole block.
    """

    def __init__(self, asked: str, threshold: float) -> None:
        self._matcher = SequenceMatcher(None, "", unicodedata.normalize("NFD", asked), autojunk=False)
        self._threshold = threshold

    def to(self, known: str) -> float:
        """Likeness of a known folded title; the cheap upper bounds are asked first."""
        matcher = self._matcher
        matcher.set_seq1(unicodedata.normalize("NFD", known))
        if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < self._threshold:
            return 0.0
        ratio = matcher.ratio()
        return ratio if ratio >= self._threshold else 0.0


def is_composed(text: str) -> bool:
    """True when the text is in NFC, the only form that pack data may have."""
    return unicodedata.is_normalized("NFC", text)
