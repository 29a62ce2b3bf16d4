"""Which consents may be said: the rules that need no knowledge of agencies and people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from shared.events.topics.people import ConsentAtDoor, ConsentKey
from shared.screening.findings import Findings


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


def _check_key(name: str, recipient: str | None, findings: Findings, at: str) -> str | None:
    purpose = findings.pack.purpose(name)
    if purpose is None:
        findings.add("unknown-purpose", f"{at}/purpose", purposes=", ".join(findings.pack.purposes))
        return None
    if recipient is not None and not purpose.recipient_required:
        findings.add("recipient-not-wanted", f"{at}/recipient")
    return name
