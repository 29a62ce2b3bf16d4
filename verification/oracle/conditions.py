"""The hard conditions of docs/matching.md, written down a second time: plainly, from that page and the pack alone.

Nothing of the service is used here. A function of a pair answers "yes", "no" or "ask"; the table below has them in the
order of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from shared.events.topics.opportunities import Opportunity
from verification.oracle import commute
from verification.oracle.pair import ROUNDING, Answer, Pair


def last_day(opening: Opportunity) -> date | None:
    if opening.closes is not None:
        return opening.closes
    return None if opening.until_filled else opening.starts


def active(pair: Pair) -> Answer:
    return "yes" if pair.person.status == "active" else "no"


def consent(pair: Pair) -> Answer:
    days = [each.until for each in pair.person.consents if each.purpose == "matching"]
    return "yes" if days and max(days) >= pair.today else "no"


def open_(pair: Pair) -> Answer:
    last = last_day(pair.opening)
    return "yes" if pair.opening.status == "open" and (last is None or last >= pair.today) else "no"


def places(pair: Pair) -> Answer:
    return "no" if pair.opening.places == 0 else "yes"


def kind(pair: Pair) -> Answer:
    wants = pair.person.wants
    if wants is None or not wants.kinds:
        return "ask"
    return "yes" if pair.opening.kind in wants.kinds else "no"


def minimum_wage(pair: Pair) -> Answer:
    pay = pair.hourly()
    if not pair.paid or pay is None:
        return "yes"
    legal = pair.pack.wage_floor(pair.today)
    if legal is None:
        return "ask"
    return "yes" if pay[0] >= legal * (1 - ROUNDING) else "no"


def dates(pair: Pair) -> Answer:
    first = pair.person.wants.start if pair.person.wants else None
    begins = pair.opening.starts
    if first is None or begins is None:
        return "yes"
    year, month = (int(part) for part in first.split("-"))
    return "yes" if (year, month) <= (begins.year, begins.month) else "no"


def excluded_employer(pair: Pair) -> Answer:
    wants, employer = pair.person.wants, pair.opening.employer
    if wants is None or not wants.not_to:
        return "yes"
    if employer is None or not employer.number:
        return "ask" if pair.paid else "yes"
    excluded = [_plain(mark.removeprefix("employer:")) for mark in wants.not_to]
    return "no" if _plain(employer.number) in excluded else "yes"


def _plain(number: str) -> str:
    return number.replace("-", "").casefold()


def certificate(pair: Pair) -> Answer:
    missing = [code for code in pair.opening.certificates if code not in pair.person.certificates]
    if not missing:
        return "yes"
    return "ask" if pair.blank else "no"


def education(pair: Pair) -> Answer:
    wanted, held = pair.opening.rules.education_min, pair.person.education
    least = (pair.pack.education_rank(wanted) or 0) if wanted else 0
    if least == 0:
        return "yes"
    rank = pair.pack.education_rank(held) if held else None
    if not rank:  # "asks for nothing" says nothing of a person
        return "ask"
    return "yes" if rank >= least else "no"


def sex(pair: Pair) -> Answer:
    rule, own = pair.opening.rules.sex, pair.person.sex
    if rule is None or rule == own:
        return "yes"
    return "ask" if own is None else "no"


def age(pair: Pair) -> Answer:
    rules, born = pair.opening.rules, pair.person.year_of_birth
    if rules.age_min is None and rules.age_max is None:
        return "yes"
    if born is None:
        return "ask"
    begins = pair.opening.starts or pair.today
    year = max(begins, pair.today).year
    low = 0 if rules.age_min is None else rules.age_min
    high = 10_000 if rules.age_max is None else rules.age_max
    fits = [low <= years <= high for years in (year - born, year - born - 1)]
    if all(fits):
        return "yes"
    return "ask" if any(fits) else "no"


def income(pair: Pair) -> Answer:
    limit, own = pair.opening.rules.income_max_percent_of_median, pair.person.situation.income_percent_of_median
    if limit is None:
        return "yes"
    if own is None:
        return "ask"
    return "yes" if own <= limit else "no"


def jobless(pair: Pair) -> Answer:
    if not pair.opening.rules.jobless:
        return "yes"
    known = pair.person.situation.jobless
    if known is None:
        return "ask"
    return "yes" if known else "no"


def region(pair: Pair) -> Answer:
    areas, home = pair.opening.rules.residence, pair.person.residence
    if not areas:
        return "yes"
    if home is None or not pair.pack.known(home):
        return "ask"
    if any(pair.pack.lies_in(home, area) for area in areas):
        return "yes"
    return "ask" if any(pair.pack.lies_in(area, home) for area in areas) else "no"


def licence(pair: Pair) -> Answer:
    data = pair.pack.matching
    parts: list[Answer] = []
    for code in pair.opening.rules.licences:
        if code in data.own_car:
            continue
        proofs = (code, *data.licence_certificates.get(code, ()))
        if any(proof in pair.person.certificates for proof in proofs):
            continue
        if code in data.driving_licences:
            parts.append(_as_said(pair.drives))
        else:
            provable = code in data.licence_certificates
            parts.append("no" if provable and pair.drives is False else "ask")
    if pair.needs_car:
        parts.append(_as_said(pair.car))
    if "no" in parts:
        return "no"
    return "ask" if "ask" in parts else "yes"


def _asks_for_more_than_permits(pair: Pair) -> bool:
    """Whether a car or a licence that certificates could prove is asked about."""
    data = pair.pack.matching
    if pair.needs_car and pair.car is None:
        return True
    for code in pair.opening.rules.licences:
        proofs = data.licence_certificates.get(code, ())
        driving = code in data.driving_licences
        if any(proof in pair.person.certificates for proof in (code, *proofs)):
            continue
        if code not in data.own_car and ((driving and pair.drives is None) or (proofs and not driving)):
            return True
    return False


def _as_said(known: bool | None) -> Answer:
    if known is None:
        return "ask"
    return "yes" if known else "no"


def _times(pair: Pair) -> set[str]:
    """The plain times of day at which the person can work; empty: not said."""
    wants = pair.person.wants
    return set() if wants is None else {plain for code in wants.shifts for plain in pair.pack.means(code)}


def shifts(pair: Pair) -> Answer:
    own, answer = _times(pair), _shifts_as_stated(pair)
    return "ask" if answer == "yes" and not only_in_title(pair) <= own else answer


def only_in_title(pair: Pair) -> set[str]:
    """Times out of the ordinary that the title names and no field states."""
    usual = set(pair.pack.matching.ordinary_shifts)
    if all(pair.pack.means(code) <= usual for code in pair.opening.shifts):
        return set(pair.pack.times_named(pair.opening.title)) - usual
    return set()


def _shifts_as_stated(pair: Pair) -> Answer:
    own = _times(pair)
    if not own:
        usual = set(pair.pack.matching.ordinary_shifts)
        return "yes" if all(pair.pack.means(code) <= usual for code in pair.opening.shifts) else "ask"
    stated = [pair.pack.means(code) for code in pair.opening.shifts]
    if not stated:
        return "ask" if pair.paid else "yes"
    fitting = [needed for needed in stated if needed and needed <= own]
    failing = [needed for needed in stated if needed and not needed <= own]
    if len(fitting) == len(stated):
        return "yes"
    return "no" if len(failing) == len(stated) else "ask"


def hours(pair: Pair) -> Answer:
    bounds = pair.person.wants.hours_per_week if pair.person.wants else None
    if bounds is None:
        return "yes"
    low, high = bounds.min or 0, bounds.max or 10_000
    stated = pair.opening.hours_per_week
    if stated is not None:
        return "yes" if low <= stated <= high else "no"
    full = pair.pack.wages.working_time.hours_per_week
    return "yes" if not pair.paid or low <= full <= high else "ask"


def legal_hours(pair: Pair) -> Answer:
    most, stated = pair.pack.wages.working_time.most_hours_per_week, pair.opening.hours_per_week
    return "ask" if pair.paid and most is not None and stated is not None and stated > most else "yes"


def wage_floor(pair: Pair) -> Answer:
    floor = pair.person.wants.wage_min if pair.person.wants else None
    if floor is None or floor.currency != pair.pack.currency or not pair.paid:
        return "yes"
    pay = pair.hourly()
    if pay is None:
        return "ask"
    # what one unit of money a period is an hour, at the hours of this opening: so the floor becomes one an hour
    hours = (pair.opening.hours_per_week, pair.opening.hours_per_day)
    needed = floor.amount * pair.pack.hourly(1, floor.per, *hours) * (1 - ROUNDING)
    if pay[0] >= needed:
        return "yes"
    return "ask" if pay[1] >= needed else "no"


def said_no_times(pair: Pair) -> bool:
    """Paid work of which neither side says a time of day."""
    return pair.paid and not _times(pair) and not pair.opening.shifts


def why_asked(pair: Pair, name: str) -> str:
    """Where the pack may say by reason how often a question is answered yes: that reason."""
    if name == "shifts":
        if not _times(pair):
            return "unusual"
        if not only_in_title(pair) <= _times(pair):
            return "title"
        return "some" if pair.opening.shifts else ""
    if name == "needs":
        return "" if any(_against_work(pair, code) for code in pair.person.counselling.needs) else "way"
    if name == "licence":
        return "" if _asks_for_more_than_permits(pair) else "permit"
    if name == "usual-certificate":
        drivers = any(code in pair.pack.matching.driving_licences for code in usually_needed(pair))
        return "driving" if drivers and pair.drives is None else ""
    if name == "education":
        return str(pair.pack.education_rank(pair.opening.rules.education_min or ""))
    if name == "wage-floor":
        return "between" if pair.hourly() is not None else ""
    return commute.why_asked(pair) if name == "commute" else ""


def usual_certificate(pair: Pair) -> Answer:
    usual = usually_needed(pair)
    if not usual:
        return "yes"
    data = pair.pack.matching
    for code in usual:
        if code in data.driving_licences and pair.drives:
            return "yes"
        if any(proof in pair.person.certificates for proof in (code, *data.licence_certificates.get(code, ()))):
            return "yes"
    worked = [known.code for known in pair.person.occupations if known.months > 0]
    group = _group(pair, pair.opening.occupation or "")
    return "yes" if any(_group(pair, code) == group for code in worked) else "ask"


def usually_needed(pair: Pair) -> tuple[str, ...]:
    """Of paid work whose advert speaks of no certificate or licence: those of which one is usually needed."""
    opening = pair.opening
    said = (*opening.certificates, *opening.certificates_wanted, *opening.rules.licences)
    if said or not pair.paid:
        return ()
    return pair.pack.matching.usual_certificates.get(_group(pair, opening.occupation or ""), ())


def _group(pair: Pair, occupation: str) -> str:
    """Among the groups of which the pack says what is usually needed the longest around this occupation."""
    path, found = pair.pack.occupations.path, ""
    for group in pair.pack.matching.usual_certificates:
        inside = path(occupation).startswith(path(group)) if path(occupation) else False
        if inside and (not found or len(path(group)) > len(path(found))):
            found = group
    return found


def already_held(pair: Pair) -> Answer:
    if pair.opening.kind not in pair.pack.matching.learning_kinds:
        return "yes"
    named = [code for code, well in pair.pack.named("skill", pair.opening.title) if well == 1]
    named = [code for code in named if code in pair.pack.codes("certificate")]
    return "ask" if named and all(code in pair.person.certificates for code in named) else "yes"


def experience(pair: Pair) -> Answer:
    needed, work = pair.opening.rules.experience_months, pair.opening.occupation
    if not needed:
        return "yes"
    if pair.blank:
        return "ask"
    related = pair.pack.matching.related_occupation
    months = 0
    for known in pair.person.occupations:
        if work is None or pair.pack.occupation_nearness(known.code, work) >= related:
            months += known.months
    return "yes" if months >= needed else "no"


def employment(pair: Pair) -> Answer:
    wanted = pair.person.wants.employment if pair.person.wants else ()
    if not wanted or not pair.paid:
        return "yes"
    return "yes" if pair.opening.employment in wanted else "ask"


def needs(pair: Pair) -> Answer:
    return "ask" if any(_against(pair, code) for code in pair.person.counselling.needs) else "yes"


def _against(pair: Pair, need: str) -> bool:
    rule = pair.pack.matching.needs.get(need)
    if rule is None:
        return False
    minutes = pair.minutes()
    wish = pair.person.wants.commute_minutes if pair.person.wants else None
    most = rule.commute_minutes_max
    too_far = most is not None and minutes is not None and wish is not None and most < minutes <= wish
    return (too_far and not commute.lodges(pair)) or _against_work(pair, need)


def _against_work(pair: Pair, need: str) -> bool:
    rule, opening = pair.pack.matching.needs.get(need), pair.opening
    if rule is None:
        return False
    if rule.no_car and pair.needs_car:
        return True
    parts = {part for code in opening.shifts for part in pair.pack.means(code)} | only_in_title(pair)
    if parts.intersection(rule.shifts_not):
        return True
    strength = pair.pack.work_strength(opening.occupation) if opening.occupation else None
    return rule.strength_max is not None and strength is not None and strength > rule.strength_max


CONDITIONS: dict[str, Callable[[Pair], Answer]] = {
    "active": active,
    "consent": consent,
    "open": open_,
    "places": places,
    "kind": kind,
    "minimum-wage": minimum_wage,
    "dates": dates,
    "excluded-employer": excluded_employer,
    "certificate": certificate,
    "education": education,
    "sex": sex,
    "age": age,
    "income": income,
    "jobless": jobless,
    "region": region,
    "licence": licence,
    "shifts": shifts,
    "hours": hours,
    "legal-hours": legal_hours,
    "wage-floor": wage_floor,
    "commute": commute.answer,
    "experience": experience,
    "usual-certificate": usual_certificate,
    "already-held": already_held,
    "employment": employment,
    "needs": needs,
}


def answers(pair: Pair) -> Iterator[tuple[str, Answer]]:
    """The answers in the order of the page; lazily, for a no ends most pairs early."""
    return ((name, condition(pair)) for name, condition in CONDITIONS.items())
