"""What could be changed so that a pair may match, and whether it really would: tried on the pair before it is said.

A change is applied to the person or the opening as the contract has them, and the pair is assessed anew: nothing here
knows a second time when a condition says no. What nobody should be asked to change (age, sex, where somebody lives, an
employer that a person ruled out) has no change, and what nobody would do (three hours of way, half the pay, a car
without a licence, nights for who cares for a child) is not proposed: `plausible_changes` of the pack says how far.
Without a live consent nothing is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from itertools import combinations, islice
from math import ceil, floor
from typing import Literal, NamedTuple, TypeVar

from services.matching.domain.assessment import Assessment, assess_pair
from services.matching.domain.condition_answer import NO
from services.matching.domain.conditions.qualification import lacks
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import Experience, HoursPerWeek, Person, Wants
from shared.reference import Pack
from shared.reference.matching_data import PlausibleChanges

What = Literal[
    "kind", "commute", "shifts", "hours", "wage", "start", "certificate", "licence", "car", "education",
    "experience", "places", "pay",
]  # fmt: skip
MOST_TRIED = 600  # sets of changes: all of at most three of some fifteen; beyond nothing is said
MARGIN = 1e-9


class Change(NamedTuple):
    """One thing that somebody could do. ``codes``: which certificate, shift, ...; ``number``: minutes, an amount,
    hours, months."""

    what: What
    codes: tuple[str, ...] = ()
    number: int = 0


class Opening(NamedTuple):
    """Plausible changes after which the pair may match, tried, and no part of them is enough; ``changes`` None: there
    are none.

    ``by_condition``: of each condition that says no what it needs, as far as anything plausible helps it.
    ``too_weak``: each of them can be helped, and even then the fit lies below the threshold.
    """

    changes: tuple[Change, ...] | None
    by_condition: Mapping[str, tuple[Change, ...]]
    too_weak: bool = False


def what_opens(person: Person, opportunity: Opportunity, pack: Pack, today: date) -> Opening:
    """For a pair of which at least one condition says no."""
    now = assess_pair(person, opportunity, pack, today)
    candidates = {name: tuple(_CHANGES[name](now, opportunity)) for name in _refusing(now) if name in _CHANGES}

    def tried(changes: Iterable[Change]) -> Assessment:
        return assess_pair(*applied(person, opportunity, changes), pack, today)

    def helps(name: str) -> Callable[[Assessment], bool]:
        return lambda then: name not in _refusing(then)

    by_condition, most = {}, now.context.pack.matching.plausible_changes.most
    for name, own in candidates.items():
        found = _smallest(own, tried, helps(name), most)
        if found is not None:
            by_condition[name] = found
    if by_condition.keys() != _refusing(now):
        return Opening(None, by_condition)
    every = tuple(dict.fromkeys(change for own in candidates.values() for change in own))
    found = _smallest(every, tried, _matches, most)
    if found is not None:
        return Opening(found, by_condition)
    together = tuple(dict.fromkeys(change for own in by_condition.values() for change in own))
    return Opening(None, by_condition, tried(together).state != "no" and not _matches(tried(together)))


def _matches(then: Assessment) -> bool:
    return then.state != "no" and then.fit >= then.context.pack.matching.threshold


def _refusing(assessment: Assessment) -> set[str]:
    return {one.condition.name for one in assessment.answers if one.answer is NO}


def _smallest(
    candidates: tuple[Change, ...],
    tried: Callable[[Iterable[Change]], Assessment],
    is_open: Callable[[Assessment], bool],
    most: int,
) -> tuple[Change, ...] | None:
    sets = (some for size in range(1, most + 1) for some in combinations(candidates, size))
    return next((some for some in islice(sets, MOST_TRIED) if is_open(tried(some))), None)


# --- what each condition could need


def _bounds(now: Assessment) -> PlausibleChanges:
    return now.context.pack.matching.plausible_changes


def _kind(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    yield Change("kind", (opportunity.kind,))


def _commute(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    bounds, limit = _bounds(now), now.person.commute_wish or now.person.usual_way
    minutes = now.context.minutes_of(now.person, opportunity.region)
    if minutes is not None and minutes <= min(bounds.way_minutes, bounds.way_times * limit):
        yield Change("commute", number=minutes)
    if now.person.car is False and now.person.driving:
        yield Change("car")


def _shifts(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    parts = frozenset[str]().union(*now.opening.shifts) - now.person.shifts
    if not any(parts.intersection(rule.shifts_not) for _, rule in now.person.needs):
        yield Change("shifts", tuple(sorted(parts)))


def _hours(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    hours, low, high = now.opening.hours, now.person.hours_min, now.person.hours_max
    if hours is not None and max((low or hours) - hours, hours - (high or hours)) <= _bounds(now).hours:
        yield Change("hours", number=hours)


def _wage(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    wish, most = now.person.floor, now.opening.hourly_max
    if wish is not None and most is not None:
        hour = now.context.pack.hourly(1, wish.per, now.opening.hours, now.opening.hours_per_day)
        amount = floor(most / hour * (1 + MARGIN))
        if amount >= wish.amount * (1 - _bounds(now).pay_cut) and most >= (now.context.minimum_hourly or 0):
            yield Change("wage", number=amount)


def _start(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    if now.opening.starts is not None:
        yield Change("start", (f"{now.opening.starts:%Y-%m}",))


def _certificate(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    missing = now.opening.certificates - now.person.certificates
    if len(missing) <= _bounds(now).certificates:
        yield Change("certificate", tuple(sorted(missing)))


def _licence(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    if now.person.driving is False:
        if now.opening.needs_driving or now.opening.needs_car:  # a car that is there is of use then
            yield Change("licence")
        lacking = [code for code in now.opening.other_licences if lacks(code, now.person, now.context)]
        if lacking:
            yield Change("certificate", tuple(lacking))
    if now.person.car is False and now.person.driving and now.opening.needs_car:
        yield Change("car")


def _education(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    own, wanted = now.person.education, opportunity.rules.education_min
    if wanted is not None and own is not None and now.opening.education - own <= _bounds(now).education_steps:
        yield Change("education", (wanted,))


def _experience(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    needed, work = opportunity.rules.experience_months, opportunity.occupation
    if needed and work is not None and needed <= _bounds(now).experience_months:
        yield Change("experience", (work,), needed)


def _places(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    yield Change("places", number=1)


def _pay(now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    least, wage = now.context.minimum_hourly, now.opening.wage
    if least is not None and wage is not None:
        hour = now.context.pack.hourly(1, wage.per, now.opening.hours, now.opening.hours_per_day)
        yield Change("pay", number=ceil(least / hour * (1 - MARGIN)))


_CHANGES: Mapping[str, Callable[[Assessment, Opportunity], Iterator[Change]]] = {
    "kind": _kind,
    "commute": _commute,
    "shifts": _shifts,
    "hours": _hours,
    "wage-floor": _wage,
    "dates": _start,
    "certificate": _certificate,
    "licence": _licence,
    "education": _education,
    "experience": _experience,
    "places": _places,
    "minimum-wage": _pay,
}


def changes_for(condition: str, now: Assessment, opportunity: Opportunity) -> Iterator[Change]:
    """What somebody could plausibly do so that this condition, which says no, says it no longer; not tried yet."""
    return _CHANGES[condition](now, opportunity) if condition in _CHANGES else iter(())


# --- as the contract has it


def applied(person: Person, opportunity: Opportunity, changes: Iterable[Change]) -> tuple[Person, Opportunity]:
    """Both as they would be."""
    for change in changes:
        if change.what == "places":
            opportunity = opportunity.model_copy(update={"places": change.number})
        elif change.what == "pay" and (wage := opportunity.wage) is not None:
            most = None if wage.maximum is None else max(wage.maximum, change.number)
            raised = wage.model_copy(update={"minimum": change.number, "maximum": most})
            opportunity = opportunity.model_copy(update={"wage": raised})
        else:
            person = changed(person, change)
    return person, opportunity


def changed(person: Person, change: Change) -> Person:
    """The person after something of their own."""
    codes, number = change.codes, change.number
    match change.what:
        case "licence":
            return person.model_copy(update={"has": person.has.model_copy(update={"driving_licence": True})})
        case "car":
            return person.model_copy(update={"has": person.has.model_copy(update={"car": True})})
        case "certificate":
            return person.model_copy(update={"certificates": (*person.certificates, *codes)})
        case "education":
            return person.model_copy(update={"education": codes[0]})
        case "experience":
            known = Experience(code=codes[0], months=number, interest=0.0)
            return person.model_copy(update={"occupations": (*person.occupations, known)})
        case _:
            wants = person.wants
            return person if wants is None else person.model_copy(update={"wants": _wanted(wants, change)})


def _wanted(wants: Wants, change: Change) -> Wants:
    codes, number, hours, least = change.codes, change.number, wants.hours_per_week, wants.wage_min
    update: dict[str, object] = {}
    match change.what:
        case "kind":
            update["kinds"] = _with(wants.kinds, codes)
        case "commute":
            update["commute_minutes"] = number
        case "shifts":
            update["shifts"] = _with(wants.shifts, codes)
        case "start":
            update["start"] = codes[0]
        case "hours" if hours is not None:
            low, high = (
                None if end is None else pick(end, number) for end, pick in ((hours.min, min), (hours.max, max))
            )
            update["hours_per_week"] = HoursPerWeek(min=low, max=high)
        case "wage" if least is not None:
            update["wage_min"] = least.model_copy(update={"amount": number})
    return wants.model_copy(update=update)


_T = TypeVar("_T")


def _with(first: tuple[_T, ...], more: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys((*first, *more)))
