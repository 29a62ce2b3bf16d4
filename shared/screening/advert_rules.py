"""The rules that an advert has to keep, and what of it the bus may carry."""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.events.advert_dates import wrong_dates
from shared.events.topics.opportunities import JobAtDoor, ProgrammeAtDoor
from shared.screening.findings import Findings
from shared.screening.wage_plausibility import Hours, check_wage

JOB = "job"  # the kind of everything that comes as a job event; other kinds are data of the pack
_RESOLVED = {
    "certificates": "certificate",
    "certificates_wanted": "certificate",
    "courses_wanted": "course",
    "teaches": "course",
}


def advert_of(data: JobAtDoor | ProgrammeAtDoor, findings: Findings, today: date) -> dict[str, Any]:
    """The fields of the bus's Opportunity that the advert decides; what is wrong is added to `findings`."""
    _check_codes(data, findings)
    findings.refusals += wrong_dates(data, today)
    if data.rules.age_min is not None and data.rules.age_max is not None and data.rules.age_max < data.rules.age_min:
        findings.add("numbers-in-wrong-order", "/data/rules/age_max")
    kind = JOB
    if isinstance(data, ProgrammeAtDoor):
        kind = data.kind
        kinds = [known for known in findings.pack.kinds if known != JOB]
        if kind not in kinds:
            findings.add("unknown-kind", "/data/kind", kinds=", ".join(kinds))
    if data.wage is not None:
        hours = Hours(data.hours_per_week, data.hours_per_day)
        check_wage(data.wage, hours, findings, max(today, data.starts or today), floor=kind == JOB)
    found = {**vars(data), "kind": kind}
    del found["reference"]
    number = None if data.employer is None else data.employer.number
    if number is not None and not findings.pack.employer_number_fits(number):
        findings.warn("employer-number-doubtful", "/data/employer/number")
    for name, field in _RESOLVED.items():
        if found[name]:
            found[name] = findings.titles(field, found[name], f"/data/{name}")
    return found


def _check_codes(data: JobAtDoor | ProgrammeAtDoor, findings: Findings) -> None:
    findings.code("occupation", data.occupation, "/data/occupation")
    findings.code("industry", data.industry, "/data/industry")
    findings.code("region", data.region, "/data/region")
    findings.code("employment", data.employment, "/data/employment")
    findings.codes("shift", data.shifts, "/data/shifts")
    findings.codes("benefit", data.benefits, "/data/benefits")
    findings.codes("strength", data.strengths, "/data/strengths")
    findings.codes("licence", data.rules.licences, "/data/rules/licences")
    findings.codes("region", data.rules.residence, "/data/rules/residence")
    findings.code("education", data.rules.education_min, "/data/rules/education_min")
