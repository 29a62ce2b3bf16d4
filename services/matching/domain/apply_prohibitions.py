"""What a person's state still allows, once floors were raised above it."""

from __future__ import annotations

from shared.events.topics.people import Person
from shared.events.topics.prohibitions import Floors


def permitted(person: Person, sequence: int, floors: Floors) -> Person:
    """The person as a state with this number may be used: without the consents that were taken away since, and gone
    when they have left since."""
    if floors.forbid_all(sequence):
        return person.model_copy(update={"status": "left", "consents": ()})
    left = tuple(one for one in person.consents if not floors.forbid(sequence, one.purpose, one.recipient))
    return person if len(left) == len(person.consents) else person.model_copy(update={"consents": left})
