"""What is confirmed of a round is possible at that moment, its places included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from services.matching.documents import StoredPerson
from services.matching.people_access import PeopleAccess
from services.matching.rounds.round_requests import Rounds
from services.matching.rounds.schemas import AskedRound
from shared.events import Event
from shared.events.topics.opportunities import Opportunity
from shared.events.topics.people import PERSON_UPDATED
from shared.events.topics.prohibitions import Floors
from shared.kit.base.clock import Clock
from shared.kit.web.problems import Problem
from tests.support.matching import TODAY, a_job, a_person, numbered
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
ROUND, JOB = numbered(0xD0), a_job(1, places=2)
CALLER: Any = SimpleNamespace(
    agency=SimpleNamespace(agency="hanawon", recipient_class="case"),
    key_id="key",
    must_read=lambda _: None,
    must=lambda *_: None,
)


class Kept:
    """Two people, who are proposed the two places of one job, and the rounds of their agency."""

    def __init__(self, job: Opportunity, places: int | None) -> None:
        self.people_held = {}
        for number in (1, 2):
            event: Any = Event(
                id="1", source="/services/intake", type=PERSON_UPDATED.name, version=1,
                time=datetime(2026, 11, 22, tzinfo=UTC), key=numbered(number), data=a_person(number), sequence=1,
                correlationid="1", recordedtime=datetime(2026, 11, 22, tzinfo=UTC),
            )  # fmt: skip
            self.people_held[numbered(number)] = StoredPerson.of(event, 1)
        self.job = job
        assigned = [{"person": id, "opportunity": job.opportunity, "fit": 0.5, "best": 0.5} for id in self.people_held]
        result = {
            "assigned": assigned, "waiting": [], "groups": [], "benefit": 1.0, "bound": 1.0, "optimum": 1.0,
            "greedy": 1.0, "first_come": 1.0, "model": "m-1", "as_of": TODAY.isoformat(),
        }  # fmt: skip
        self.held: dict[str, Any] = {
            "_id": ROUND, "agency": "hanawon", "state": "proposed", "version": 1, "people": list(self.people_held),
            "openings": [{"opportunity": job.opportunity, "places": places}], "fixed": [], "excluded": [],
            "asked": datetime(2026, 11, 22, tzinfo=UTC), "result": result,
        }  # fmt: skip

    async def people(self, ids: Iterable[str]) -> list[StoredPerson]:
        return [self.people_held[id] for id in ids]

    async def floors(self, ids: Iterable[str]) -> dict[str, Floors]:
        return {id: Floors(person=id) for id in ids}

    async def opportunities(self, ids: Sequence[str]) -> dict[str, Opportunity]:
        return {self.job.opportunity: self.job}

    async def audit(self, entries: Sequence[Any]) -> None:
        pass

    async def get(self, agency: str, id: str) -> Mapping[str, Any]:
        return self.held

    async def confirm(self, held: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**held, "state": "confirmed"}


async def confirmed(job: Opportunity, places: int | None = None) -> str:
    """The state of the round after somebody agreed to it while the advert says this."""
    kept: Any = Kept(job, places)
    people = PeopleAccess(kept, lambda: TODAY, Clock())
    return (await Rounds(kept, kept, people, PACK, Clock(), asyncio.Event()).confirm(CALLER, ROUND, 1)).state


async def test_an_opening_is_named_once_so_nobody_wonders_which_number_of_places_counts() -> None:
    kept: Any = Kept(JOB, None)
    rounds = Rounds(kept, kept, PeopleAccess(kept, lambda: TODAY, Clock()), PACK, Clock(), asyncio.Event())
    openings = [{"opportunity": JOB.opportunity, "places": places} for places in (5, 1)]
    with pytest.raises(Problem) as problem:
        await rounds.ask(CALLER, AskedRound.model_validate({"people": [numbered(1)], "openings": openings}))
    said = problem.value.details
    assert (said.status, said.field, said.rule) == (422, "/openings/1/opportunity", "once")


class TestPlaces:
    async def test_that_are_there_are_confirmed(self) -> None:
        assert await confirmed(JOB) == "confirmed"

    @pytest.mark.parametrize("places", [1, None])
    async def test_that_the_advert_has_no_more_are_not(self, places: int | None) -> None:
        with pytest.raises(Problem) as problem:
            await confirmed(JOB.model_copy(update={"places": places}))
        assert (problem.value.status, str(problem.value)) == (409, "round-outdated")

    async def test_whose_number_somebody_said_for_the_round_are_theirs_to_know(self) -> None:
        assert await confirmed(JOB.model_copy(update={"places": 1}), places=2) == "confirmed"
