"""From what an agency tells about a person to the features that matching may see."""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.events.topics.people import Course, PersonAtDoor, PersonUpdatedAtDoor, Profile
from shared.screening.age_rules import check_identity
from shared.screening.findings import Findings
from shared.screening.wage_plausibility import Hours, check_wish

LATEST_START_YEARS = 5  # from now until somebody wants to begin


def features_of(data: PersonAtDoor | PersonUpdatedAtDoor, findings: Findings, today: date) -> dict[str, Any]:
    """The fields of the bus's Person that a profile (and, where given, the identity) decides.

    Codes are checked against the pack and titles turned into codes; what is wrong is added to `findings`.
    """
    found = _profile(data, findings, today)
    if data.identity is not None:
        found |= check_identity(data.identity, data.wants.kinds, findings, today)
    return found


def _profile(data: Profile, findings: Findings, today: date) -> dict[str, Any]:
    at = "/data"
    findings.code("region", data.residence, f"{at}/residence")
    findings.code("education", data.education, f"{at}/education")
    findings.codes("interest", data.counselling.interests, f"{at}/counselling/interests")
    findings.codes("strength", data.counselling.strengths, f"{at}/counselling/strengths")
    findings.codes("need", data.counselling.needs, f"{at}/counselling/needs")
    for index, experience in enumerate(data.occupations):
        findings.code("occupation", experience.code, f"{at}/occupations/{index}/code")
    _check_wants(data, findings, today)
    return {
        "residence": data.residence,
        "education": data.education,
        "courses": _courses(data, findings, today),
        "counselling": data.counselling,
        "certificates": findings.titles("certificate", data.certificates, f"{at}/certificates"),
        "occupations": data.occupations,
        "wants": data.wants,
        "has": data.has,
        "situation": data.situation,
    }


def _check_wants(data: Profile, findings: Findings, today: date) -> None:
    at, wants = "/data/wants", data.wants
    for index, kind in enumerate(wants.kinds):
        if kind not in findings.pack.kinds:
            findings.add("unknown-kind", f"{at}/kinds/{index}", kinds=", ".join(findings.pack.kinds))
    findings.codes("employment", wants.employment, f"{at}/employment")
    findings.codes("shift", wants.shifts, f"{at}/shifts")
    for index, mark in enumerate(wants.not_to):  # the bus carries it: nothing else may stand there, a name least of all
        if (form := findings.pack.employer_number_form(mark.partition(":")[2])) is not None:
            findings.add("no-employer-number", f"{at}/not_to/{index}", example=f"employer:{form}")
    if wants.wage_min is not None:
        most = None if wants.hours_per_week is None else wants.hours_per_week.max
        check_wish(wants.wage_min, Hours(most), f"{at}/wage_min", findings, today)
    if wants.start is not None and wants.start > f"{today.year + LATEST_START_YEARS}-{today.month:02}":
        findings.add("date-too-far", f"{at}/from", days=LATEST_START_YEARS * 366)
    hours = wants.hours_per_week
    if hours is not None and hours.min is not None and hours.max is not None and hours.max < hours.min:
        findings.add("numbers-in-wrong-order", f"{at}/hours_per_week")


def _courses(data: Profile, findings: Findings, today: date) -> tuple[Course, ...]:
    found = []
    for index, course in enumerate(data.courses):
        at = f"/data/courses/{index}"
        if course.completed is not None and course.completed > f"{today:%Y-%m}":
            findings.add("date-in-future", f"{at}/completed")
        if course.ncs is None:
            code = findings.title("course", course.title, f"{at}/title")
        else:
            findings.code("course", course.ncs, f"{at}/ncs")
            code = course.ncs
        if code is not None:
            found.append(Course(code=code, hours=course.hours, completed=course.completed))
    return tuple(found)
