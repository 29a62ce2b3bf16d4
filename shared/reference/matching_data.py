"""What a pack says for matching: numbers of the ranking, how questions come out, what codes mean."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from math import isclose
from typing import Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from shared.reference.models import Data, Share


class NeedRule(Data):
    """What an advert must not say for a need to be met; a need without any rule asks nothing of an advert.

    usual_commute_minutes: with this need a longer way is asked about where the person states no wish.
    """

    shifts_not: tuple[str, ...] = ()
    strength_max: float | None = Field(default=None, ge=1, le=5)
    commute_minutes_max: int | None = Field(default=None, gt=0)
    usual_commute_minutes: int | None = Field(default=None, gt=0)
    no_car: bool = False


class CongestionData(Data):
    """How openings that stand in many lists give way to others. share_of_mean: of the lists that the mean opening
    stands in, how many one is meant for (at least one) for each of its places; step: of score, in the first round, for
    each list more, as a share of those it is meant for; rounds: at most; most: of score, at most."""

    share_of_mean: Share
    step: Share
    rounds: int = Field(gt=0, le=200)
    most: Share


class UsualFloor(Data):
    """Pay from so many times the legal floor on, and the share of people whose own floor it meets."""

    times: float = Field(ge=1)
    share: Share


class PlausibleChanges(Data):
    """What "why not" may propose that somebody changes. most: things at once; way_times, way_minutes: a way up to so
    many times the wish, or the usual way, and never longer than that; pay_cut: share of the own floor; hours: a week
    more or less; experience_months; education_steps: ranks of schooling; certificates: at once.
    """

    most: int = Field(default=3, gt=0)
    way_times: float = Field(default=1.5, ge=1)
    way_minutes: int = Field(default=90, gt=0)
    pay_cut: Share = 0.15
    hours: int = Field(default=10, ge=0)
    experience_months: int = Field(default=12, ge=0)
    education_steps: int = Field(default=1, ge=0)
    certificates: int = Field(default=2, ge=0)


class Approver(Data):
    """A member of the committee that answers for the model, as the operator writes it."""

    role: str = Field(min_length=1)
    name: str = Field(min_length=1)


class Approval(Data):
    """Whether a committee stands behind the numbers. status: `proposal`, by nobody but who wrote them; approved_by,
    approved_on: who approved them, and when; valid_from: from the turn of which day they decide (None: a proposal that
    decides as long as nothing else is there); fairness_report: the SHA-256 of the report of a shadow run that lies
    beside them and was before the committee.
    """

    status: Literal["proposal", "approved"]
    approved_by: Approver | None
    approved_on: date | None
    valid_from: date | None
    fairness_report: str | None = Field(pattern="^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _approved_by_somebody(self) -> Self:
        said = (self.approved_by, self.approved_on)
        if self.status == "proposal" and said != (None, None):
            raise ValueError("a proposal is approved by nobody: approved_by and approved_on are null")
        if self.status == "approved" and None in (*said, self.valid_from, self.fairness_report):
            raise ValueError("what is approved says approved_by, approved_on, valid_from and fairness_report")
        if self.approved_on is not None and self.valid_from is not None and self.valid_from < self.approved_on:
            raise ValueError("valid_from lies before approved_on: nothing decides before it is approved")
        return self

    def approved_for(self, day: date) -> bool:
        """Whether they are approved to decide on this day."""
        return self.status == "approved" and self.valid_from is not None and self.valid_from <= day


class Ranking(Approval):
    """`ranking.json`: the numbers of the ranking. weights: of each factor; weights_version: kept with every result.

    best_of_person: how many openings stand as matches of one person, at most; chosen_from: from how many of their best
    these are chosen; first_places: so many of them are the best of what is at least as likely to be possible as
    likely_from, where how likely counts so much more as surely says; where there are none, least_of_person others
    stand; alike_within: of adverts that are nearly the same each person is shown another one, of those whose score is
    so near to the best of them; lot: so much a person's lot moves an opening behind the first places, at most, so that
    people who are alike do not all turn to the same; most_of_employer, most_of_kind: of one employer, of a kind;
    best_of_opportunity: how many people one opening is shown with when it is asked for; threshold: the lowest fit (the
    score without certainty) that is kept; bands: the lowest score of each.
    related_occupation: the nearness from which experience counts for a rule. way_out_reach: up to how many times the
    wish a way is asked about where there is lodging or a commuter bus. unsaid: by factor what counts where an advert
    does not say it. congestion: None: nothing gives way because many look at it.
    """

    weights_version: str = Field(min_length=1)
    weights: Mapping[str, Share]
    threshold: Share
    best_of_person: int = Field(gt=0)
    chosen_from: int = Field(gt=0)
    likely_from: Share = 0.0
    surely: Share = 0.0
    first_places: int = Field(default=5, gt=0)
    least_of_person: int = Field(default=1, ge=0)
    alike_within: Share = 0.0
    lot: Share = 0.0
    most_of_employer: int = Field(gt=0)
    most_of_kind: Mapping[str, int] = Field(default_factory=dict)
    best_of_opportunity: int = Field(gt=0)
    bands: Mapping[str, Share]
    related_occupation: Share
    usual_commute_minutes: int = Field(gt=0)
    way_out_reach: float = Field(ge=1)
    unsaid: Mapping[str, Share] = Field(default_factory=dict)
    congestion: CongestionData | None = None
    plausible_changes: PlausibleChanges = PlausibleChanges()

    @field_validator("weights")
    @classmethod
    def _weights_are_one(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        if not isclose(sum(weights.values()), 1.0, abs_tol=1e-9):
            raise ValueError("weights must add up to 1")
        return weights

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        if self.chosen_from < self.best_of_person:
            raise ValueError("chosen_from is at least best_of_person")
        if set(self.bands) != {"high", "medium"} or self.bands["high"] <= self.bands["medium"]:
            raise ValueError("bands are 'high' and 'medium', high above medium")
        return self


class AnswerOdds(Data):
    """`answer_odds.json`: how often what nobody knows yet comes out well.

    answered_yes: by condition, or by condition and case ("commute.ask_bus"), how often its question is answered yes, or
    (a case without a question) how often what nobody said turns out so. usual_floors: of those who state no floor, how
    many have one that is met by pay from so many times the legal floor on; by rising times.
    """

    answered_yes: Mapping[str, Share]
    usual_floors: tuple[UsualFloor, ...] = ()

    @field_validator("usual_floors")
    @classmethod
    def _floors_rise(cls, floors: tuple[UsualFloor, ...]) -> tuple[UsualFloor, ...]:
        if [one.times for one in floors] != sorted(one.times for one in floors):
            raise ValueError("usual_floors rise")
        return floors


class CodeMeanings(Data):
    """`code_meanings.json`: what kinds and codes mean to matching.

    paid_kinds: kinds that are paid work (the wage floor holds for them); learning_kinds: kinds that teach;
    leading_kinds: kinds that lead to other work. licence_certificates: certificates that prove a licence.
    secure_employment: the contracts people strive for. ordinary_shifts: times of day that nobody has to be asked about.
    title_shifts: words of titles with the plain shifts they name, none for a longer word that means something else;
    title_benefits: words of titles with the benefits they name, likewise; title_shifts_not: words that take back a time
    or a benefit before them ("none").
    elementary: occupations that need no training. usual_certificates: of groups of occupations the certificates and
    licences of which one is usually needed there, none for a smaller group that needs none.
    leads_to: by course the groups of occupations that it is for.
    """

    paid_kinds: tuple[str, ...]
    learning_kinds: tuple[str, ...] = ()
    leading_kinds: tuple[str, ...] = ()
    ordinary_shifts: tuple[str, ...]
    title_shifts: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    title_benefits: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    title_shifts_not: tuple[str, ...] = ()
    elementary: tuple[str, ...] = ()
    usual_certificates: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    leads_to: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    lodging: tuple[str, ...] = ()
    commuter_bus: tuple[str, ...] = ()
    driving_licences: tuple[str, ...] = ()
    own_car: tuple[str, ...] = ()
    licence_certificates: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    secure_employment: tuple[str, ...] = ()
    needs: Mapping[str, NeedRule] = Field(default_factory=dict)

    def codes(self) -> Iterator[str]:
        """Every code it names, so that the loader can check that the pack knows it."""
        yield from (*self.lodging, *self.commuter_bus, *self.driving_licences, *self.own_car, *self.secure_employment)
        yield from (*self.ordinary_shifts, *self.elementary)
        for code, certificates in (*self.licence_certificates.items(), *self.usual_certificates.items()):
            yield from (code, *certificates)
        for course, occupations in self.leads_to.items():
            yield from (course, *occupations)
        for named in (*self.title_shifts.values(), *self.title_benefits.values()):
            yield from named
        for need, rule in self.needs.items():
            yield from (need, *rule.shifts_not)


class MatchingData(Ranking, AnswerOdds, CodeMeanings):
    """What the three files say, as one. A result names the version of all of it (`weights_version`)."""

    @property
    def digest(self) -> str:
        """Another word as soon as a weight or anything else is another. Who approved it, and from when on it decides,
        makes no other model of it."""
        said = self.model_dump(mode="json", exclude={"weights_version", *Approval.model_fields})
        return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=12).hexdigest()


class FairnessReport(BaseModel):
    """What of the report of a shadow run is held against the pack it lies in: the versions and the digests of the
    model before and after."""

    models: tuple[str, str]
    digests: tuple[str, str]
