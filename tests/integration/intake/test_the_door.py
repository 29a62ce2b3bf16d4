"""The door by HTTP on a real broker and database: receipts, problems, what its probes tell."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.intake.running import BATCH, on_the_bus, register
from tests.integration.intake.world import World, graduate
from tests.unit.intake.memory import example, today

pytestmark = pytest.mark.integration


class TestReceipts:
    async def test_an_event_is_answered_and_reaches_the_bus(self, world: World) -> None:
        answer = await world.hanawon.send("trainee-graduated", graduate("R-1"))
        receipt = answer.json()
        assert answer.status_code == 202
        assert receipt["status"] == "accepted"
        events = await on_the_bus(world.kafka, world.prefix + "people", at_least=2)
        mine = [event for event in events if event.causationid == receipt["receipt"]]
        assert [(event.type, event.sequence) for event in mine] == [("trainee-graduated", 1), ("consent-given", 2)]
        assert receipt["alias"] in {alias.alias for alias in mine[0].data.aliases}

    async def test_the_same_event_many_times_at_once_is_one(self, world: World) -> None:
        event = world.gjf.event("job-posted", example("job-posted", reference="J-1"))
        answers = await asyncio.gather(*(world.gjf.post(event) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["receipt"] for answer in answers}) == 1
        assert sorted(answer.json()["status"] for answer in answers) == ["accepted"] + ["duplicate"] * 19

    async def test_the_same_id_with_other_content_is_a_conflict(self, world: World) -> None:
        event = world.gjf.event("job-posted", example("job-posted", reference="J-2"))
        assert (await world.gjf.post(event)).status_code == 202
        other = await world.gjf.post({**event, "data": example("job-posted", reference="J-2", places=5)})
        assert other.status_code == 409
        assert other.headers["content-type"] == "application/problem+json"

    async def test_binary_mode_is_the_same_event(self, world: World) -> None:
        event = world.gjf.event("job-posted", example("job-posted", reference="J-3"))
        first = await world.gjf.post(event)
        headers = {f"ce-{name}": value for name, value in event.items() if name != "data"}
        again = await world.gjf.http.post(
            "/events",
            content=json.dumps(event["data"]),
            headers={**world.gjf.headers, **headers, "content-type": "application/json"},
        )
        assert again.json() == {**first.json(), "status": "duplicate"}

    async def test_a_batch_has_one_result_per_event_in_order(self, world: World) -> None:
        person = graduate("R-2")
        events = [
            world.hanawon.event("trainee-graduated", person),
            "nonsense",
            world.hanawon.event("trainee-graduated", graduate("R-3", residence="legal-dong-2026:00000")),
            world.hanawon.event("consent-withdrawn", example("consent-withdrawn", reference="R-2")),
        ]
        answer = await world.hanawon.batch(events)
        results = answer.json()["results"]
        assert answer.status_code == 202
        assert [result["status"] for result in results] == ["accepted", "refused", "refused", "accepted"]
        assert results[2]["problem"]["rule"] == "unknown-code"
        assert set(results[2]["problem"]["remedy"]) == {"ko", "en"}

    async def test_five_hundred_events_fit_and_one_more_does_not(self, world: World) -> None:
        jobs = [world.gjf.event("job-posted", example("job-posted", reference=f"B-{n}")) for n in range(500)]
        answer = await world.gjf.batch(jobs)
        assert {result["status"] for result in answer.json()["results"]} == {"accepted"}
        assert (await world.gjf.batch([*jobs, jobs[0]])).status_code == 413


class TestProblems:
    async def test_each_has_its_status(self, world: World) -> None:
        job = world.gjf.event("job-posted", example("job-posted", reference="P-1"))
        post, headers = world.gjf.http.post, world.gjf.headers
        structured = {**headers, "content-type": "application/cloudevents+json"}
        cases = {
            400: await post("/events", content=b"{nonsense", headers=structured),
            401: await post("/events", json=job, headers={"content-type": "application/cloudevents+json"}),
            403: await world.khf.post(job),
            413: await post("/events", content=b"[" + b" " * 5_000_001, headers={**headers, "content-type": BATCH}),
            415: await post("/events", content=b"{}", headers={**headers, "content-type": "text/plain"}),
            422: await world.gjf.post({**job, "data": {"reference": "x y"}}),
        }
        for status, answer in cases.items():
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["remedy"]

    async def test_a_right_that_was_taken_away_is_gone_at_once(self, world: World) -> None:
        partner = await register(world.admin, "shortlived")
        assert (await partner.send("job-posted", example("job-posted"))).status_code == 202
        held = await world.runtime.database.agencies.find_one({"_id": "shortlived"})
        state = {**held["state"], "rights": {**held["state"]["rights"], "emits": []}}
        assert (await world.admin.send("agency-changed", state)).status_code == 202
        assert (await partner.send("job-posted", example("job-posted", places=5))).status_code == 403

    async def test_a_test_run_leaves_nothing(self, world: World) -> None:
        before = await world.stored()
        answer = await world.hanawon.send("trainee-graduated", graduate("R-9"), testrun=True)
        assert answer.json()["testrun"] is True
        assert (await world.hanawon.lookup("R-9")).status_code == 404
        after = await world.stored()
        assert answer.json()["receipt"].encode() not in after
        assert len(before) <= len(after) < len(before) + 2_000  # the audit entry, and what others keep of time


class TestProbes:
    async def test_metrics_count_what_was_accepted_and_refused(self, world: World) -> None:
        await world.gjf.send("job-posted", example("job-posted", reference="M-1"))
        await world.gjf.send("job-posted", example("job-posted", reference="M-2", closes=today(-1)))
        text = (await world.gjf.http.get("/metrics")).text
        assert 'ieum_events_accepted_total{type="job-posted"}' in text
        assert 'ieum_events_refused_total{reason="closes-in-the-past"}' in text
        assert 'ieum_last_event_timestamp_seconds{agency="gjf",type="job-posted"}' in text
