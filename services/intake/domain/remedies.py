"""What to do about a refusal, in every language of the pack."""

from __future__ import annotations

from shared.events.refusal import Refusal
from shared.reference import Pack, PackError

_PLAIN = "remedy.wrong_form"


def remedy(refusal: Refusal, pack: Pack) -> dict[str, str]:
    """The pack's sentence `remedy.<rule>` with the refusal's (public) values (`..._nearest` when it names what may have
    been meant); a general one if it has none."""
    key = f"remedy.{refusal.rule.replace('-', '_')}"
    own = f"{key}_{refusal.field.rpartition('/')[2]}"
    if "nearest" in refusal.values:
        key += "_nearest"
    elif own in pack.sentences.names:  # the form of this very field, with an example
        key = own
    found = {}
    for language in pack.languages:
        values: dict[str, object] = dict(refusal.values)
        if "name" in values:
            values["reason"] = pack.never_collected_reason(str(values["name"]), language) or ""
        if "minimum" in values:
            values["minimum"] = pack.money(float(values["minimum"]), language)  # type: ignore[arg-type]  # a number, see opportunities.py
        try:
            found[language] = pack.sentence(key, language, **values)
        except PackError:
            found[language] = pack.sentence(_PLAIN, language)
    return found
