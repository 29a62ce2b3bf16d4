"""Phone numbers as people write them, to one form. Read by `phonenumbers`, the Python port of Google's libphonenumber:
it knows the number plans of all countries, and is kept up with them."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

from shared.reference.manifest import PhoneSpec

LONGEST = 60  # characters that are looked at


def readable(given: str | int, spec: PhoneSpec) -> str | None:
    """The number as E.164 says it ("+821012345678", ";ext=12" for an extension); None: nothing that can be read as one.

    No number is dialled here: it is one when its length is possible, also if nobody has it.
    """
    text = unicodedata.normalize("NFKC", str(given)) if len(str(given)) <= LONGEST else ""
    for word in spec.extension_words:
        text = text.replace(word, " ext. ")
    try:
        number = phonenumbers.parse(_DOTS.sub(".", text), spec.region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    plain = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else plain


_DOTS = re.compile("[\u00b7\u30fb\u318d]")  # a middle dot is a separator in Korea, and none that the library knows
