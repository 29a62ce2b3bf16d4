"""The factors of docs/matching.md, written down a second time: plainly, from that page and the pack alone."""

from __future__ import annotations

from collections.abc import Callable
from math import isclose

from verification.oracle.commute import lodges, may_be_within, near_the_edge, usual_way, why_unsaid
from verification.oracle.conditions import answers, said_no_times, why_asked
from verification.oracle.pair import Pair

DIGITS = 6
UNKNOWN = 0.5


def between(value: float, low: float, high: float) -> float:
    return max(0.0, min(1.0, (value - low) / (high - low)))


def wished(pair: Pair, work: str) -> float | None:
    """How much the person's wishes speak for this work."""
    person, path = pair.person, pair.pack.occupations.path
    wanted = [known for known in person.occupations if known.interest > 0]
    interests = person.counselling.interests
    if not (wanted or interests):
        return None
    found = [0.0]
    for known in wanted:
        wish = known.interest if known.interest < 0.5 else 0.5 + 0.5 * known.interest
        pull = min(1.0, wish * (1 + 0.2 * min(known.months / 24, 1.0)))
        found.append(pair.pack.occupation_nearness(known.code, work) * pull)
    for group in interests:
        near = pair.pack.occupation_nearness(group, work)
        if near > 0 and path(work).startswith(path(group)):
            said = any(
                known.interest >= 0.5 and path(group) and path(known.code).startswith(path(group)) for known in wanted
            )
            near += (1 - near) * (0.25 if said else 0.5)
        found.append(near)
    return max(found)


def taught(pair: Pair) -> list[str]:
    """The groups of occupations that what it teaches is for."""
    leads_to = pair.pack.matching.leads_to
    return [group for code in pair.opening.teaches for group in leads_to.get(code, ())]


def named(pair: Pair) -> list[tuple[str, float]]:
    """The occupations that the title names, of a teaching one those that agree with what it teaches."""
    path, groups = pair.pack.occupations.path, taught(pair)
    found = pair.pack.named("occupation", pair.opening.title)
    return [one for one in found if not groups or any(path(one[0]).startswith(path(group)) for group in groups)]


def without_code(pair: Pair) -> float | None:
    """The most wished of the occupations that the title names, or else of what it teaches."""
    about = named(pair) or [(group, 1.0) for group in taught(pair)]
    found = [well * wish for code, well in about if (wish := wished(pair, code)) is not None]
    return max(found) if found else None


def occupation(pair: Pair) -> float | None:
    return without_code(pair) if pair.opening.occupation is None else wished(pair, pair.opening.occupation)


def title(pair: Pair) -> float | None:
    about = named(pair)
    if not about and pair.opening.occupation is not None:
        about = [(pair.opening.occupation, 1.0)]
    about = about or [(group, 1.0) for group in taught(pair)]
    found = [well * wish for code, well in about if (wish := wished(pair, code)) is not None]
    learned = {*pair.person.certificates, *(course.code for course in pair.person.courses)}
    found += [0.75 * well for code, well in pair.pack.named("skill", pair.opening.title) if code in learned]
    return max(found) if found else None


def wage(pair: Pair) -> float | None:
    pay, wants = pair.hourly(), pair.person.wants
    if not pair.paid or pay is None:
        return None
    low = float(pair.pack.wage_floor(pair.today) or 0)
    if wants is not None and wants.wage_min is not None and wants.wage_min.currency == pair.pack.currency:
        most = wants.hours_per_week.max if wants.hours_per_week else None
        low = max(low, pair.pack.hourly(wants.wage_min.amount, wants.wage_min.per, most))
    return between(pay[0], low, 1.25 * max(_average(pair), low))


def _average(pair: Pair) -> float:
    return pair.pack.hourly(pair.pack.wages.average.amount, pair.pack.wages.average.per)


def commute(pair: Pair) -> float | None:
    minutes = pair.minutes()
    if minutes is None:
        return None
    if lodges(pair):
        return 1.0
    wish = pair.person.wants.commute_minutes if pair.person.wants else None
    limit = wish or usual_way(pair)
    if minutes > limit and may_be_within(pair, limit):
        minutes = limit
    return max(0.0, 1 - 0.8 * minutes / limit)


def skills(pair: Pair) -> float | None:
    opening, person = pair.opening, pair.person
    sorts = [
        (2.0, {*opening.certificates, *opening.certificates_wanted}, set(person.certificates)),
        (1.0, set(opening.courses_wanted), {course.code for course in person.courses}),
        (0.5, set(opening.strengths), set(person.counselling.strengths)),
    ]
    asked = sum(weight * len(liked) for weight, liked, _ in sorts)
    if asked == 0:
        return None
    had = 0.0
    for weight, liked, there in sorts:
        had += weight * len(liked & there) if there else weight * len(liked) / 2
    return (had + 0.5 * 2) / (asked + 2)


