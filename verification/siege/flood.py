"""Fifty people whom everything fits, and adverts for them, each a little better than the one before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from samples.world import Item, World
from samples.world.envelope import EventWriter, Json
from samples.world.openings import floor_per_hour

FLOODER = "siege-insider"
STEP = 500  # what each advert pays more a month: its score is above those of all before it
DAY = 70


class Flood:
    """The events of one flood. Ids count on: make everything of one run by one object."""

    def __init__(self, world: World, people: int) -> None:
        self._world = world
        self._event_writer = EventWriter(world.today, DAY, world.pack.timezone)
        job = next(one for one in world.openings if one.family == "job" and not one.data.get("rules"))
        kept = ("title", "occupation", "industry", "employer", "region", "employment", "shifts")
        self._job = {name: job.data[name] for name in kept if name in job.data}
        hours = world.pack.wages.working_time.hours_per_month
        unit = world.setting.round_month
        self._lowest = (int(floor_per_hour(world.pack, world.today) * hours * 1.05) // unit + 1) * unit
        self._numbers = range(people)
        self.owner = world.setting.having("counsellor")[-1].agency

    def reference(self, number: int) -> str:
        """How the owner calls a person."""
        return f"FLOOD-P{number:03d}"

    def people(self) -> list[Item]:
        """All of them consent to matching, and to notices for both partners."""
        world, partners = self._world, self._world.setting.partners
        until = (world.today + timedelta(days=30)).isoformat()
        consents: list[Json] = [{"purpose": "matching", "until": until}]
        consents += [{"purpose": "notice", "recipient": to, "until": until} for to in (partners.feed, partners.webhook)]
        found = []
        for number in self._numbers:
            somebody = world.person(10_000 + number).data
            data = {
                "reference": self.reference(number),
                "identity": somebody["identity"],
                "residence": self._job["region"],
                "education": "work24-2024-education:05",
                "occupations": [{"code": self._job["occupation"], "months": 12 + number, "interest": 0.9}],
                "wants": {"kinds": ["job"], "commute_minutes": 90},
                "consents": consents,
            }
            found.append(self._event_writer.write(self.owner, "person-enrolled", data))
        return found

    def adverts(self, count: int) -> Iterator[Item]:
        """In ascending score."""
        for number in range(count):
            yield self._event_writer.write(FLOODER, "job-posted", self._advert(f"FLOOD-{number:06d}", number))

    def again(self, number: int) -> Item:
        """The same advert with other words: something to do for whoever reads."""
        return self._event_writer.write(
            FLOODER, "job-updated", self._advert(f"FLOOD-{number:06d}", number) | {"places": 2}
        )

    def withdrawn(self, number: int, purpose: str, recipient: str | None) -> Item:
        """A person takes one consent back."""
        key = {"purpose": purpose} | ({"recipient": recipient} if recipient else {})
        data = {"reference": self.reference(number), "consents": [key]}
        return self._event_writer.write(self.owner, "consent-withdrawn", data)

    def agency(self, data: Json, kind: str) -> Item:
        """Something about an agency, by the administrator."""
        return self._event_writer.write(self._world.setting.admin.agency, kind, data)

    def _advert(self, reference: str, number: int) -> Json:
        wage = {"per": "month", "minimum": self._lowest + STEP * number, "currency": self._world.setting.currency}
        return self._job | {"reference": reference, "wage": wage, "hours_per_week": 40, "until_filled": True}
