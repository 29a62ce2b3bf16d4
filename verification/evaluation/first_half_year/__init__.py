"""A family of worlds told as half-years: who applies, who is asked to come, who takes it, and who is still there.

Written by an author who had not read the matcher, its tests, its documents or the other families' stories, and knew
only the shape that the evaluation asks of a world. No number of the ranking was ever chosen on it; that is what it is
for. So nothing here may be changed to make a result better, and what a result teaches goes to another family first.

The truth of a pair (``story.py``) is no sum of weighted factors. Something may keep the two apart for good, often
something that neither side said: shift work, a car, lodging, a child to be fetched, no train at five. If nothing does,
there are four doors in a row, the first judged by its weakest link, the last month by month with risks that add up
(tiredness) or wear off (being new). Most of what decides is in no event: stamina, fear of being recognised, how far
one's speech is from that of the place, savings, a relative nearby, how long a way one bears, what one likes and can
already do; of a workplace its load, its boss, how colleagues take newcomers, how many others apply.

From public figures:

- women: 198 of the 224 who arrived in 2025, for those fresh from the settlement training centre; 75 % of all others
  (settlement survey 2024). A third live in Gyeonggi (agreement of 2021); there Hwaseong 647, Suwon 628, Ansan 564,
  Yongin 541, Bucheon 535 of 7,041 (2013/14), the other 26 share the rest evenly.
- bad health 35 % (survey 2024), more from 50 on; with children the woman is the main carer in 91.4 %, the man in 16.7 %
  (2024); speech makes looking for work hard for 70 % (2016); 32.1 % would rather have a business of their own (2017);
  floors of pay stand somewhat below women's mean of 224.2 and men's of 361.3 (10,000 won a month, 2025).
- why work ends, of women: health 37.5, childcare 24.8, study 13.9 % (2013, the newest found), kept in this order and
  within ten points. 64.8 % left within a year (2004), while in 2025 work lasted 40.1 months in the mean: of those who
  start here about four in ten leave within six months, nearer to the first, for most of them are new.
- ways: 24 minutes within the own si/gun, 48 to another in Gyeonggi (here: 15 km), 67 to Seoul (24 km; social survey of
  Gyeonggi 2023), for who has no car; elsewhere each kilometre takes longer.
- the least wage of 2026: 10,320 won an hour. Courses of the training centre, certificates that people leave with:
  public descriptions of its 22 taster classes. Manufacturing 20.5 to 23.7, food and lodging 13.7
  to 15.4, trade 10.7 % of work (2018 to 2020): about so many of the places that jobs are for.

From general knowledge, not read again: ages and schooling in the North (seven of ten left after high school), that many
women speak Chinese, who has a licence or a car. Invented: everything else, above all each number in ``story.py``, the
trades' pay and load, where adverts are (industry in the south-west of Gyeonggi, Seoul, Incheon and the industrial towns
of each province), firms, wording of titles, how much is left unsaid, that agencies post one place up to five times.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.reference import Pack
from verification.evaluation.first_half_year.adverts import Opening, openings
from verification.evaluation.first_half_year.people import Newcomer, newcomer
from verification.evaluation.first_half_year.story import hindrance, value
from verification.evaluation.truth import World


class FirstHalfYear(World):
    """Everything follows from the seed: person ``n`` and advert group ``n`` are the same in a larger world."""

    name = "first-half-year"

    def __init__(self, pack: Pack, seed: int, people: int, adverts: int) -> None:
        """``pack`` only has the codes that events name; the world asks nothing else of it."""
        self.pack = pack
        self.workers: Sequence[Newcomer] = tuple(newcomer(seed, number) for number in range(people))
        self.adverts: Sequence[Opening] = openings(seed, adverts)

    def utilities(self, worker: int) -> list[float]:
        """What each advert would be worth to a person; 0: it cannot come to anything."""
        return [value(self.workers[worker], advert) for advert in self.adverts]

    def hindrance(self, worker: int, advert: int) -> str | None:
        """What keeps the two apart for good, said or not."""
        return hindrance(self.workers[worker], self.adverts[advert])
