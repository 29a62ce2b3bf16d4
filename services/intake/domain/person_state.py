"""What each event about a person makes of that person's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.events.topics.people import Alias, Person, Profile


def arrived(person: str, owner: str, features: Mapping[str, Any], mint: Callable[[], str]) -> Person:
    """Somebody new: active, without consents, known to the owner by an alias."""
    return Person(person=person, status="active", owner=owner, aliases=(Alias(agency=owner, alias=mint()),), **features)


def returned(person: Person, features: Mapping[str, Any]) -> Person:
    """Somebody who had left and comes back: active again under the same aliases; old consents do not come back."""
    return Person(person=person.person, status="active", owner=person.owner, aliases=person.aliases, **features)


_FEATURES = {*Profile.model_fields, "year_of_birth", "sex"}


def features_of(person: Person) -> dict[str, Any]:
    """What a profile and the identity decide of a state."""
    return {name: value for name, value in person if name in _FEATURES}


def updated(person: Person, features: Mapping[str, Any]) -> Person:
    """The whole profile replaced; consents, aliases and what identity gave before stay."""
    return person.model_copy(update=dict(features))


def left(person: Person) -> Person:
    """No longer served: nothing is done for or told about them. Consents end by themselves or when taken back."""
    return person.model_copy(update={"status": "left"})


def alias_of(person: Person, agency: str) -> str | None:
    """The name by which that agency knows the person; None if it does not."""
    return next((alias.alias for alias in person.aliases if alias.agency == agency), None)
