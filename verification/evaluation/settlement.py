"""A fourth family of worlds, of another design than the three of `world.py`: households that need a month's pay,
employers that post several adverts, profiles and adverts that say much or little as a whole, and people who look at two
sides of an opening that matter to them.

Written from the facts of the field alone and committed before the matcher was tried on it; nothing is ever chosen or
fitted on it. What it shares with the other families is the shape of events and where regions lie.

- A profile comes from a hand-over of the training centre (courses, no wishes), a short interview, or a full
  counselling; what one does not ask is missing as a whole. Who typed months alone left interest at its default.
- An advert comes in full, or from a list (no times, no benefits, no contract, what is required not said).
- A way to work is by car or by public transport, at night only by car; people with children have hours to be back.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from shared.events.topics.opportunities import Opportunity
from shared.reference import Pack
from verification.evaluation.settlement_people import Household, household
from verification.evaluation.settlement_setting import (
    INDUSTRIES,
    LEGAL_HOUR,
    PROGRAMMES,
    ROLES,
    STRENGTHS,
    TIMES,
    Industry,
    Places,
    Point,
    Programme,
    Role,
    Time,
)
from verification.evaluation.truth import TODAY, Offer, World

RURAL_WORK = 0.12
IN_FULL = 0.6
PROGRAMMES_SHARE = 0.12
TITLES = ("{w}", "{w} 모집", "[{p}] {w} 구인", "{w} 채용 ({h}시간)", "{p} {w} 급구!!", "직원 구함")


@dataclass(frozen=True, kw_only=True)
class Post(Offer):
    """``role``: None for what leads to no role; ``needs``: what the employer insists on, said or not."""

    place: Point
    role: str | None
    time: Time
    pay: float
    steady: float
    schooling: int
    certificate: str | None
    months: int
    drives: bool
    programme: Programme | None = None


class Settlement(World):
    """Households and posts of one seed."""

    name = "settlement"

    def __init__(self, pack: Pack, seed: int, people: int, adverts: int) -> None:
        self.pack, self.seed = pack, f"settlement/{seed}"
        self._places = Places()
        self._codes = {name: self._occupation(role) for name, role in ROLES.items()}
        self._homes: list[Household] = [
            household(self.seed, number, pack, self._places, self._codes) for number in range(people)
        ]
        random, posts, firm = Random(f"{self.seed}/firms"), list[Post](), 0
        while len(posts) < adverts:
            posts += self._firm(firm, random)
            firm += 1
        del posts[adverts:]
        random = Random(f"{self.seed}/programmes")
        posts += [self._offered(firm + n, random) for n in range(round(PROGRAMMES_SHARE * adverts))]
        self._posts = posts
        self.workers, self.adverts = self._homes, self._posts

    def _occupation(self, role: Role) -> str:
        code = f"work24-2024-occupation:{role.unit}00"
        found = sorted(one for one in self.pack.codes("occupation") if one.startswith(code[:-2]))
        return code if code in found else found[0]

    # --- employers

    def _firm(self, number: int, random: Random) -> list[Post]:
        [industry] = random.choices(INDUSTRIES, [one.share for one in INDUSTRIES])
        region, place = self._places.drawn(random, RURAL_WORK)
        large, in_full = random.random() < industry.size, random.random() < IN_FULL
        far = tuple(random.random() < chance * (1.5 if large else 0.7) for chance in industry.far)
        level = random.lognormvariate(0.04 if large else -0.02, 0.1)
        posts = []
        for n in range(random.randint(1, industry.posts)):
            post = self._post(industry, number * 10 + n, (region, place), (far[0], far[1]), level, large, random)
            shown = self._advert(post, number, industry, in_full, random)
            posts.append(Post(**{**post.__dict__, "shown": shown}))
            if random.random() < 0.08:  # the same once more, as agencies do
                again = shown.model_copy(update={"opportunity": f"{random.getrandbits(128):032x}"})
                posts.append(Post(**{**post.__dict__, "shown": again}))
        return posts

    @staticmethod
    def _post(
        industry: Industry, group: int, at: tuple[str, Point], far: tuple[bool, bool], level: float, large: bool,
        random: Random,
    ) -> Post:  # fmt: skip
        [name] = random.choices(list(industry.roles), list(industry.roles.values()))
        role = ROLES[name]
        [time] = random.choices([TIMES[t] for t in industry.times], list(industry.times.values()))
        if role.schooling >= 3 and time.shifts != ("day",):
            time = TIMES["office"]
        hourly = max(LEGAL_HOUR, role.pay * 10_000 / 209 * level * random.lognormvariate(0, 0.08))
        hourly *= 1.12 if "night" in time.shifts or time.turns else 1.0
        return Post(
            shown=Opportunity(opportunity="0" * 32, owner="gjf", kind="job", status="open", title="-"), region=at[0],
            place=at[1], group=group, elementary=role.elementary, lodging=far[0], bus=far[1], role=name, time=time,
            pay=hourly * time.hours * 209 / 40, steady=0.6 * (random.random() < 0.55) + 0.4 * large,
            schooling=role.schooling, certificate=role.certificate if random.random() < role.strict else None,
            months=random.choice([6, 12, 24]) if random.random() < role.months else 0, drives=role.drives,
        )  # fmt: skip

    def _advert(self, post: Post, firm: int, industry: Industry, in_full: bool, random: Random) -> Opportunity:
        role = ROLES[post.role or ""]
        code: str | None = self._codes[post.role or ""]
        if random.random() < 0.12:
            code = self._codes[random.choice(list(industry.roles))]
        elif random.random() < 0.08:
            code = None
        where = self.pack.label(f"legal-dong-2026:{post.region}", "ko")
        word = random.choice(role.words)
        title = random.choice(
            ["{w}", "{w} 모집", "[{p}] {w} 구인", "{w} 채용 ({h}시간)", "{p} {w} 급구!!", "직원 구함"]
        )
        wage: dict[str, Any] = {"per": "month", "minimum": -(-round(post.pay) // 10_000) * 10_000, "currency": "KRW"}
        if post.time.hours < 35 or random.random() < 0.25:
            wage = {"per": "hour", "minimum": max(LEGAL_HOUR, round(post.pay * 40 / 209 / post.time.hours, -1))}
            wage["currency"] = "KRW"
        if random.random() < 0.3:
            wage["maximum"] = round(wage["minimum"] * random.uniform(1.03, 1.2), -1)
        certificate = self.pack.find("certificate", role.certificate) if role.certificate else None
        required = post.certificate is not None and (in_full or random.random() < 0.4)
        liked = certificate is not None and post.certificate is None and in_full and random.random() < 0.6
        steady = 10 if post.steady >= 0.6 else 20
        benefits = [code for code, there in (("01", post.lodging), ("02", post.bus)) if there]
        return Opportunity.model_validate(
            {
                "opportunity": f"{random.getrandbits(128):032x}", "owner": "gjf", "kind": "job", "status": "open",
                "title": title.format(w=word, p=where, h=post.time.hours)[:120], "occupation": code,
                "employer": {"name": f"{industry.name} {firm}", "number": f"{firm % 1000:03d}-11-{firm:05d}"},
                "region": f"legal-dong-2026:{post.region}",
                "employment": f"work24-2024-employment:{steady + (post.time.hours < 35)}" if in_full else None,
                "wage": wage if random.random() < (0.97 if in_full else 0.88) else None,
                "hours_per_week": post.time.hours if in_full or random.random() < 0.4 else None,
                "shifts": [f"kr-gyeonggi-1:{shift}" for shift in post.time.shifts] if in_full else [],
                "benefits": [f"work24-2024-welfare:{code}" for code in benefits] if in_full else [],
                "places": random.choice([1, 1, 2, 3, None]),
                "closes": (TODAY + timedelta(days=random.randint(5, 60))).isoformat(),
                "certificates": [certificate] if required and certificate else [],
                "certificates_wanted": [certificate] if liked else [],
                "strengths": [f"kr-gyeonggi-1:{random.choice(STRENGTHS)}"] if in_full and random.random() < 0.3 else [],
                "rules": {
                    "licences": ["kr-gyeonggi-1:driving-licence"] if post.drives and in_full else [],
                    "education_min": f"work24-2024-education:0{post.schooling}" if post.schooling else None,
                    "experience_months": post.months if post.months and in_full else None,
                },
            },
            strict=False,
        )  # fmt: skip

    def _offered(self, group: int, random: Random) -> Post:
        programme = random.choice(PROGRAMMES)
        region, place = self._places.drawn(random, 0.0)
        while programme.area is not None and region[:2] != programme.area[:2]:
            region, place = self._places.drawn(random, 0.0)
        paid, role = programme.kind == "internship", ROLES.get(programme.role or "")
        time = TIMES["office"] if paid else TIMES[random.choice(["morning", "lunch", "office"])]
        rules: dict[str, Any] = {"residence": [f"legal-dong-2026:{programme.area}"] if programme.area else []}
        if programme.sex:
            rules["sex"] = programme.sex
        if programme.ages:
            rules["age_min"], rules["age_max"] = programme.ages
        shown = Opportunity.model_validate(
            {
                "opportunity": f"{random.getrandbits(128):032x}", "owner": "gjf", "kind": programme.kind,
                "status": "open", "title": f"{programme.title} {random.randint(1, 9)}기",
                "employer": {"name": f"provider {group % 17}"},
                "occupation": self._codes[programme.role] if programme.role and random.random() < 0.3 else None,
                "region": None if programme.online or random.random() < 0.1 else f"legal-dong-2026:{region}",
                "wage": {"per": "month", "minimum": 2_160_000, "currency": "KRW"} if paid else None,
                "hours_per_week": 40 if paid else None,
                "shifts": ["kr-gyeonggi-1:day"] if random.random() < 0.5 else [],
                "closes": (TODAY + timedelta(days=random.randint(5, 60))).isoformat(),
                "teaches": [f"ncs-2026:{programme.teaches}"] if programme.teaches and random.random() < 0.7 else [],
                "rules": rules,
            },
            strict=False,
        )  # fmt: skip
        return Post(
            shown=shown, region=region, place=place, group=group * 10, elementary=bool(role and role.elementary),
            kind=programme.kind, role=programme.role, time=time, pay=2_160_000 if paid else 0.0, steady=0.2,
            schooling=0, certificate=None, months=0, drives=False, programme=programme,
        )  # fmt: skip

    # --- the truth

    def utilities(self, worker: int) -> list[float]:
        """Of all posts for one household."""
        home = self._homes[worker]
        return [self._worth(home, post) for post in self._posts]

    @staticmethod
    def minutes(home: Household, post: Post) -> float:
        """One way, by what the household has."""
        (lat, lon), (to_lat, to_lon) = home.place, post.place
        road = 2 + 1.3 * math.hypot((lat - to_lat) * 111, (lon - to_lon) * 88)
        if home.car:
            return 7 + 1.25 * road
        return 12 + 1.9 * road if home.region[:2] in ("11", "28", "41") else 14 + 2.1 * road

    def hindrance(self, worker: int, advert: int) -> str | None:
        """Why it cannot be."""
        return self._hindrance(self._homes[worker], self._posts[advert])

    def _hindrance(self, home: Household, post: Post) -> str | None:
        minutes, lives_there, role = *self._way(home, post), ROLES.get(post.role or "")
        programme = post.programme
        job, online = (role, False) if programme is None else (None, programme.online)
        needed = post.certificate and self.pack.find("certificate", post.certificate)
        pays = post.pay >= (0.97 if job else 0.9) * home.need or not (job or post.kind == "internship")
        tried = (
            ("kind", post.kind in home.kinds),
            ("times", lives_there or online or self._in_time(home, post, minutes)),
            ("pay", pays),
            ("certificate", not needed or needed in home.certificates),
            ("driving", home.drives or not post.drives),
            ("education", post.schooling <= home.education),
            ("experience", job is None or self._months(home, job) >= post.months),
            ("rule", programme is None or self._by_rule(home, programme)),
            ("load", job is None or job.load <= home.strength + 0.3),
            ("way", lives_there or minutes <= home.limit * (1.4 if post.bus else 1.1)),
        )
        return next((name for name, holds in tried if not holds), None)

    def _way(self, home: Household, post: Post) -> tuple[float, bool]:
        """Minutes one way, and whether the household would rather live there."""
        minutes = 0.0 if post.programme is not None and post.programme.online else self.minutes(home, post)
        return minutes, minutes > home.limit and post.lodging and home.alone and not home.childcare

    def _worth(self, home: Household, post: Post) -> float:
        if self._hindrance(home, post) is not None:
            return 0.0
        minutes, lives_there = self._way(home, post)
        role = ROLES.get(post.role or "")
        likes = home.likes[post.role] if post.role else 0.5
        sides = {
            "liking": likes,
            "way": 0.45 if lives_there else max(0.0, 1 - minutes / (1.1 * home.limit)),
            "pay": 1 - math.exp(-2.5 * max(0.0, post.pay / home.need - 1)) if post.pay else 0.4,
            "ease": 1 - max(0.0, (role.load if role else 2.0) - 1) / 4,
            "steady": post.steady,
        }
        if post.kind == "training":
            sides["steady"] = 0.2 if role and role.course in home.known else 0.8
        leading, second = (sides[name] for name in home.sides)
        noise = zlib.crc32(f"{home.whim}/{post.group // 10}".encode()) / 2**32
        worth = 0.6 * min(leading, second) + 0.25 * sum(sides.values()) / len(sides) + 0.15 * noise
        return max(0.001, worth)

    @staticmethod
    def _by_rule(home: Household, programme: Programme) -> bool:
        """Whether a programme's rules let the household in."""
        here = programme.area is None or home.region[:2] == programme.area[:2]
        sex = programme.sex is None or (programme.sex == "female") == home.woman
        return here and sex and (programme.ages is None or programme.ages[0] <= home.age <= programme.ages[1])

    @staticmethod
    def _months(home: Household, role: Role) -> int:
        """Of work in the same group of occupations."""
        return sum(months for name, months in home.months.items() if ROLES[name].unit[:2] == role.unit[:2])

    @staticmethod
    def _in_time(home: Household, post: Post, minutes: float) -> bool:
        """Work and way within the hours there are; at night nothing runs."""
        time, way = post.time, minutes / 60
        if time.hours > home.most_hours + 2:
            return False
        if time.turns or time.ends > 24:
            return home.at_night and (home.car or minutes <= 40 or post.bus)
        return time.begins - way >= home.window[0] - 0.5 and time.ends + way <= home.window[1] + 0.25
