"""What a change of a person forbids: the floors that it raises.

The rule looks at what the state allowed before and what it allows now, not at what was said at the door: whatever takes
something away is a prohibition, also when somebody thinks of a new way to take it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.events.topics.prohibitions import Floor, Floors, merged


def raised(floors: Floors, before: Mapping[str, Any], after: Mapping[str, Any], sequence: int) -> Floors:
    """The person's floors once their state ``before`` has become ``after`` (both as they are stored), which has this
    number. Equal to ``floors`` when nothing was taken away."""
    left = before["status"] == "active" and after["status"] != "active"
    given = _last_days(after.get("consents", ()))
    taken = tuple(
        Floor(purpose=purpose, recipient=recipient, below=sequence)
        for (purpose, recipient), until in _last_days(before.get("consents", ())).items()
        if given.get((purpose, recipient), "") < until  # taken back, or made shorter
    )
    if not left and not taken:
        return floors
    return merged(floors, Floors(person=floors.person, whole=sequence if left else 0, consents=taken))


def _last_days(consents: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str | None], str]:
    return {(consent["purpose"], consent.get("recipient")): consent["until"] for consent in consents}
