"""The envelope of an event at the door: extensions, base64, actor, time, trace."""

from __future__ import annotations

import base64
import json

import pytest

from tests.unit.intake.memory import House, example

pytestmark = pytest.mark.unit


@pytest.fixture
def house() -> House:
    return House()


class TestEnvelope:
    async def test_a_strangers_extension_is_passed_over_and_a_slip_of_the_pen_is_named(self, house: House) -> None:
        data = example("job-posted")
        plain = await house.send("job-posted", data, by="gjf", knativearrivaltime="2026-11-28T09:00:00Z", priority=3)
        assert (plain.status, plain.warnings) == ("accepted", None)
        slip = house.event("job-updated", {**data, "places": 7}, by="gjf", tracestat="7")
        for receipt in await house.send_all([slip, slip], "gjf"):
            (warning,) = receipt.warnings or ()
            assert (warning.rule, "tracestate" in warning.remedy["en"]) == ("unknown-attribute", True)
        kept = len(house.store.emitted)
        refused = await house.send("job-updated", {**data, "places": 8}, by="gjf", testrum=True)
        assert refused.problem is not None
        assert (refused.problem.rule, "testrun" in refused.problem.remedy["en"]) == ("unknown-field", True)
        assert len(house.store.emitted) == kept
        refused = await house.send("job-posted", data, by="gjf", dataSchema="x")
        assert refused.problem is not None
        assert (refused.problem.rule, "dataschema" in refused.problem.remedy["en"]) == ("unknown-field", True)

    async def test_a_number_that_is_too_long_is_told_how_long_it_may_be(self, house: House) -> None:
        refused = await house.send("job-posted", example("job-posted"), by="gjf", sequence=2**63 - 1)
        assert refused.problem is not None
        assert (refused.problem.field, refused.problem.rule) == ("/sequence", "wrong-form")
        assert all("18" in sentence for sentence in refused.problem.remedy.values())

    async def test_data_may_come_as_base64_as_the_official_sdk_sends_it(self, house: House) -> None:
        event = house.event("job-posted", {}, by="gjf")
        del event["data"]
        packed = base64.b64encode(json.dumps(example("job-posted")).encode()).decode()
        receipts = await house.send_all(
            [
                {**event, "data_base64": packed},
                {**event, "data": example("job-posted")},
                {**event, "data_base64": "?"},
                {**event, "data_base64": packed, "data": {}},
                {**event, "data_base64": base64.b64encode(b"{").decode()},
            ],
            "gjf",
        )
        assert [receipt.status for receipt in receipts] == ["accepted", "duplicate", *["refused"] * 3]
        rules = [receipt.problem.rule for receipt in receipts if receipt.problem is not None]
        assert rules == ["wrong-form", "wrong-form", "not-json"]

    @pytest.mark.parametrize("actor", ["Kim Minsu", "김상담", "a@b.kr", "x" * 81])
    async def test_an_actor_that_could_be_a_name_is_refused(self, house: House, actor: str) -> None:
        receipt = await house.send("job-posted", example("job-posted"), by="gjf", actor=actor)
        assert receipt.problem is not None
        assert receipt.problem.rule == "actor-not-opaque"
        assert actor not in receipt.model_dump_json()

    async def test_what_has_not_happened_yet_is_refused(self, house: House) -> None:
        receipt = await house.send("job-posted", example("job-posted"), by="gjf", time="2190-01-01T00:00:00Z")
        assert receipt.problem is not None
        assert (receipt.problem.rule, receipt.problem.field) == ("date-in-future", "/time")

    async def test_a_senders_trace_ends_at_the_door_and_one_of_our_own_begins(self, house: House) -> None:
        await house.send("job-posted", example("job-posted"), by="gjf", traceparent="예시 사람")
        assert house.store.emitted[-1].traceparent is None
        trace = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
        await house.send("job-posted", example("job-posted", places=7), by="gjf", traceparent=trace)
        told = house.store.emitted[-1]
        assert told.traceparent == f"00-{told.correlationid}-{str(told.correlationid)[:16]}-01"
