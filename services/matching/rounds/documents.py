"""A round as it is stored."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired, TypedDict

from services.matching.domain.cohort_assignment import Parts
from services.matching.domain.disclosure_control import GroupBy

RoundState = Literal["computing", "proposed", "confirmed", "failed"]


class TermsDocument(TypedDict):
    """What was asked of it (`domain.cohort_assignment.Terms`), and by what groups are compared."""

    guarantee: float
    floor: float
    floor_cost: float
    group_by: GroupBy


class AssignedDocument(TypedDict):
    """``best``: the fit of the best opening of the round for this person alone."""

    person: str
    opportunity: str
    fit: float
    best: float


class WaitingDocument(TypedDict):
    """Somebody who has nothing, and why."""

    person: str
    why: str


class GroupDocument(TypedDict):
    """Of one group of at least ten: how many, their mean benefit, how far that is under the floor."""

    group: str
    people: int
    mean: float
    lacks: float


class UnderDocument(TypedDict):
    """The sum under none of the terms, one alone, or both; how much less that is than under none (None: not worked out
    in its time), and the solver's seconds."""

    terms: Parts
    benefit: float
    costs: float | None
    seconds: float


class ResultDocument(TypedDict):
    """What was worked out. ``model``: of the weights; ``as_of``: the day, as text. Rounds of before terms were told of
    have none."""

    assigned: list[AssignedDocument]
    waiting: list[WaitingDocument]
    groups: list[GroupDocument]
    terms: NotRequired[list[UnderDocument]]
    benefit: float
    bound: float
    optimum: float
    greedy: float
    first_come: float
    model: str
    as_of: str


class FixedDocument(TypedDict):
    """Decided by hand: this opening for this person; None: they wait."""

    person: str
    opportunity: str | None


class PairDocument(TypedDict):
    """Decided by hand: not this opening for this person."""

    person: str
    opportunity: str


class PlacesDocument(TypedDict):
    """``places`` None: as many as the opening says."""

    opportunity: str
    places: int | None


class RoundDocument(TypedDict):
    """People by our own id, in the order in which they were named. ``version`` counts what was asked; ``tries``: how
    often it was begun to work it out since; ``claimed_until``: nobody else begins before; ``benefit_before``: of the
    result that stood before the last change by hand."""

    _id: str
    agency: str
    state: RoundState
    version: int
    asked: datetime
    terms: TermsDocument
    people: list[str]
    openings: list[PlacesDocument]
    fixed: list[FixedDocument]
    excluded: list[PairDocument]
    tries: int
    claimed_until: datetime
    benefit_before: NotRequired[float | None]
    result: NotRequired[ResultDocument]
