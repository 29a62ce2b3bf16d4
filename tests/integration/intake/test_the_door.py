"""The door by HTTP on a real broker and database: receipts, problems, journeys, lookups, rejections."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
import pytest_asyncio
from pymongo.errors import AutoReconnect

from services.intake.changes.effect import Tools
from services.intake.clock import Clock
from services.intake.identity import References, Vault
from services.intake.repository import Repository
from services.intake.service import Door
from services.intake.settings import DEVELOPMENT_KEK
from shared.events import Event, registry
from shared.reference import load_pack
from tests.integration.intake.running import BATCH, Partner, intake, on_the_bus, register, say, settings
from tests.support.odd_queries import refused_oddly
from tests.unit.intake.memory import example, today

pytestmark = pytest.mark.integration


class World:
    """One running intake and the agencies around it."""

    kit: Any
    kafka: str
    prefix: str
    admin: Partner
    hanawon: Partner
    gjf: Partner
    khf: Partner

    async def stored(self) -> bytes:
        """Every document of intake's database as it is stored."""
        found = b""
        for name in await self.kit.database.list_collection_names():
            async for document in self.kit.database[name].find():
                found += bson.encode(document)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(kafka: str, mongo_url: str, mongo: Any) -> AsyncIterator[World]:
    import secrets

    name, prefix = f"test_{secrets.token_hex(6)}", f"t{secrets.token_hex(4)}."
    async with intake(settings(kafka, mongo_url, database=name, topic_prefix=prefix, lapse_seconds=3600)) as (
        kit,
        admin,
    ):
        world = World()
        world.kit, world.kafka, world.prefix, world.admin = kit, kafka, prefix, admin
        world.hanawon = await register(admin, "hanawon")
        world.gjf = await register(admin, "gjf", "service")
        world.khf = await register(admin, "khf")
        yield world
    await mongo.drop_database(name)


def _person(reference: str, **changes: Any) -> dict[str, Any]:
    return example("trainee-graduated", reference=reference, **changes)


