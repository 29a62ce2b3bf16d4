"""Who somebody is: what is read of it, what is set aside, and the little that rules may see of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from services.intake.domain.findings import Findings
from services.intake.domain.phone_numbers import readable
from shared.events.topics.people import Identity
from shared.reference import Pack
from shared.screening.text_rules import hides, shows

OPTIONAL = frozenset({"phone", "email", "address"})  # what cannot be read of these refuses nobody
_AT = "/data/identity"


def check_identity(identity: Identity, kinds: Iterable[str], findings: Findings, today: date) -> dict[str, Any]:
    """What rules of programmes need of it: the year of birth (never the day) and the sex. `kinds`: that are wanted.
    What cannot be read is set aside with a warning."""
    born = identity.birth_date
    if born > today.isoformat()[: len(born)]:
        findings.add("date-in-future", f"{_AT}/birth_date")
    else:
        check_age(born, kinds, f"{_AT}/birth_date", findings, today)
    for name in sorted(unreadable(identity, findings.pack)):
        findings.warn("not-readable", f"{_AT}/{name}")
    return {"year_of_birth": int(born[:4]), "sex": identity.sex}


def check_age(born: str, kinds: Iterable[str], field: str, findings: Findings, today: date) -> None:
    """Somebody who is surely too young or too old for one of the kinds is a slip, or must not be placed there.

    `born`: as in an identity; of a year alone people are given both ages that they may have.
    """
    years, rest, day = today.year - int(born[:4]), born[4:], today.isoformat()[4:]
    least = years - (day < rest + "-12-31"[len(rest) :])
    most = years - (day < rest + "-01-01"[len(rest) :])
    for kind in kinds:
        bounds = findings.pack.age_bounds(kind, today)
        if bounds is not None and (most < bounds.least or least > bounds.most):
            findings.add("age-outside", field, kind=kind, age_min=bounds.least, age_max=bounds.most)
            return


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
