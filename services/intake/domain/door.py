"""The rules of each door type that need no store: from data to the features the bus may carry, or to findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from services.intake.domain.agencies import check_agency
from services.intake.domain.consents import check_given
from services.intake.domain.findings import Findings
from services.intake.domain.opportunities import advert_of
from services.intake.domain.profiles import features_of
from shared.events.classes import Model
from shared.events.topics.agencies import Agency
from shared.events.topics.opportunities import JobAtDoor, ProgrammeAtDoor
from shared.events.topics.people import ConsentGivenAtDoor, PersonAtDoor, PersonUpdatedAtDoor

Features = Mapping[str, Any]


def features(data: Model, findings: Findings, today: date) -> Features:
    """What the event says, as far as the bus may carry it; empty for types that only point at something.

    What is wrong is added to `findings`; then the result must not be used.
    """
    rule = _RULES.get(type(data))
    return {} if rule is None else rule(data, findings, today)


def _arrival(data: PersonAtDoor, findings: Findings, today: date) -> Features:
    check_given(data.consents, findings, today)
    return features_of(data, findings, today)


def _given(data: ConsentGivenAtDoor, findings: Findings, today: date) -> Features:
    check_given(data.consents, findings, today)
    return {}


def _agency(data: Agency, findings: Findings, _: date) -> Features:
    check_agency(data, findings)
    return {}


_RULES: Mapping[type[Model], Callable[[Any, Findings, date], Features]] = {
    PersonAtDoor: _arrival,
    PersonUpdatedAtDoor: features_of,
    ConsentGivenAtDoor: _given,
    JobAtDoor: advert_of,
    ProgrammeAtDoor: advert_of,
    Agency: _agency,
}
