"""Memory does not grow with what came and went."""

from __future__ import annotations

import gc
import random

import pytest

from services.matching.assessment_queue import AssessmentQueue
from services.matching.domain.columns import layout as layout_module
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.opening_facts import opening_facts
from services.matching.domain.person_facts import person_facts
from tests.support.matching import TODAY, random_opening, random_person
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
LOOKS, HELD = 40, 12  # so many looks, by turns, of so many people and adverts


class TestChurn:
    def test_a_day_of_changes_leaves_as_much_as_it_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Some people and adverts that become another one again and again, out of some tens of looks."""
        monkeypatch.setattr(layout_module, "TAIL_AT_LEAST", 8)
        people = [person_facts(random_person(look % HELD, random.Random(look)), PACK) for look in range(LOOKS)]
        adverts = [opening_facts(random_opening(look % HELD, random.Random(look)), PACK) for look in range(LOOKS)]
        index = MatchIndex(PACK, TODAY)
        queue, revision = AssessmentQueue(index), 0

        def day() -> int:
            nonlocal revision
            for person, advert in zip(people, adverts, strict=True):
                revision += 1
                queue.put_person(person, revision)
                queue.put_opening(advert, revision)
                while queue.advance(1.0):
                    pass
            for dirty in (queue.dirty_lists, queue.dirty_people, queue.dirty_openings, queue.candidates):
                dirty.clear()
            gc.collect()
            return len(gc.get_objects())

        before = [day() for _ in range(4)][-1]
        after = [day() for _ in range(8)][-1]
        assert after - before < LOOKS  # if one object were kept of each change, it were sixteen times that
