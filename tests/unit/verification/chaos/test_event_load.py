"""What the agencies send in a chaos run: the same for a seed, and nothing that the door would refuse."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from samples.world import World, load_setting
from verification.chaos.event_load import Flow
from verification.oracle.state import State

pytestmark = pytest.mark.unit
TODAY = date(2026, 11, 20)


def flow(seed: int = 1, events: int = 600) -> Flow:
    return Flow(World(load_setting(), seed=seed, people=2, today=TODAY), events)


class TestAFlow:
    def test_has_as_many_events_as_were_asked_for_each_under_its_own_id(self) -> None:
        assert len({item.key for item in flow()}) == 600

    def test_is_the_same_for_the_same_seed(self) -> None:
        assert [item.event for item in flow()] == [item.event for item in flow()]
        assert [item.event for item in flow(1)] != [item.event for item in flow(2)]

    def test_brings_every_kind_of_news(self) -> None:
        kinds = Counter(item.event["type"] for item in flow(events=1_500))
        wanted = {"person-enrolled", "person-updated", "person-left", "consent-given", "consent-withdrawn"}
        assert wanted | {"job-posted", "job-updated", "job-closed", "programme-updated"} <= kinds.keys()

    def test_speaks_only_of_people_and_openings_that_its_sender_has_named_before(self) -> None:
        state = State(World(load_setting(), seed=1, people=2, today=TODAY).pack)
        for item in flow(events=1_500):
            state.apply(item.agency, item.event)  # raises KeyError for what was never named
        assert state.people
        assert state.openings