class TestReceipts:
    async def test_an_event_is_answered_and_reaches_the_bus(self, world: World) -> None:
        answer = await world.hanawon.send("trainee-graduated", _person("R-1"))
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
        person = _person("R-2")
        events = [
            world.hanawon.event("trainee-graduated", person),
            "nonsense",
            world.hanawon.event("trainee-graduated", _person("R-3", residence="legal-dong-2026:00000")),
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
        held = await world.kit.database.agencies.find_one({"_id": "shortlived"})
        state = {**held["state"], "rights": {**held["state"]["rights"], "emits": []}}
        assert (await world.admin.send("agency-changed", state)).status_code == 202
        assert (await partner.send("job-posted", example("job-posted", places=5))).status_code == 403

    async def test_a_test_run_leaves_nothing(self, world: World) -> None:
        before = await world.stored()
        answer = await world.hanawon.send("trainee-graduated", _person("R-9"), testrun=True)
        assert answer.json()["testrun"] is True
        assert (await world.hanawon.lookup("R-9")).status_code == 404
        after = await world.stored()
        assert answer.json()["receipt"].encode() not in after
        assert len(before) <= len(after) < len(before) + 2_000  # the audit entry, and what others keep of time


class TestJourney:
    async def test_it_goes_from_the_door_to_the_partners_answer(self, world: World) -> None:
        event = world.hanawon.event("trainee-graduated", _person("R-20"), id="journey/1")
        receipt = (await world.hanawon.post(event)).json()["receipt"]
        row = await world.kit.database.inbox.find_one({"receipt": receipt})
        await say(world.kafka, world.prefix, *_steps(row["correlationid"]), *_steps(row["correlationid"]))
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
        assert await world.kit.database.audit.count_documents(entry) >= 2

    async def test_ten_thousand_deliveries_make_it_no_longer(self, world: World) -> None:
        receipt = (await world.hanawon.send("trainee-graduated", _person("R-22"))).json()["receipt"]
        steps, row = world.kit.database.steps, await world.kit.database.inbox.find_one({"receipt": receipt})
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
        event = world.hanawon.event("trainee-graduated", _person("R-21"))
        await world.hanawon.post(event)
        source = {"source": event["source"]}
        theirs = await world.khf.get(f"/events/{event['id']}", **source)
        nobodys = await world.khf.get("/events/none", **source)
        assert (theirs.status_code, theirs.content) == (404, nobodys.content)
        assert (await world.admin.get(f"/events/{event['id']}", **source)).status_code == 200

    async def test_another_agency_sees_nothing_by_the_receipt_either(self, world: World) -> None:
        receipt = (await world.hanawon.send("trainee-graduated", _person("R-23"))).json()["receipt"]
        audit = world.kit.database.audit
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


def _steps(correlationid: str) -> list[Event[Any]]:
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


class TestLookup:
    async def test_it_gives_the_callers_own_alias_and_leaves_an_audit_entry(self, world: World) -> None:
        receipt = (await world.hanawon.send("trainee-graduated", _person("R-30"))).json()
        audit = world.kit.database.audit
        before = await audit.count_documents({"action": "lookup"})
        assert (await world.hanawon.lookup("R-30")).json() == {"alias": receipt["alias"]}
        assert await audit.count_documents({"action": "lookup"}) == before + 1
        entry = await audit.find_one({"action": "lookup", "outcome": "answered"})
        assert (entry["agency"], entry["key_id"]) == ("hanawon", "hanawon-1")

    async def test_what_cannot_be_written_down_is_not_answered(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        receipt = (await world.hanawon.send("trainee-graduated", _person("R-32"))).json()

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
        await world.hanawon.send("trainee-graduated", _person("R-31"))
        theirs, nobodys = await world.gjf.lookup("R-31"), await world.gjf.lookup("R-none")
        assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content)
        assert theirs.status_code == 404


class TestRejections:
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


class TestIdentityAtRest:
    async def test_no_planted_value_is_readable_in_the_database_or_on_the_bus(self, world: World) -> None:
        planted = {
            "name": "갈빛노을",
            "birth_date": "1987-07-17",
            "phone": "+82-10-9876-5432",
            "address": "물푸레로 777",
        }
        reference = "ZQ-PLANTED-77"
        data = _person(reference, identity={**planted, "sex": "male", "email": "zq@planted.invalid"})
        await world.hanawon.send("trainee-graduated", data, id=f"{reference}-graduated")
        wrong = _person("ZQ-PLANTED-78", identity={**planted, "sex": "male"}, certificates=["갈빛노을"])
        await world.hanawon.send("trainee-graduated", wrong, id=f"{reference}-again")
        await world.gjf.send("job-posted", example("job-posted", reference="ZQ-JOB-79"))
        stored = await world.stored()
        for event in await on_the_bus(world.kafka, world.prefix + "people"):
            stored += event.data.model_dump_json().encode() + repr(event).encode()
        for secret in (
            *planted.values(),
            reference,
            "ZQ-PLANTED-78",
            "zq@planted",
            "ZQ-JOB-79",
            "98765432",
            "9876-5432",
        ):
            assert secret.encode() not in stored, secret
        assert b"legal-dong-2026:41270" in stored  # the search finds what is there

    async def test_the_vault_can_open_it_and_the_database_refuses_it_in_clear(self, world: World) -> None:
        await world.hanawon.send("trainee-graduated", _person("R-40"))
        vault = Vault(bytes.fromhex(DEVELOPMENT_KEK))
        opened = [vault.open(record, "reference") async for record in world.kit.database.identities.find()]
        assert "R-40" in opened
        with pytest.raises(Exception, match="Document failed validation"):
            await world.kit.database.identities.insert_one({"_id": "x", "key": b"k", "sealed": {"name": "in clear"}})


class TestClock:
    async def test_a_consent_lapses_the_day_after_its_last_once(self, world: World) -> None:
        consents = [
            {"purpose": "matching", "until": today()},
            {"purpose": "notice", "recipient": "gjf", "until": today(5)},
        ]
        receipt = (await world.hanawon.send("trainee-graduated", _person("R-50", consents=consents))).json()
        kit, pack = world.kit, load_pack("kr-gyeonggi")
        tools = Tools(pack, kit.ids, kit.sealer, Vault(bytes(32)), References(kit.ids))
        repository, door = Repository(kit.database), Door(kit.store, tools)

        def clock(days: int) -> Clock:
            return Clock(kit.store, repository, door, tools, lambda: datetime.now(UTC) + timedelta(days=days))

        assert await clock(0).lapse() == 0
        assert await clock(1).lapse() == 1
        assert await clock(1).lapse() == 0
        events = await on_the_bus(world.kafka, world.prefix + "people", at_least=3)
        person = next(event.key for event in events if event.causationid == receipt["receipt"])
        mine = [event for event in events if event.key == person]
        assert [event.type for event in mine] == ["trainee-graduated", "consent-given", "consent-lapsed"]
        assert [consent.purpose for consent in mine[-1].data.consents] == ["notice"]
        assert mine[-1].sequence == 3
        assert mine[-1].correlationid


class TestProbes:
    async def test_metrics_count_what_was_accepted_and_refused(self, world: World) -> None:
        await world.gjf.send("job-posted", example("job-posted", reference="M-1"))
        await world.gjf.send("job-posted", example("job-posted", reference="M-2", closes=today(-1)))
        text = (await world.gjf.http.get("/metrics")).text
        assert 'ieum_events_accepted_total{type="job-posted"}' in text
        assert 'ieum_events_refused_total{reason="closes-in-the-past"}' in text
        assert 'ieum_last_event_timestamp_seconds{agency="gjf",type="job-posted"}' in text
