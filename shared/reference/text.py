"""How titles are compared: what a person would call the same title is the same."""

import unicodedata
from difflib import SequenceMatcher


def folded(title: str) -> str:
    """The title without what does not count: width, composition, case, spaces and punctuation.

    NFKC makes half-width, full-width and decomposed letters equal; only letters and digits stay.
    """
    return "".join(sign for sign in unicodedata.normalize("NFKC", title).casefold() if sign.isalnum())


def likeness(one: str, other: str) -> float:
    """0 to 1: how alike two folded titles are, compared in decomposed form.

    Decomposed, because in scripts written in syllable blocks one wrong stroke changes the whole block.
    """
    return SequenceMatcher(
        None, unicodedata.normalize("NFD", one), unicodedata.normalize("NFD", other), autojunk=False
    ).ratio()


def is_composed(text: str) -> bool:
    """True when the text is in NFC, the only form that pack data may have."""
    return unicodedata.is_normalized("NFC", text)
