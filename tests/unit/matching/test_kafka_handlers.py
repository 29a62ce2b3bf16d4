"""Which types matching hears: those that carry the whole state, and no other that may be added to a topic."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from services.matching import kafka_handlers
from services.matching.domain.match_index import MatchIndex
from services.matching.service import Matching
from shared.events import registry
from shared.events.registry import Registry
from shared.events.topics.matches import MATCH_FOUND
from shared.events.topics.people import PERSON_UPDATED
from shared.kit.base.ids import Ids
from tests.support.matching import TODAY
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit

WITH_THE_STATE = replace(PERSON_UPDATED, name="person-moved")
A_SECOND_VERSION = replace(PERSON_UPDATED, version=2)
WITH_ANOTHER_MODEL = replace(MATCH_FOUND, name="person-visited", topic=PERSON_UPDATED.topic)


class TestTypes:
    def test_one_with_another_model_is_left_to_a_handler_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        known = Registry(dict(registry.topics), dict(registry.types))
        for added in (WITH_THE_STATE, A_SECOND_VERSION, WITH_ANOTHER_MODEL):
            known.add_type(added)
        monkeypatch.setattr(kafka_handlers, "registry", known)
        stream = kafka_handlers.matching_stream(Matching(PACK, Ids(bytes(32)), partial(MatchIndex, PACK), TODAY))
        stream.subscriber(WITH_ANOTHER_MODEL, needs=lambda event, work: ())(lambda event, work: None)
        for heard in (PERSON_UPDATED, WITH_THE_STATE):
            with pytest.raises(ValueError, match="has a handler already"):
                stream.subscriber(heard, needs=lambda event, work: ())(lambda event, work: None)
