"""Three families of invented labour markets. They differ in where people live, in how much profiles and adverts say, in
how titles are written, and in what makes an opening good: a matcher that is good in one of them only has learned that
one."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Family(NamedTuple):
    """``homes``, ``works``: shares of Gyeonggi and of Seoul, the rest is the rest of the country. ``says``: how many of
    the wishes that a profile could say it does say, as a factor. ``other_code``: share of adverts under a neighbouring
    code. ``job_site_titles``: share of titles in the words of a job site, not of the occupation's list. ``lodges``: who
    would live in a dormitory. ``km_minutes``: minutes a kilometre by public transport. ``spread``: of pay between
    adverts of a trade. ``taste``: what makes an opening good: a `sum` of its sides, their `product` (one bad side
    spoils it), or above all a short `way`."""

    name: str
    homes: tuple[float, float]
    works: tuple[float, float]
    says: float
    other_code: float
    job_site_titles: float
    lodges: float
    km_minutes: float
    spread: float
    taste: Literal["sum", "product", "way"]


FAMILIES = (
    Family("balanced", (0.42, 0.25), (0.32, 0.2), 1.0, 0.15, 0.0, 0.12, 2.1, 0.14, "sum"),
    Family("provinces", (0.2, 0.05), (0.2, 0.1), 0.75, 0.3, 0.7, 0.25, 1.6, 0.18, "product"),
    Family("capital", (0.5, 0.42), (0.45, 0.45), 1.3, 0.1, 0.4, 0.05, 2.4, 0.11, "way"),
)
