"""An event of a version that this service does not know is set apart; what comes behind it in its partition goes on
(26)."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer

from shared.events import Event
from shared.events.envelope import to_kafka
from tests.integration.notifications.parts import Client, Partner, Setup, eventually, match, person, stored
from tests.integration.notifications.test_prohibitions import NOTICE_GJF, floor, holds
from tests.unit.notifications.world import hexid, holding

pytestmark = pytest.mark.integration


async def test_on_every_stream_it_is_apart_once_and_holds_up_nothing(setup: Setup) -> None:
    async with setup.running() as app, Partner() as partner:
        database = app.state.database
        strange = (setup.agency("gjf"), person("a", "gjf"), match("a", "strange"))
        await _published_as_version(99, setup, *strange)
        await setup.publish(setup.agency("gjf", sequence=2), person("a", "gjf", sequence=2), match("a", "x"))
        async with Client(app, setup.tokens["gjf"]) as gjf:
            await gjf.subscribed("webhook", partner.url)
            await eventually(lambda: stored(app, 1, state="delivered"))
            await eventually(lambda: stored(app, 3, "quarantine"))
            assert holding(partner.told) == {(hexid("alias", "a", "gjf"), hexid("opportunity", "x"))}
            # what forbids, too
            await _published_as_version(99, setup, strange_floor := floor("a", 3, NOTICE_GJF))
            await setup.publish(floor("a", 4, NOTICE_GJF))
            await eventually(lambda: holds(partner, set()))
            await eventually(lambda: stored(app, 4, "quarantine"))
        kept = [document async for document in database.quarantine.find()]
        assert {document["reason"] for document in kept} == {"unknown-version"}
        topics = {document["_id"].partition("/")[0].removeprefix(setup.prefix) for document in kept}
        assert topics == {event.event_type.topic.name for event in (*strange, strange_floor)}
        assert [document["opportunity"] async for document in database.matches.find()] == [hexid("opportunity", "x")]


async def _published_as_version(version: int, setup: Setup, *events: Event) -> None:
    async with AIOKafkaProducer(**setup.connection, acks="all") as producer:
        for event in events:
            key, value, headers = to_kafka(event)
            named = [
                (name, said.rpartition(b"/")[0] + b"/%d" % version if name == "ce_dataschema" else said)
                for name, said in headers
            ]
            topic = setup.prefix + event.event_type.topic.name
            await producer.send_and_wait(topic, value, key=key, headers=named)
