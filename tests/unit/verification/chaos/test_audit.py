"""The audit finds each kind of loss and of doubling when it is there, and nothing when all is well."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samples.partners.held import Received
from verification.chaos.audit import Audit, audit

pytestmark = pytest.mark.unit
Json = dict[str, Any]


def row(topic: str, type: str, thing: str, sequence: int, id: str, cause: str = "c1") -> Json:
    """A published outbox row with one event."""
    headers = {"ce_id": id, "ce_type": type, "ce_sequence": str(sequence), "ce_correlationid": cause}
    event = {
        "k": thing.encode(),
        "v": json.dumps({"match": thing}).encode(),
        "h": [[name, value.encode()] for name, value in headers.items()],
    }
    return {"topic": topic, "topic_id": "t1", "events": [event]}


class AllWell:
    """The stores after one enrolment, one match, one notice, delivered and acknowledged."""

    def __init__(self) -> None:
        emitted = [{"type": "person-enrolled", "sequence": 1}, {"type": "consent-given", "sequence": 2}]
        delivery = {"_id": "d1", "recipient": "gjf", "notice": "n1", "state": "delivered", "acknowledged": True}
        self.stores: dict[tuple[str, str], list[Json]] = {
            ("intake", "inbox"): [{"receipt": "r1", "correlationid": "c1", "emitted": emitted}],
            ("intake", "people"): [{"_id": "p1", "sequence": 2}],
            ("matching", "people"): [{"_id": "p1", "sequence": 2}],
            ("notifications", "people"): [{"_id": "p1", "sequence": 2}],
            ("matching", "matches"): [{"_id": "m1", "sequence": 1}],
            ("notifications", "matches"): [{"_id": "m1", "sequence": 1}],
            ("notifications", "deliveries"): [delivery],
            ("intake", "steps"): [{"_id": "e3"}, {"_id": "e4"}, {"_id": "e5"}],
            ("intake", "outbox"): [
                row("people", "person-enrolled", "p1", 1, "e1"),
                row("people", "consent-given", "p1", 2, "e2"),
            ],
            ("matching", "outbox"): [row("matches", "match-found", "m1", 1, "e3")],
            ("notifications", "outbox"): [
                row("deliveries", "notice-delivered", "d1", 1, "e4"),
                row("deliveries", "notice-acknowledged", "d1", 2, "e5"),
            ],
        }
        self.receipts = ["r1"]
        self.received = {"gjf": [Received(0.0, {"type": "notice", "data": {"notice": "n1"}})]}

    def documents(self, database: str, collection: str) -> list[Json]:
        return self.stores.get((database, collection), [])

    def found(self) -> Audit:
        return audit(self, self.receipts, self.received)


@pytest.fixture
def world() -> AllWell:
    return AllWell()


class TestAudit:
    def test_finds_nothing_when_all_is_well(self, world: AllWell) -> None:
        assert world.found().lost.total() == 0
        assert world.found().doubled.total() == 0

    def test_finds_an_answer_that_intake_does_not_know(self, world: AllWell) -> None:
        world.receipts.append("r2")
        assert world.found().lost["accepted and unknown to intake"] == 1

    def test_finds_an_effect_that_was_never_told(self, world: AllWell) -> None:
        world.stores["intake", "outbox"].pop()
        assert world.found().lost["accepted and not told to the others"] == 1

    def test_finds_an_effect_that_was_told_twice(self, world: AllWell) -> None:
        world.stores["intake", "outbox"].append(row("people", "person-enrolled", "p1", 3, "e9"))
        assert world.found().doubled["accepted once and told more than once"] == 1

    def test_finds_a_number_that_was_left_out(self, world: AllWell) -> None:
        world.stores["matching", "outbox"].append(row("matches", "match-changed", "m1", 3, "e3"))
        assert world.found().lost["matches: a number left out"] == 1

    def test_finds_a_number_that_was_taken_twice(self, world: AllWell) -> None:
        world.stores["matching", "outbox"].append(row("matches", "match-changed", "m1", 1, "e3"))
        assert world.found().doubled["matches: a number taken twice"] == 1

    def test_finds_what_was_never_published(self, world: AllWell) -> None:
        world.stores["matching", "outbox"][0]["topic_id"] = None
        assert world.found().lost["matches: never published"] == 1

    @pytest.mark.parametrize("follower", ["matching", "notifications"])
    def test_finds_a_follower_that_stands_behind(self, world: AllWell, follower: str) -> None:
        world.stores[follower, "people"][0]["sequence"] = 1
        assert world.found().lost[f"people: not as last told at {follower}"] == 1

    @pytest.mark.parametrize("follower", ["matching", "notifications"])
    def test_finds_a_follower_that_does_not_heed_what_forbids(self, world: AllWell, follower: str) -> None:
        state = {"person": "p1", "whole": 2, "consents": []}
        world.stores["intake", "people"][0]["floors"] = {"sequence": 2, "state": state}
        world.stores["intake", "outbox"].append(row("prohibitions", "floor-raised", "p1", 2, "e6"))
        for each in ("matching", "notifications"):
            world.stores[each, "floors"] = [{"_id": "p1", "state": dict(state)}]
        assert world.found().lost.total() == world.found().doubled.total() == 0
        world.stores[follower, "floors"][0]["state"]["whole"] = 1
        assert world.found().lost[f"prohibitions: not heeded at {follower}"] == 1

    def test_finds_a_follower_that_holds_what_nobody_told(self, world: AllWell) -> None:
        world.stores["notifications", "matches"].append({"_id": "m2", "sequence": 1})
        assert world.found().doubled["matches: at notifications and at nobody else"] == 1

    def test_finds_a_step_that_the_journey_lacks(self, world: AllWell) -> None:
        world.stores["intake", "steps"].pop()
        assert world.found().lost["deliveries: missing in the journeys"] == 1

    def test_finds_what_is_called_delivered_and_never_arrived(self, world: AllWell) -> None:
        world.received["gjf"].clear()
        assert world.found().lost["called delivered and never arrived"] == 1

    def test_finds_an_acknowledgement_that_was_forgotten(self, world: AllWell) -> None:
        world.stores["notifications", "deliveries"][0]["acknowledged"] = False
        assert world.found().lost["arrived, acknowledged, and unknown to be"] == 1

    def test_finds_a_delivery_that_ended_badly_or_not_at_all(self, world: AllWell) -> None:
        world.stores["notifications", "deliveries"][0]["state"] = "sending"
        assert world.found().lost["deliveries that ended as sending"] == 1

    def test_finds_an_outcome_that_was_told_twice(self, world: AllWell) -> None:
        world.stores["notifications", "outbox"].append(row("deliveries", "notice-delivered", "d1", 3, "e4"))
        assert world.found().doubled["an outcome told twice"] == 1
