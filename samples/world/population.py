"""Who and what there is in a world: agencies, people, openings, programmes."""

from __future__ import annotations

from datetime import date

from samples.world.envelope import Json
from samples.world.openings import Opening, make_opening
from samples.world.people import Newcomer, make_person
from samples.world.programmes import published
from samples.world.setting import Setting
from shared.reference import Pack, load_pack

OPENINGS_PER_PERSON = 1.07
SMALLEST_CLASS, LARGEST_CLASS = 2, 24  # about 19 people graduate in a month


class Population:
    """Agencies, people and openings of one seed; ``today`` is the day on which the agencies send (pack's time zone).

    The same arguments give the same population, and so the same events, byte for byte.
    """

    def __init__(self, setting: Setting, *, seed: int = 1, people: int = 150, today: date) -> None:
        self.setting = setting
        self.pack: Pack = load_pack(setting.pack)
        self.seed = seed
        self.today = today
        self.graduates = max(SMALLEST_CLASS, min(LARGEST_CLASS, round(people * setting.survey.graduates)))
        self.people: tuple[Newcomer, ...] = tuple(self.person(number) for number in range(people))
        self.openings: tuple[Opening, ...] = tuple(
            make_opening(setting, self.pack, seed, 1, number, today)
            for number in range(round(people * OPENINGS_PER_PERSON))
        )
        self.programmes: tuple[Opening, ...] = tuple(published(setting, self.pack, seed, today))

    def person(self, number: int) -> Newcomer:
        """Person ``number``, from 0; numbers from ``people`` on come on later days."""
        return make_person(self.setting, self.pack, self.seed, number, self.graduates, self.today)

    def agencies(self) -> list[Json]:
        """The ``agency-registered`` data of every agency, still without keys."""
        return [agency.model_dump(exclude={"prefix", "roles"}, mode="json") for agency in self.setting.agencies]
