"""The factors of docs/matching.md, written down a second time: plainly, from that page and the pack alone."""

from __future__ import annotations

from collections.abc import Callable

from verification.oracle.conditions import Pair, answers

DIGITS = 6
UNKNOWN = 0.5


def between(value: float, low: float, high: float) -> float:
    return max(0.0, min(1.0, (value - low) / (high - low)))


def occupation(pair: Pair) -> float | None:
    work, person = pair.opening.occupation, pair.person
    wanted = [known for known in person.occupations if known.interest > 0]
    interests = person.counselling.interests
    if work is None or not (wanted or interests):
        return None
    found = [0.0]
    for known in wanted:
        wish = known.interest if known.interest < 0.5 else 0.5 + 0.5 * known.interest
        pull = min(1.0, wish * (1 + 0.2 * min(known.months / 24, 1.0)))
        found.append(pair.pack.occupation_nearness(known.code, work) * pull)
    for group in interests:
        near = pair.pack.occupation_nearness(group, work)
        inside = pair.pack.occupations.path(work).startswith(pair.pack.occupations.path(group))
        found.append((near + 1) / 2 if near > 0 and inside else near)
    return max(found)


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
    return pair.pack.hourly(pair.pack.average_wage.amount, pair.pack.average_wage.per)


def commute(pair: Pair) -> float | None:
    minutes, data = pair.minutes(), pair.pack.matching
    if minutes is None:
        return None
    wish = pair.person.wants.commute_minutes if pair.person.wants else None
    return max(0.0, 1 - 0.8 * minutes / (wish or data.usual_commute_minutes))


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


def certainty(pair: Pair) -> float | None:
    value = 1.0
    for name, answer in answers(pair):
        if answer == "ask":
            value *= pair.pack.matching.answered_yes.get(name, UNKNOWN)
    return value


FACTORS: dict[str, Callable[[Pair], float | None]] = {
    "certainty": certainty,
    "commute": commute,
    "growth": growth,
    "occupation": occupation,
    "skills": skills,
    "wage": wage,
}


def contributions(pair: Pair) -> dict[str, float]:
    """What each factor adds, six digits each."""
    weights = dict(pair.pack.weights)
    if pair.person.wants is not None and not pair.person.wants.growth:
        del weights["growth"]
    whole = sum(weights[name] for name in sorted(weights))
    found: dict[str, float] = {}
    for name in sorted(weights):
        value = FACTORS[name](pair)
        found[name] = round(weights[name] / whole * (UNKNOWN if value is None else value), DIGITS)
    return found
