"""An agency with a webhook that holds one match of one person, for the tests of recalls."""

from __future__ import annotations

from typing import Any

from services.notifications.acknowledgements import Deliveries
from services.notifications.documents import DELIVERIES
from tests.unit.notifications.world import World, agency_of, hexid, holding, match_of, person_of
from tests.unit.notifications.world_store import WorldStore


class Told:
    """An agency with a webhook that holds one match of one person."""

    def __init__(self) -> None:
        self.world = World()
        self._sequences = {"person": 0, "match": 0}
        self.world.hear(self.world.event("agency-registered", agency_of("gjf"), "gjf", 1))
        self.subscription = self.world.subscribe("gjf", "webhook")
        self.consent(True)
        self.match("x")
        self.finish()
        assert self.holds == {self.key("x")}

    @staticmethod
    def key(opportunity: str) -> tuple[str, str]:
        return hexid("alias", "a", "gjf"), hexid("opportunity", opportunity)

    @property
    def holds(self) -> set[tuple[str, str]]:
        return holding(self.world.partners["gjf"])

    @property
    def recalls(self) -> int:
        return sum(event["type"] == "recall" for event in self.world.partners["gjf"])

    def consent(self, given: bool, alias: str = "a") -> None:
        self._sequences["person"] += 1
        state = person_of("a", ("gjf",) if given else ())
        called = [each.model_copy(update={"alias": hexid("alias", alias, each.agency)}) for each in state.aliases]
        state = state.model_copy(update={"aliases": tuple(called)})
        key = hexid("person", "a")
        self.world.hear(self.world.event("person-updated", state, key, self._sequences["person"]))

    def match(self, opportunity: str, stands: bool = True) -> None:
        self._sequences["match"] += 1
        type = "match-found" if stands else "match-withdrawn"
        state = match_of("a", opportunity, stands=stands)
        self.world.hear(self.world.event(type, state, hexid("person", "a"), self._sequences["match"]))

    async def acknowledge(self, notice: str) -> list[str]:
        over: Any = WorldStore(self.world)
        return await Deliveries(over, over, self.world.reconciler.queues, self.world.outcomes).acknowledge(
            "gjf", [notice]
        )

    @property
    def waiting(self) -> int:
        """How many recalls arrived and were not acknowledged."""
        return sum("unacknowledged_since" in each for each in self.world.all(DELIVERIES, about="recall"))

    def finish(self) -> None:
        self.world.resync()
        self.world.deliver_all()