def growth(pair: Pair) -> float | None:
    opening, pack = pair.opening, pair.pack
    if pair.paid:
        if beneath(pair):
            return 0.0
        parts: list[float] = []
        if opening.employment is not None:
            parts.append(1.0 if opening.employment in pack.matching.secure_employment else 0.25)
        strength = pack.work_strength(opening.occupation) if opening.occupation else None
        if strength is not None:
            parts.append(1 - between(strength, 1.0, 5.0))
        return sum(parts) / len(parts) if parts else None
    if opening.kind in pack.matching.learning_kinds and opening.teaches:
        known = {course.code for course in pair.person.courses}
        return 0.25 if set(opening.teaches) <= known else 0.75
    return None


def beneath(pair: Pair) -> bool:
    """Elementary paid work for somebody who learned a trade, wants growth weighed and does not wish it."""
    if not pair.paid:
        return False
    work, path = pair.opening.occupation, pair.pack.occupations.path
    wants = pair.person.wants
    if work is None or not (pair.person.certificates or pair.person.courses) or (wants and not wants.growth):
        return False
    if not any(path(work).startswith(path(code)) for code in pair.pack.matching.elementary):
        return False
    wish = wished(pair, work)
    return wish is None or wish < 0.5


def certainty(pair: Pair) -> float | None:
    value, shares = 1.0, pair.pack.matching.answered_yes
    for name, answer in answers(pair):
        if name == "wage-floor" and answer == "yes" and pair.paid:
            value *= floor_met(pair)
        elif name == "shifts" and answer == "yes" and said_no_times(pair):
            value *= shares.get("shifts.unsaid", 1.0)
        elif name == "commute" and lodges(pair):
            continue  # it is certain
        elif name == "commute" and answer == "yes" and pair.minutes() is None:
            value *= shares.get(f"commute.{why_unsaid(pair)}", 1.0)
        elif name == "commute" and answer == "yes":
            value *= shares.get(f"commute.{near_the_edge(pair)}", 1.0)
        elif answer == "ask":
            case = why_asked(pair, name)
            value *= shares.get(f"{name}.ask_{case}" if case else f"{name}.ask", shares.get(name, UNKNOWN))
    return value


def floor_met(pair: Pair) -> float:
    """Of those who state no floor, the share whose own is met by what this pays at least."""
    pay, legal = pair.hourly(), pair.pack.wage_floor(pair.today)
    wish = pair.person.wants.wage_min if pair.person.wants else None
    if (wish is not None and wish.currency == pair.pack.currency) or pay is None or legal is None:
        return 1.0
    steps = pair.pack.matching.usual_floors
    met = [one.share for one in steps if pay[0] / legal > one.times or isclose(pay[0] / legal, one.times)]
    return met[-1] if met else 0.0 if steps else 1.0


FACTORS: dict[str, Callable[[Pair], float | None]] = {
    "certainty": certainty,
    "commute": commute,
    "growth": growth,
    "occupation": occupation,
    "skills": skills,
    "title": title,
    "wage": wage,
}


def unsaid(pair: Pair) -> set[str]:
    """The factors of which the advert says nothing."""
    one, pack = pair.opening, pair.pack
    skills, about = pack.named("skill", one.title), one.occupation or named(pair) or taught(pair)
    found = set() if about else {"occupation", "title"}
    if skills:
        found.discard("title")
    if not pair.paid or pair.hourly() is None:
        found.add("wage")
    if one.region is None:
        found.add("commute")
    return found


def contributions(pair: Pair) -> dict[str, float]:
    """What each factor adds, six digits each."""
    weights = dict(pair.pack.weights)
    if pair.person.wants is not None and not pair.person.wants.growth:
        del weights["growth"]
    whole = sum(weights[name] for name in sorted(weights))
    found: dict[str, float] = {}
    for name in sorted(weights):
        value = FACTORS[name](pair)
        if value is None:
            value = pair.pack.matching.unsaid.get(name, UNKNOWN) if name in unsaid(pair) else UNKNOWN
        found[name] = round(weights[name] / whole * value, DIGITS)
    return found


def fit_of(pair: Pair, parts: dict[str, float]) -> float:
    """The sum without certainty, by the sum of the weights without it."""
    weights = dict(pair.pack.weights)
    if "growth" not in parts:
        del weights["growth"]
    whole = sum(weights[name] for name in sorted(weights))
    shares = {name: weight / whole for name, weight in weights.items() if name != "certainty"}
    return round(sum(parts[name] for name in sorted(shares)) / sum(shares[name] for name in sorted(shares)), DIGITS)
