"""Lodging that comes with the work, and what somebody says of it."""

from services.matching.domain.opening_facts import OpeningFacts
from services.matching.domain.person_facts import PersonFacts


def lives_there(person: PersonFacts, opening: OpeningFacts) -> bool:
    """There is lodging, and they have said that they would live there."""
    return opening.lodging and person.lodging is True


def might_live_there(person: PersonFacts, opening: OpeningFacts) -> bool:
    """There is lodging, and whether they would live there was not asked yet."""
    return opening.lodging and person.lodging is None
