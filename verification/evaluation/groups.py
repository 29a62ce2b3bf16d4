"""By which groups of people figures are told apart. Every band of a grouping is told, the middle ones too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from verification.evaluation.truth import Seeker

AGES = ((30, "below_30"), (45, "30_to_44"), (60, "45_to_59"), (200, "from_60"))
SCHOOLS = ((2, "middle_school"), (3, "high_school"), (4, "college"), (9, "university"))
"""The borders of the service's own reports; schooling up to this level."""
WISHED = 0.5  # an interest from here on is a wish


def _age(seeker: Seeker) -> str:
    return next(name for below, name in AGES if seeker.age < below)


def _school(seeker: Seeker) -> str:
    return next(name for most, name in SCHOOLS if seeker.education <= most)


def _region(seeker: Seeker) -> str:
    return {"41": "gyeonggi", "11": "seoul"}.get(seeker.region[:2], "other_provinces")


def wished(seeker: Seeker) -> str:
    """The first digit of the occupation that somebody says they want most, else of their first interest."""
    known = [one for one in seeker.shown.occupations if one.interest >= WISHED]
    codes = [max(known, key=lambda one: one.interest).code] if known else list(seeker.shown.counselling.interests)
    return f"wish_{codes[0].partition(':')[2][0]}" if codes else "wish_not_said"


GROUPINGS: Mapping[str, Callable[[Seeker], str]] = {
    "sex": lambda seeker: "women" if seeker.woman else "men",
    "age": _age,
    "education": _school,
    "region": _region,
    "childcare": lambda seeker: "childcare" if seeker.childcare else "no_childcare",
    "kinds": lambda seeker: "jobs_only" if len(seeker.kinds) == 1 else "more_than_jobs",
    "wish": wished,
}


def groups_of(seeker: Seeker) -> Mapping[str, str]:
    """By grouping the group of somebody."""
    return {name: of(seeker) for name, of in GROUPINGS.items()}
