"""Phone numbers as people write them, to one form. No number is dialled here, so none is checked against a plan."""

from __future__ import annotations

import re
import unicodedata

_DASHES = re.compile(r"\s*[\u2010-\u2015\u2212\uff0d\u00b7.\-]+\s*")
_EXTENSION = re.compile(r"\s*(내선|교환|ext\.?|#)\s*[0-9]{1,6}$", re.IGNORECASE)
_NUMBER = re.compile(r"\+?\(?[0-9][0-9 ()-]{5,24}", re.ASCII)


def readable(given: str) -> str | None:
    """The number with plain digits and dashes, without an extension; None: nothing that can be read as one."""
    plain = _EXTENSION.sub("", unicodedata.normalize("NFKC", given).strip())
    plain = _DASHES.sub("-", plain)
    return plain if _NUMBER.fullmatch(plain) else None
