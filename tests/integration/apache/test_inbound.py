"""The door on Kafka, at a real Apache Kafka with users: own topics, own answers, sealed identity, through kills."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaClient, AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, TopicAuthorizationFailedError

from deploy.local.apache.broker import ApacheBroker
from deploy.rights.agency import AgencyDoor
from deploy.rights.login import ADMIN
from deploy.rights.own_topics import withdraw
from services.intake.inbound.answers import ANSWERS
from shared.events.identity_boxes import BoxKeys
from shared.kit.kafka.aiokafka_internals import topic_ids
from shared.kit.kafka.client import why_refused
from shared.kit.kafka.settings import KafkaSecurity, KafkaSettings
from tests.integration.apache.agencies import NEW, OLD, Agency, binary, new_agency, security, structured
from tests.integration.apache.parts import ACTS
from tests.integration.intake.running import Partner, intake, register, settings
from tests.unit.intake.memory import example, today

pytestmark = pytest.mark.integration
SECRET = "비밀이름"


class World:
    runtime: Any
    admin: Partner
    hanawon: Agency
    gjf: Agency
    by_http: Partner


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(broker: ApacheBroker, mongo_url: str, mongo: Any) -> AsyncIterator[World]:
    name, world, mark = f"test_{secrets.token_hex(6)}", World(), secrets.token_hex(2)
    given = settings(broker.address, mongo_url, database=name, **security(broker))
    async with intake(given) as (runtime, admin):
        world.runtime, world.admin = runtime, admin
        world.by_http = await register(admin, f"hanawon-{mark}")
        await register(admin, f"gjf-{mark}", "service")
        world.hanawon = await new_agency(broker, f"hanawon-{mark}")
        world.gjf = await new_agency(broker, f"gjf-{mark}")
        yield world
    await mongo.drop_database(name)


class TestOneDoor:
    async def test_says_that_it_is_open_and_to_which_key_to_seal(self, world: World) -> None:
        found = (await world.admin.http.get("/doors/kafka")).json()
        assert found["open"] is True
        assert [one["public_key"] for one in found["keys"]] == list(BoxKeys([NEW, OLD]).public.values())

    async def test_everything_is_answered_in_order_and_nothing_stops_what_is_behind_it(
        self, world: World, mongo: Any
    ) -> None:
        me = world.hanawon
        graduated = example("trainee-graduated", consents=[{"purpose": "matching", "until": today(100)}])
        graduated["identity"]["name"] = SECRET
        good = me.event("trainee-graduated", graduated)
        other = me.event("trainee-graduated", {**graduated, "reference": "HW-2"})
        plain = me.event("trainee-graduated", {**graduated, "reference": "HW-3"})
        moved = me.event("trainee-graduated", {**graduated, "reference": "HW-4"})
        foreign = {**me.event("person-left", {"reference": "HW-8841", "reason": "own-wish"}), "source": "/agencies/gjf"}
        refused = me.event("job-posted", {"reference": "a", SECRET: 1})
        await me.publish(
            structured(me.sealed(good)),
            (b"{", [("content-type", b"application/cloudevents+json")]),
            binary(me.sealed(other, OLD)),
            structured(plain),
            (None, []),
            structured(me.sealed(moved, id="another")),
            (b"[]", [("content-type", b"application/cloudevents-batch+json")]),
            structured(foreign),
            (b"\xff", [("ce_id", b"\xff"), ("ce_specversion", b"1.0"), ("ce_id", b"2")]),
            binary(refused),
            structured(me.sealed(good)),
            structured(me.sealed({**good, "data": {**good["data"], "reference": "HW-9"}})),
        )
        answers = await me.answered(12)
        said = [(one["offset"], one["status"], (one.get("problem") or {}).get("rule")) for one in answers]
        assert said == [
            (0, "accepted", None),
            (1, "refused", "not-json"),
            (2, "accepted", None),
            (3, "refused", "identity-not-sealed"),
            (4, "refused", "missing-field"),
            (5, "refused", "box-not-opened"),
            (6, "refused", "unsupported-media-type"),
            (7, "refused", "wrong-source"),
            (8, "refused", "wrong-encoding"),
            (9, "refused", "missing-field"),
            (10, "duplicate", None),
            (11, "refused", "same-id-other-content"),
        ]
        assert answers[0]["receipt"] == answers[10]["receipt"]
        assert answers[3]["problem"]["errors"][0]["field"] == "/data/identity"
        assert answers[3]["problem"]["errors"][0]["remedy"].keys() == {"ko", "en"}
        assert SECRET not in json.dumps(answers, ensure_ascii=False)
        # the same list of rejections, receipts and journeys as behind HTTP
        rejections = (await world.by_http.get("/rejections")).json()["rejections"]
        assert len(rejections) == 9
        journey = await world.by_http.get(f"/events/{good['id']}", source=good["source"])
        assert journey.json()["status"] == "accepted"
        database = world.runtime.database
        assert await database.people.count_documents({"owner": me.name}) == 2
        for name in await database.list_collection_names():
            async for document in database[name].find({}):
                assert SECRET.encode() not in repr(document).encode()

    async def test_no_answer_is_left_behind(self, world: World) -> None:
        await world.gjf.publish(structured(world.gjf.event("job-posted", example("job-posted"))))
        assert [one["status"] for one in await world.gjf.answered(1)] == ["accepted"]
        for _ in range(100):
            if not await ANSWERS.of(world.runtime.database).count_documents({}):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("answers that were published are still kept")


class TestWalls:
    async def test_an_agency_reaches_no_topic_but_its_own(self, world: World) -> None:
        mine, theirs = world.gjf, world.hanawon
        record = structured(mine.event("job-posted", example("job-posted")))
        for topic in (theirs.inbound, theirs.answers, mine.answers, "people", "opportunities"):
            with pytest.raises(TopicAuthorizationFailedError):
                await mine.publish(record, topic=topic)
        client = AIOKafkaClient(**mine.login.arguments)
        await client.bootstrap()
        try:
            foreign = {theirs.inbound, theirs.answers, "people", "matches"}
            found, hidden = await topic_ids(client, sorted({mine.inbound, mine.answers} | foreign))
        finally:
            await client.close()
        granted = {
            topic: {act for act, code in ACTS.items() if (each.operations or 0) >> code & 1}
            for topic, each in found.items()
        }
        assert granted == {mine.inbound: {"Write", "Describe"}, mine.answers: {"Read", "Describe"}}
        assert hidden == foreign

    async def test_what_is_packed_is_unpacked_by_the_broker_within_its_bound(self, world: World) -> None:
        """Else a batch of a few kB would become some MB, or GB, in the service that reads it."""
        mine = world.gjf
        before = len(await mine.answered(99, seconds=2))
        value, headers = structured(mine.event("job-posted", example("job-posted", reference="packed")))
        producer = AIOKafkaProducer(**mine.login.arguments, compression_type="gzip", max_request_size=10_000_000)
        await producer.start()
        try:
            with pytest.raises(MessageSizeTooLargeError):
                await producer.send_and_wait(mine.inbound, b" " * 5_000_000)
            await producer.send_and_wait(mine.inbound, value, headers=headers)
        finally:
            await producer.stop()
        assert [one["status"] for one in await mine.answered(before + 1)] == ["accepted"] * (before + 1)

    async def test_who_is_taken_away_comes_in_no_more(self, world: World, broker: ApacheBroker) -> None:
        gone = await new_agency(broker, f"gone-{secrets.token_hex(2)}")
        assert await withdraw(broker.login(ADMIN).arguments, AgencyDoor(gone.name))
        login: dict[str, Any] = {"user": gone.login.user, "password": gone.login.password}
        security = KafkaSecurity(security_protocol="SASL_PLAINTEXT", **login)
        refused = KafkaSettings(bootstrap=broker.address, instance="x", security=security)
        found = await why_refused(refused, 5_000)
        assert found is not None
        assert found.wrong == "password"
        assert not await withdraw(broker.login(ADMIN).arguments, AgencyDoor(gone.name))
