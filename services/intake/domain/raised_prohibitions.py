"""What a change of a person forbids: the floors that it raises.

The rule looks at what the state allowed before and what it allows now, not at what was said at the door: whatever takes
something away is a prohibition, also when somebody thinks of a new way to take it.
"""

from __future__ import annotations

from datetime import date

from shared.events.topics.people import Person
from shared.events.topics.prohibitions import Floor, Floors, merged


def raised(floors: Floors, before: Person, after: Person, sequence: int) -> Floors:
    """The person's floors once their state ``before`` has become ``after``, which has this number. Equal to ``floors``
    when nothing was taken away."""
    left = before.status == "active" and after.status != "active"
    given = _last_days(after)
    taken = tuple(
        Floor(purpose=purpose, recipient=recipient, below=sequence)
        for (purpose, recipient), until in _last_days(before).items()
        if given.get((purpose, recipient), date.min) < until  # taken back, or made shorter
    )
    if not left and not taken:
        return floors
    return merged(floors, Floors(person=floors.person, whole=sequence if left else 0, consents=taken))


def _last_days(person: Person) -> dict[tuple[str, str | None], date]:
    return {(consent.purpose, consent.recipient): consent.until for consent in person.consents}
