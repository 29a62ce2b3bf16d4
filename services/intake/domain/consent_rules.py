"""Consents: which may be given, and what giving, taking back and lapsing makes of a person's state.

Names in a consent mean: `purpose` as the pack knows it, `recipient` an agency, `until` the last day it holds (in the
pack's time zone).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from shared.events.topics.agencies import RECEIVING_CLASSES
from shared.events.topics.people import Alias, Consent, ConsentAtDoor, ConsentKey, Person
from shared.screening.findings import Findings

MOST = 200  # live consents and aliases of one person, as in the contract


def check_recipients(
    consents: Iterable[ConsentAtDoor | ConsentKey], classes: Mapping[str, str], findings: Findings, *, given: bool
) -> None:
    """`classes`: registered agencies and their class. Who may never receive people cannot be allowed to, either."""
    for index, consent in enumerate(consents):
        at = f"/data/consents/{index}/recipient"
        if consent.recipient is None:
            continue
        if consent.recipient not in classes:
            findings.add("recipient-unknown", at)
        elif given and classes[consent.recipient] not in RECEIVING_CLASSES:
            findings.add("recipient-class", at)


def give(person: Person, consents: Iterable[ConsentAtDoor], mint: Callable[[], str]) -> Person:
    """The person with these consents; one that stood gets the new last day. A new recipient gets an alias."""
    held = {(consent.purpose, consent.recipient): consent for consent in person.consents}
    known = {alias.agency for alias in person.aliases}
    aliases = list(person.aliases)
    for consent in consents:
        held[consent.purpose, consent.recipient] = Consent(
            purpose=consent.purpose, recipient=consent.recipient, until=consent.until
        )
        if consent.recipient is not None and consent.recipient not in known:
            known.add(consent.recipient)
            aliases.append(Alias(agency=consent.recipient, alias=mint()))
    return person.model_copy(update={"consents": _sorted(held.values()), "aliases": tuple(aliases)})


def too_many(person: Person) -> bool:
    """True when the state would not fit the contract any more."""
    return len(person.consents) > MOST or len(person.aliases) > MOST


def withdraw(person: Person, keys: Iterable[ConsentKey]) -> Person:
    """The person without these consents. A purpose named without recipient is taken back from everybody.

    Aliases stay: the recall has to name the person to those who were told.
    """
    wanted = [(key.purpose, key.recipient) for key in keys]
    left = [
        consent
        for consent in person.consents
        if (consent.purpose, consent.recipient) not in wanted and (consent.purpose, None) not in wanted
    ]
    return person.model_copy(update={"consents": tuple(left)})


def lapse(person: Person, today: date) -> Person:
    """The person without the consents whose last day has passed."""
    return person.model_copy(update={"consents": tuple(c for c in person.consents if c.until >= today)})


def first_end(person: Person) -> str | None:
    """The earliest last day among the live consents, as text that sorts; None without a consent."""
    return min((consent.until.isoformat() for consent in person.consents), default=None)


def _sorted(consents: Iterable[Consent]) -> tuple[Consent, ...]:
    return tuple(sorted(consents, key=lambda consent: (consent.purpose, consent.recipient or "")))
