"""Consents: which may be given, and what giving, taking back and lapsing makes of a person's state.

Names in a consent mean: `purpose` as the pack knows it, `recipient` an agency, `until` the last day it holds (in the
pack's time zone).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta

from services.intake.domain.findings import Findings
from shared.access.agencies import RECEIVING_CLASSES
from shared.events.topics.people import Alias, Consent, ConsentAtDoor, ConsentKey, Person

MOST = 200  # live consents and aliases of one person, as in the contract


def check_given(consents: Sequence[ConsentAtDoor], findings: Findings, today: date) -> None:
    """The rules that need no knowledge of agencies: purpose, whether a recipient is named, and the last day."""
    for index, consent in enumerate(consents):
        at = f"/data/consents/{index}"
        purpose = _check_key(consent.purpose, consent.recipient, findings, at)
        if purpose is None:
            continue
        if findings.pack.purposes[purpose].recipient_required and consent.recipient is None:
            findings.add("recipient-missing", f"{at}/recipient")
        longest = findings.pack.purposes[purpose].longest_days
        if consent.until < today:
            findings.add("consent-in-the-past", f"{at}/until")
        elif consent.until > today + timedelta(days=longest):
            findings.add("consent-too-long", f"{at}/until", days=longest)


def check_withdrawn(consents: Sequence[ConsentKey], findings: Findings) -> list[ConsentKey]:
    """What can be understood of a withdrawal. One that names something unknown must not look like a success; but what
    it takes back besides is taken back all the same."""
    understood = []
    for index, consent in enumerate(consents):
        before = len(findings.refusals)
        _check_key(consent.purpose, consent.recipient, findings, f"/data/consents/{index}")
        if len(findings.refusals) == before:
            understood.append(consent)
    return understood


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


def _check_key(name: str, recipient: str | None, findings: Findings, at: str) -> str | None:
    purpose = findings.pack.purpose(name)
    if purpose is None:
        findings.add("unknown-purpose", f"{at}/purpose", purposes=", ".join(findings.pack.purposes))
        return None
    if recipient is not None and not purpose.recipient_required:
        findings.add("recipient-not-wanted", f"{at}/recipient")
    return name


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
