"""What an invented market holds besides jobs: internships, trainings, start-up support and consulting of social
enterprises. Who wants them, how they look on the bus, and how good they are in truth.

Everything is drawn apart from the people and the jobs, so that these stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from shared.events.topics.opportunities import Opportunity
from verification.evaluation.trades import TRADES, Trade

SHARE = 0.15  # as many programmes as this share of the jobs
KINDS: Mapping[str, tuple[float, float]] = {  # by kind: who wants it, and its share of the programmes
    "training": (0.4, 0.5),
    "internship": (0.25, 0.26),
    "startup-support": (0.1, 0.12),
    "consulting": (0.07, 0.12),
}
TITLES: Mapping[str, Sequence[str]] = {
    "training": ("{work} 양성과정", "{course} 국비과정 모집", "[{area}] {work} 직업훈련 제{n}기"),
    "internship": ("{work} 인턴", "{area} {work} 일경험 참여자 모집", "북한이탈주민 {work} 인턴십"),
    "startup-support": ("창업 지원 프로그램 {n}기", "{area} 소상공인 창업 교육", "{work} 창업 컨설팅"),
    "consulting": ("사회적기업 컨설팅 참여기업 모집", "{area} 마을기업 인큐베이팅"),
}


def wanted_kinds(seed: str, number: int) -> frozenset[str]:
    """Which kinds a person wants besides jobs."""
    random = Random(f"{seed}/kinds/{number}")
    return frozenset(kind for kind, (chance, _) in KINDS.items() if random.random() < chance)


def drawn(random: Random) -> tuple[str, Trade]:
    """The kind of a programme, and its trade."""
    [kind] = random.choices(list(KINDS), [share for _, share in KINDS.values()])
    [trade] = random.choices([trade for trade in TRADES if not trade.elementary])
    return kind, trade


def as_shown(job: Opportunity, kind: str, trade: Trade, words: Mapping[str, str], random: Random) -> Opportunity:
    """The programme on the bus: what programmes say is less than what jobs do. ``job``: a job of the same trade."""
    title = random.choice(TITLES[kind]).format(n=random.randint(1, 9), **words)
    paid = kind == "internship"
    changes: dict[str, Any] = {
        "opportunity": f"{random.getrandbits(128):032x}",
        "kind": kind,
        "title": title[:120],
        "occupation": job.occupation if paid or random.random() < 0.2 else None,
        "region": job.region if random.random() < 0.85 else None,
        "wage": job.wage.model_copy(update={"minimum": 2_160_000, "maximum": None}) if paid and job.wage else None,
        "employment": None,
        "hours_per_week": 40 if paid else None,
        "shifts": job.shifts if paid else (),
        "benefits": (),
        "certificates": (),
        "certificates_wanted": (),
        "courses_wanted": (),
        "strengths": (),
        "teaches": (f"ncs-2026:{trade.course}",) if kind == "training" and random.random() < 0.7 else (),
    }
    if random.random() < 0.4:
        changes["starts"] = job.closes + timedelta(days=20) if job.closes else None
    rules = {"licences": (), "education_min": None}
    return job.model_copy(update={**changes, "rules": job.rules.model_copy(update=rules)})


def value(kind: str, liked: float, way: float, *, known: bool, values: tuple[float, float, float]) -> float:
    """How good a programme is for who wants its kind: a training by the trade and by what it teaches that is new, an
    internship as a job that pays little and leads on, the rest by somebody's own leaning."""
    _, for_more, for_own = values
    if kind == "training":
        return 0.4 * liked * (0.3 if known else 1.0) + 0.2 * way + 0.25 * for_more
    if kind == "internship":
        return 0.4 * liked + 0.2 * way + 0.15 * for_more
    return 0.15 * liked + 0.15 * way + 0.4 * for_own
