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
    left = has_left(before, after)
    taken = tuple(
        Floor(purpose=purpose, recipient=recipient, below=sequence) for purpose, recipient in taken_back(before, after)
    )
    if not left and not taken:
        return floors
    return merged(floors, Floors(person=floors.person, whole=sequence if left else 0, consents=taken))


def has_left(before: Person, after: Person) -> bool:
    """Whether nothing is done for the person any more."""
    return before.status == "active" and after.status != "active"


def taken_back(before: Person, after: Person) -> list[tuple[str, str | None]]:
    """Purpose and recipient of the consents that were taken back, or made shorter."""
    given = _last_days(after)
    return [name for name, until in _last_days(before).items() if given.get(name, date.min) < until]


def permitted(person: Person, sequence: int, floors: Floors) -> Person:
    """As much of a state with this number as the floors still allow."""
    if floors.forbid_all(sequence):
        person = person.model_copy(update={"status": "left"})
    consents = tuple(c for c in person.consents if not floors.forbid(sequence, c.purpose, c.recipient))
    return person if consents == person.consents else person.model_copy(update={"consents": consents})


def _last_days(person: Person) -> dict[tuple[str, str | None], date]:
    return {(consent.purpose, consent.recipient): consent.until for consent in person.consents}
