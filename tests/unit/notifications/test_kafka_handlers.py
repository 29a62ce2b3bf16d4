"""Which types notifications hears: those that carry the whole state, and no other that may be added to a topic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.notifications import kafka_handlers
from shared.access.prohibitions_stream import TOPICS as FORBIDDING
from shared.events import EventType, registry
from shared.events.registry import Registry
from shared.events.topics.agencies import AGENCY_CHANGED
from shared.events.topics.matches import MATCH_FOUND
from shared.events.topics.people import PERSON_UPDATED
from tests.unit.notifications.world import World

pytestmark = pytest.mark.unit


class TestTypes:
    @pytest.mark.parametrize(
        ("heard", "other"),
        [(PERSON_UPDATED, MATCH_FOUND), (MATCH_FOUND, AGENCY_CHANGED), (AGENCY_CHANGED, PERSON_UPDATED)],
        ids=["people", "matches", "agencies"],
    )
    def test_one_with_another_model_is_left_to_a_handler_of_its_own(
        self, heard: EventType, other: EventType, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_the_state = replace(heard, name="added-with-the-state")
        with_another_model = replace(other, name="added-with-another-model", topic=heard.topic)
        known = Registry(dict(registry.topics), dict(registry.types))
        for added in (with_the_state, with_another_model):
            known.add_type(added)
        monkeypatch.setattr(kafka_handlers, "registry", known)
        stream = World().streams[FORBIDDING if heard is AGENCY_CHANGED else kafka_handlers.TOPICS]
        stream.subscriber(with_another_model, needs=lambda event, work: ())(lambda event, work: None)
        for taken in (heard, with_the_state):
            with pytest.raises(ValueError, match="has a handler already"):
                stream.subscriber(taken, needs=lambda event, work: ())(lambda event, work: None)
