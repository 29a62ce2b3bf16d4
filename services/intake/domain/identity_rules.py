"""Who somebody is: what is read of it, and what is set aside."""

from __future__ import annotations

from collections.abc import Mapping

from services.intake.domain.phone_numbers import readable
from shared.events.topics.people import Identity
from shared.reference import Pack
from shared.screening.findings import Findings
from shared.screening.text_rules import hides, shows

OPTIONAL = frozenset({"phone", "email", "address"})  # what cannot be read of these refuses nobody


def set_aside(identity: Identity, findings: Findings) -> None:
    """With a warning, what cannot be read."""
    for name in sorted(unreadable(identity, findings.pack)):
        findings.warn("not-readable", f"/data/identity/{name}")


def unreadable(identity: Identity, pack: Pack) -> frozenset[str]:
    """The optional fields that were given and cannot be read."""
    given = frozenset(name for name in OPTIONAL if getattr(identity, name) is not None)
    return given - values_of(identity, pack).keys()


def values_of(identity: Identity, pack: Pack) -> Mapping[str, str]:
    """Every field of the identity as it is kept; absent ones left out, and what cannot be read."""
    phone = None if identity.phone is None else readable(identity.phone, pack.manifest.phones)
    found = {
        "name": identity.name,
        "birth_date": identity.birth_date,
        "sex": identity.sex,
        "phone": phone,
        "email": _mail(identity.email),
        "address": _line(identity.address),
    }
    return {name: value for name, value in found.items() if value is not None}


def _mail(given: str | None) -> str | None:
    """An address of the form that nearly all have; whether it exists only a message would tell."""
    plain = _line(given)
    if plain is None or " " in plain:
        return None
    name, at, host = plain.rpartition("@")
    return plain if at and name and host and "@" not in name else None


def _line(given: str | None) -> str | None:
    return given.strip() if given is not None and shows(given) and not hides(given) else None
