"""What an agency may read at the door: the journey of an event, its own alias, its rejections; and odd questions."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.intake.repository import Repository
from shared.events import Event, registry
from tests.integration.intake.running import say
from tests.integration.intake.world import World, graduate
from tests.support.odd_queries import refused_oddly
from tests.unit.intake.memory import example, today

pytestmark = pytest.mark.integration


def _told_by_others(correlationid: str) -> list[Event[Any]]:
    """What the other services would tell about one event."""
    steps = []
    names = [item.name for item in registry if item.topic.name in ("matches", "deliveries")]
    for number, name in enumerate(names):
        event_type = registry.find(name)
        data = event_type.bus.model_validate(dict(event_type.example), strict=False)
        steps.append(
            Event(
                id=f"{number:02x}" + correlationid[2:],
                source="/others",
                type=name,
                version=1,
                time=datetime(2026, 11, 22, tzinfo=UTC),
                key="ab" * 16,
                data=data,
                sequence=1,
                correlationid=correlationid,
            )
        )
    return steps


class TestJourney:
    async def test_it_goes_from_the_door_to_the_partners_answer(self, world: World) -> None:
        event = world.hanawon.event("trainee-graduated", graduate("R-20"), id="journey/1")
        receipt = (await world.hanawon.post(event)).json()["receipt"]
        row = await world.runtime.database.inbox.find_one({"receipt": receipt})
        await say(
            world.kafka, world.prefix, *_told_by_others(row["correlationid"]), *_told_by_others(row["correlationid"])
        )
        for _ in range(100):
            journey = (await world.hanawon.get("/events/journey/1", source="/agencies/hanawon")).json()
            if journey["matches"]["withdrawn"] and "recall_acknowledged" in (journey["partners"] or [{}])[0]:
                break
            await asyncio.sleep(0.1)
        assert (journey["id"], journey["status"], journey["receipt"]) == ("journey/1", "accepted", receipt)
        assert journey["emitted"] == [
            {"type": "trainee-graduated", "sequence": 1},
            {"type": "consent-given", "sequence": 2},
        ]
        assert journey["matches"] == {"found": 1, "changed": 1, "withdrawn": 1}
        (partner,) = journey["partners"]
        assert (partner["recipient"], partner["channel"]) == ("gjf", "webhook")
        assert {name: partner[name]["count"] for name in ("delivered", "failed", "acknowledged")} == {
            "delivered": 1,
            "failed": 1,
            "acknowledged": 1,
        }
        by_receipt = await world.hanawon.get(f"/receipts/{receipt}")
        assert by_receipt.json() == journey
        entry = {"action": "journey", "agency": "hanawon", "person": {"$type": "string"}}
        assert await world.runtime.database.audit.count_documents(entry) >= 2

    async def test_ten_thousand_deliveries_make_it_no_longer(self, world: World) -> None:
        receipt = (await world.hanawon.send("trainee-graduated", graduate("R-22"))).json()["receipt"]
        steps, row = world.runtime.database.steps, await world.runtime.database.inbox.find_one({"receipt": receipt})
        step = {"correlationid": row["correlationid"], "at": datetime.now(UTC), "channel": "feed", "about": "notice"}
        types, partners = ("notice-delivered", "notice-acknowledged"), ("gjf", "khf")
        await steps.insert_many(
            {"_id": f"many-{n}", "type": types[n % 2], "recipient": partners[n // 2 % 2], **step} for n in range(10_000)
        )
        answer = await world.hanawon.get(f"/receipts/{receipt}")
        told = {one["recipient"]: one for one in answer.json()["partners"]}
        assert {name: one["delivered"]["count"] for name, one in told.items()} == {"gjf": 2_500, "khf": 2_500}
        assert len(answer.content) < 2_000
        await steps.delete_many({"correlationid": row["correlationid"]})

    async def test_another_agency_sees_nothing_and_the_administrator_sees_it(self, world: World) -> None:
        event = world.hanawon.event("trainee-graduated", graduate("R-21"))
        await world.hanawon.post(event)
        source = {"source": event["source"]}
        theirs = await world.khf.get(f"/events/{event['id']}", **source)
        nobodys = await world.khf.get("/events/none", **source)
        assert (theirs.status_code, theirs.content) == (404, nobodys.content)
        audit = world.runtime.database.audit
        before = await audit.count_documents({"action": "journey-of-others", "agency": "ops"})
        assert (await world.admin.get(f"/events/{event['id']}", **source)).status_code == 200
        assert await audit.count_documents({"action": "journey-of-others", "agency": "ops"}) == before + 1

    async def test_another_agency_sees_nothing_by_the_receipt_either(self, world: World) -> None:
        receipt = (await world.hanawon.send("trainee-graduated", graduate("R-23"))).json()["receipt"]
        audit = world.runtime.database.audit
        before = await audit.count_documents({"action": "journey"})
        nobodys = await world.khf.get(f"/receipts/{'ab' * 16}")
        for stranger in (world.khf, world.gjf):
            theirs = await stranger.get(f"/receipts/{receipt}")
            assert (theirs.status_code, theirs.content) == (404, nobodys.content)
        assert (await world.khf.get("/receipts/nonsense")).content == nobodys.content
        assert await audit.count_documents({"action": "journey"}) == before  # nothing was read
        assert (await world.admin.get(f"/receipts/{receipt}")).json()["receipt"] == receipt

    async def test_a_refused_event_tells_why(self, world: World) -> None:
        event = world.gjf.event("job-posted", example("job-posted", closes=today(-1)))
        await world.gjf.post(event)
        journey = (await world.gjf.get(f"/events/{event['id']}", source=event["source"])).json()
        assert journey["status"] == "refused"
        assert journey["errors"][0]["rule"] == "closes-in-the-past"


class TestLookup:
    async def test_it_needs_its_right(self, world: World) -> None:
        answer = await world.admin.lookup("R-30")  # administers, and has no right to look anybody up
        assert (answer.status_code, "reads lookup" in answer.text) == (403, True)

    async def test_it_gives_the_callers_own_alias_and_leaves_an_audit_entry(self, world: World) -> None:
        receipt = (await world.hanawon.send("trainee-graduated", graduate("R-30"))).json()
        audit = world.runtime.database.audit
        before = await audit.count_documents({"action": "lookup"})
        assert (await world.hanawon.lookup("R-30")).json() == {"alias": receipt["alias"]}
        assert await audit.count_documents({"action": "lookup"}) == before + 1
        entry = await audit.find_one({"action": "lookup", "outcome": "answered"})
        assert (entry["agency"], entry["key_id"]) == ("hanawon", "hanawon-1")

    async def test_what_cannot_be_written_down_is_not_answered(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        receipt = (await world.hanawon.send("trainee-graduated", graduate("R-32"))).json()

        async def fails(self: Repository, *entry: Any, **more: Any) -> None:
            raise AutoReconnect("away")

        monkeypatch.setattr(Repository, "audit", fails)
        for answer in (
            await world.hanawon.lookup("R-32"),
            await world.hanawon.get(f"/receipts/{receipt['receipt']}"),
            await world.hanawon.get(f"/events/{receipt['id']}", source=receipt["source"]),
        ):
            assert answer.status_code == 503
            assert receipt["alias"] not in answer.text
            assert receipt["id"] not in answer.text

    async def test_another_agencys_reference_looks_unknown(self, world: World) -> None:
        await world.hanawon.send("trainee-graduated", graduate("R-31"))
        theirs, nobodys = await world.gjf.lookup("R-31"), await world.gjf.lookup("R-none")
        assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content)
        assert theirs.status_code == 404


class TestRejections:
    async def test_an_administrators_look_at_everybodys_is_written_down_first(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        audit = world.runtime.database.audit
        before = await audit.count_documents({"action": "rejections-of-others"})
        assert (await world.admin.get("/rejections")).status_code == 200
        assert (await world.khf.get("/rejections")).status_code == 200  # its own
        assert await audit.count_documents({"action": "rejections-of-others"}) == before + 1

        async def fails(self: Repository, *entry: Any, **more: Any) -> None:
            raise AutoReconnect("away")

        monkeypatch.setattr(Repository, "audit", fails)
        assert (await world.admin.get("/rejections")).status_code == 503

    async def test_they_are_read_page_by_page_newest_first(self, world: World) -> None:
        for number in range(5):
            await world.khf.send(
                "job-posted", example("job-posted", reference=f"X-{number}", closes=today(-1)), id=f"r{number}"
            )
        seen: list[str] = []
        before: dict[str, str] = {}
        while True:
            page = (await world.khf.get("/rejections", limit=2, **before)).json()
            seen += [rejection["id"] for rejection in page["rejections"]]
            if "next" not in page:
                break
            before = {"before": page["next"]}
        assert [name for name in seen if name.startswith("r")] == ["r4", "r3", "r2", "r1", "r0"]
        ours = {r["agency"] for r in (await world.khf.get("/rejections", limit=500)).json()["rejections"]}
        everybodys = {r["agency"] for r in (await world.admin.get("/rejections", limit=500)).json()["rejections"]}
        assert ours == {"khf"}
        assert everybodys > ours
        assert (await world.khf.get("/rejections", before="nonsense")).status_code == 422


class TestOddParameters:
    async def test_a_cursor_with_a_time_that_no_store_can_hold_is_refused_with_field_and_remedy(
        self, world: World
    ) -> None:
        for time in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-22T00:00:00"):
            cursor = base64.urlsafe_b64encode(f"{time} {'ab' * 16}".encode()).decode()
            answer = await world.khf.get("/rejections", before=cursor)
            assert (answer.status_code, answer.json()["field"]) == (422, "/query/before")
            assert answer.json()["remedy"]

    async def test_no_value_of_any_parameter_makes_it_fail(self, world: World) -> None:
        description = (await world.admin.http.get("/openapi.json")).json()
        assert await refused_oddly(world.admin.http, description, world.admin.headers) == []
