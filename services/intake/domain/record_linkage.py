"""Record linkage: whether two portals' adverts are of one vacancy: the same, different, or so near that an operator
has to say.

What has to agree is the employer (by number, where both give one, else by name), the place, the occupation's unit group
and the pay. Where anything that both say differs (hours, shift, kind of employment, a number or a part of the day in
the title) they are no longer taken for the same: to tell one vacancy twice costs little, to lose one costs a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, Literal

from shared.reference.title_folding import folded

Verdict = Literal["same", "doubtful", "different"]
ALIKE = 0.6  # of the shingles of two titles that are taken for the same
SURE = 0.9  # where only one of them gives the employer's number
NEAR = 0.35  # and that are worth a question
PAY = 0.02  # by so much two figures of one wage may differ: rounding, an hour's pay made a month's
SHINGLE = 2  # signs: most words of a Korean title have two to four
UNIT = 4  # digits of an occupation that name its unit group
_FORMS = re.compile(
    r"주식회사|유한회사|유한책임회사|\(주\)|㈜|\(유\)|\(사\)|\bco\.?,?\s*ltd\.?|\binc\.?", re.IGNORECASE
)
_APART = re.compile(
    r"[0-9]+|[A-Za-z](?=\s*(?:조|팀|동|공장|호점|점))|주간|야간|오전|오후|새벽|주말|평일|단기|시간제|파트"
)
_YEARLY = {"hour": 12 * 209, "day": 12 * 26, "month": 12, "year": 1}


@dataclass(frozen=True)  # no slots: `lookup_keys` is kept beside the fields
class Facts:
    """What of an advert is compared; all of it is public."""

    title: str
    occupation: str
    region: str
    number: str = ""
    name: str = ""
    per: str = ""
    minimum: int = 0
    maximum: int = 0
    employment: str = ""
    hours: int = 0
    shifts: tuple[str, ...] = ()

    @staticmethod
    def of(advert: Mapping[str, Any]) -> Facts | None:
        """Of the fields of a job; None when it names no employer or place: then nothing can be told."""
        employer, wage = advert.get("employer"), advert.get("wage")
        occupation, region = advert.get("occupation"), advert.get("region")
        if employer is None or not occupation or not region:
            return None
        number = _digits(employer.number) if employer.number else ""
        name = _plain(employer.name)
        if not (number or name):
            return None
        return Facts(
            title=advert["title"],
            occupation=occupation,
            region=region,
            number=number,
            name=name,
            per="" if wage is None else wage.per,
            minimum=0 if wage is None else wage.minimum,
            maximum=0 if wage is None else wage.maximum or 0,
            employment=advert.get("employment") or "",
            hours=advert.get("hours_per_week") or 0,
            shifts=tuple(sorted(advert.get("shifts") or ())),
        )

    @staticmethod
    def kept_in(document: Mapping[str, Any]) -> Facts:
        """Back from `document`."""
        return Facts(**{**document, "shifts": tuple(document["shifts"])})

    def values(self) -> tuple[Any, ...]:
        """One after the other."""
        return _values(self)

    def document(self) -> dict[str, Any]:
        """As they are stored."""
        return document_of(self.values())

    @cached_property
    def lookup_keys(self) -> tuple[str, ...]:
        """Under what others that may be the same are found: by number and by name, each with place and unit group."""
        where = f"{self.region}/{_unit(self.occupation)}"
        named = (("number", self.number), ("name", self.name))
        return tuple(f"{kind}/{value}/{where}" for kind, value in named if value)


_NAMES = tuple(field.name for field in fields(Facts))
_values: Callable[[Facts], tuple[Any, ...]] = attrgetter(*_NAMES)


def document_of(values: tuple[Any, ...]) -> dict[str, Any]:
    """Of the `values` of facts their document."""
    found = dict(zip(_NAMES, values, strict=True))
    found["shifts"] = list(found["shifts"])
    return found


def compared(one: Facts, other: Facts) -> Verdict:
    """Symmetric; of adverts that share a key."""
    if one.region != other.region or _unit(one.occupation) != _unit(other.occupation):
        return "different"
    if one.number and other.number:
        if one.number != other.number:
            return "different"
    elif one.name != other.name:
        return "different"
    likeness = _likeness(one.title, other.title)
    if likeness < NEAR or _both_said(one.employment, other.employment) or _both_said(one.hours, other.hours):
        return "different"
    if _both_said(one.shifts, other.shifts) or _apart(one.title) != _apart(other.title):
        return "doubtful" if _same_pay(one, other) and likeness >= ALIKE else "different"
    if not _same_pay(one, other):
        return "doubtful" if likeness >= ALIKE else "different"
    by_name_alone = bool(one.number) != bool(other.number)
    return "same" if likeness >= (SURE if by_name_alone else ALIKE) else "doubtful"


@lru_cache(4_096)  # a portal says the same few thousand employers again and again; their names are public
def _plain(name: str) -> str:
    return folded(_FORMS.sub("", name))


@lru_cache(4_096)
def _digits(number: str) -> str:
    return "".join(filter(str.isdigit, number))


def _unit(occupation: str) -> str:
    scheme, _, code = occupation.partition(":")
    return code[:UNIT] if scheme.startswith(("work24", "keco")) else occupation


def _both_said(one: object, other: object) -> bool:
    """Whether both say something, and not the same."""
    return bool(one) and bool(other) and one != other


def _same_pay(one: Facts, other: Facts) -> bool:
    """The least of both, as that of a year: the same within `PAY`; and the most, where both name one."""

    def near(first: float, second: float) -> bool:
        return abs(first - second) <= PAY * max(first, second)

    if not (one.per and other.per):
        return False
    least = [facts.minimum * _YEARLY[facts.per] for facts in (one, other)]
    most = [facts.maximum * _YEARLY[facts.per] for facts in (one, other)]
    return near(*least) and (not all(most) or near(*most))


def _apart(title: str) -> frozenset[str]:
    """What tells two vacancies of one employer apart: numbers, letters of a shift or plant, parts of the day."""
    return frozenset(found.upper() for found in _APART.findall(title))


def _likeness(one: str, other: str) -> float:
    """How many of the shingles of the shorter title stand in the other, and of the longer at least half as many: a
    portal adds a place or a call to apply."""
    first, second = _shingles(one), _shingles(other)
    shared, few, many = len(first & second), *sorted((len(first), len(second)))
    return shared / few if few and shared * 3 >= many else 0.0


def _shingles(title: str) -> frozenset[str]:
    plain = folded(title)
    return frozenset(plain[at : at + SHINGLE] for at in range(max(1, len(plain) - SHINGLE + 1)))
