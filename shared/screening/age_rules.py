"""What rules of programmes may know of an identity, and which ages are no slip."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from shared.events.topics.people import Identity
from shared.screening.findings import Findings

_BORN = "/data/identity/birth_date"


def check_identity(identity: Identity, kinds: Iterable[str], findings: Findings, today: date) -> dict[str, Any]:
    """What rules of programmes need of it: the year of birth (never the day) and the sex. `kinds`: that are wanted."""
    born = identity.birth_date
    if born > today.isoformat()[: len(born)]:
        findings.add("date-in-future", _BORN)
    else:
        check_age(born, kinds, _BORN, findings, today)
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
