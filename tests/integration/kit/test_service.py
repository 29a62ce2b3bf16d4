"""How a service starts, says what is missing, answers its probes, and stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiokafka.errors import KafkaConnectionError
from motor.motor_asyncio import AsyncIOMotorDatabase

from deploy.local.ports import free_port
from deploy.local.stack import LocalStack
from shared.access.agencies import AGENCIES, agency_document
from shared.access.api_keys import make_key
from shared.events import Event
from shared.events.topics.agencies import AGENCY_REGISTERED, Agency
from shared.kit.runtime.service_runtime import ServiceRuntime
from shared.kit.store.store import Operation, Unavailable
from shared.kit.stream.stream import Stream
from tests.integration.kit.parts import publish
from tests.support.keys import A_KEY, ANOTHER_KEY
from tests.support.small_service import SmallSettings, build
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
NOBODY = "127.0.0.1:1"  # port 1 of the loopback answers nobody
KEYS = {"id_key": A_KEY, "sealing_key": ANOTHER_KEY, "instance": "small-1"}
NO_ONE = {
    "kafka": NOBODY, "kafka_security_protocol": "SASL_SSL", "kafka_user": "small", "kafka_password": "none",
}  # fmt: skip


def environment(**settings: object) -> dict[str, str]:
    """A process environment with these settings and no others of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IEUM_")}
    settings = {"profile": "development", **settings}
    return {**kept, **{f"IEUM_{name.upper()}": str(value) for name, value in settings.items()}}


async def started(**settings: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.small_service",
        env=environment(**settings), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def ended(process: asyncio.subprocess.Process) -> tuple[int, list[str]]:
    """Exit code and lines, once it has ended by itself."""
    try:
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines()


def agency(*, key_id: str = "small-1") -> tuple[str, Agency]:
    token, key = make_key(key_id)
    made = {"agency": "gjf", "name": {"en": "An agency"}, "recipient_class": "case", "rights": {}, "keys": []}
    return token, Agency.model_validate(made, strict=False).model_copy(update={"keys": (key,)})


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/ready")).status_code == 200
    except httpx.TransportError:
        return False


async def ticked(client: httpx.AsyncClient, times: int) -> bool:
    return bool((await client.get("/told")).json().count("tick") >= times)


async def is_let_in(client: httpx.AsyncClient, token: str) -> bool:
    answer = await client.get("/me", headers={"authorization": f"Bearer {token}"})
    return answer.status_code == 200 and answer.json() == "gjf"


@pytest.fixture
async def settings(
    kafka: str, mongo_url: str, database: AsyncIOMotorDatabase[dict[str, Any]], topic_prefix: str
) -> SmallSettings:
    return SmallSettings(
        profile="development",
        kafka=kafka,
        mongo_url=mongo_url,
        database=database.name,
        topic_prefix=topic_prefix,
        port=free_port(),
        needs_kafka=False,
    )


@asynccontextmanager
async def running(settings: SmallSettings) -> AsyncIterator[tuple[httpx.AsyncClient, ServiceRuntime]]:
    """The service in this process, without a port."""
    app = build(settings)
    async with app.router.lifespan_context(app):
        runtime: ServiceRuntime = app.state.runtime
        async with asyncio.timeout(30):
            await runtime.ready.wait()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://small") as client:
            yield client, runtime


class TestStart:
    async def test_without_settings_names_each_variable_and_ends_with_2(self) -> None:
        code, lines = await ended(await started())
        assert code == 2
        assert len(lines) == 1
        assert "IEUM_KAFKA is missing" in lines[0]
        assert "IEUM_MONGO_URL is missing" in lines[0]

    async def test_without_kafka_says_so_and_ends_with_3(self, mongo_url: str, settings: SmallSettings) -> None:
        code, lines = await ended(
            await started(kafka=NOBODY, mongo_url=mongo_url, database=settings.database, port=settings.port)
        )
        assert code == 3
        said = [line for line in map(json.loads, lines) if line["event"] == "cannot_start"]
        assert [(line["missing"], line["kafka"]) for line in said] == [("Kafka", NOBODY)]
        assert not any("Traceback" in line for line in lines)

    async def test_without_mongodb_says_so_and_ends_with_4(self, kafka: str, settings: SmallSettings) -> None:
        url = f"mongodb://somebody:secret@{NOBODY}/"
        code, lines = await ended(
            await started(kafka=kafka, mongo_url=url, topic_prefix=settings.topic_prefix, port=settings.port)
        )
        assert code == 4
        said = [line for line in map(json.loads, lines) if line["event"] == "cannot_start"]
        assert [line["missing"] for line in said] == ["MongoDB"]
        assert "secret" not in "".join(lines)

    async def test_without_both_says_both_and_ends_with_3(self) -> None:
        code, lines = await ended(await started(kafka=NOBODY, mongo_url=f"mongodb://{NOBODY}", port=free_port()))
        said = [line["missing"] for line in map(json.loads, lines) if line["event"] == "cannot_start"]
        assert (code, sorted(said)) == (3, ["Kafka", "MongoDB"])

    async def test_on_a_port_that_is_taken_says_so_and_ends_with_1(self, settings: SmallSettings) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            code, lines = await ended(await started(kafka=NOBODY, mongo_url=f"mongodb://{NOBODY}", port=port))
        assert code == 1
        assert json.loads(lines[-1])["missing"] == "port"

    async def test_with_a_failing_load_ends_with_1_and_tells_no_text(self, settings: SmallSettings) -> None:
        given = settings.model_dump(include={"kafka", "mongo_url", "database", "topic_prefix", "port"})
        code, lines = await ended(await started(**given, fail_at="load"))
        assert code == 1
        (failure,) = [line for line in map(json.loads, lines) if line["event"] == "cannot_begin"]
        assert failure["errors"] == ["RuntimeError"]
        assert "on purpose" not in "".join(lines)

    async def test_in_production_refuses_a_mongod_past_its_support(self, settings: SmallSettings, mongo: Any) -> None:
        version = (await mongo.server_info())["versionArray"][0]
        forced = {"profile": "production", "kafka_idempotent": "true", "metrics_port": free_port(), **KEYS, **NO_ONE}
        code, lines = await ended(await started(**(self.given(settings) | forced)))
        assert code == 3  # nor is there a Kafka: both are said
        assert any("past its support" in line for line in lines) == (version < 7)

    async def test_production_refuses_a_broker_without_users(self, settings: SmallSettings) -> None:
        forced = {"profile": "production", "kafka_idempotent": "true", "metrics_port": free_port(), **KEYS}
        code, lines = await ended(await started(**self.given(settings), **forced))
        assert code == 2
        assert len(lines) == 1
        assert lines[0].startswith("IEUM_KAFKA_SECURITY_PROTOCOL cannot stand")

    async def test_says_at_every_start_that_a_broker_without_users_is_open(self, settings: SmallSettings) -> None:
        _, lines = await ended(await started(**self.given(settings), fail_at="load"))
        assert [line["level"] for line in map(json.loads, lines) if line["event"] == "kafka_is_open"] == ["warning"]

    def given(self, settings: SmallSettings) -> dict[str, Any]:
        return settings.model_dump(include={"kafka", "mongo_url", "database", "topic_prefix", "port"})


class TestLife:
    async def test_is_served_probed_and_stopped_by_sigterm_cleanly(self, settings: SmallSettings) -> None:
        given = settings.model_dump(include={"kafka", "mongo_url", "database", "topic_prefix", "port"})
        process = await started(**given)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}") as client:
                async with asyncio.timeout(40):
                    while True:
                        try:
                            if (answer := await client.get("/ready")).status_code == 200:
                                break
                        except httpx.TransportError:
                            pass
                        await asyncio.sleep(0.1)
                assert answer.json() == {"ready": True, "phase": "running", "missing": []}
                assert (await client.get("/live")).status_code == 200
                exposed = (await client.get("/metrics")).text
                assert 'ieum_build_info{service="small",version="0.1.0"} 1.0' in exposed
                assert (await client.get("/told")).json()[0] == "load"
        finally:
            process.send_signal(signal.SIGTERM)
        code, lines = await ended(process)
        assert code == 0
        assert json.loads(lines[-1])["event"] == "stopped"
        assert not any("Traceback" in line for line in lines)
        assert all(json.loads(line) for line in lines)

    async def test_metrics_on_a_port_of_their_own_are_not_beside_the_api(self, settings: SmallSettings) -> None:
        given = settings.model_dump(include={"kafka", "mongo_url", "database", "topic_prefix", "port"})
        own = free_port()
        process = await started(**given, metrics_port=own, needs_kafka=False)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}") as client:
                await eventually(lambda: is_ready(client))
                assert (await client.get("/metrics")).status_code == 404
                assert "/metrics" not in (await client.get("/openapi.json")).text
                assert "/metrics" not in (await client.get("/docs")).text
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{own}") as client:
                assert "ieum_build_info" in (await client.get("/metrics")).text
                for path in ("/ready", "/docs", "/openapi.json", "/quarantine", "/me"):
                    assert (await client.get(path)).status_code == 404
        finally:
            process.send_signal(signal.SIGTERM)
        code, lines = await ended(process)
        assert code == 0
        assert json.loads(lines[-1])["event"] == "stopped"

    async def test_stops_what_it_started_with_mongodb_still_open(self, settings: SmallSettings) -> None:
        async with running(settings) as (client, _):
            await eventually(lambda: ticked(client, 3))  # the loop crashes twice and is started again
            told = client._transport.app.state.told  # type: ignore[attr-defined]  # see `running`
        assert told[-2:] == ["tock", "stopped"]

    async def test_can_be_started_again_on_the_same_database(self, settings: SmallSettings) -> None:
        for _ in range(2):
            async with running(settings) as (client, _runtime):
                assert (await client.get("/ready")).json() == {"ready": True, "phase": "running", "missing": []}

    async def test_what_it_emits_comes_back_to_its_stream_and_opens_its_door(self, settings: SmallSettings) -> None:
        token, state = agency()
        async with running(settings) as (client, runtime):
            assert (await client.get("/me", headers={"authorization": f"Bearer {token}"})).status_code == 401
            event = Event(
                id=runtime.ids.derived("test"), source="/small", type=AGENCY_REGISTERED.name, version=1,
                time=datetime.now(UTC), key="gjf", data=state, sequence=1,
            )  # fmt: skip
            await runtime.store.submit(Operation(lambda work: (), lambda work: work.emit(event)))
            await eventually(lambda: is_let_in(client, token))
            exposed = (await client.get("/metrics")).text
            assert 'ieum_events_consumed_total{topic="agencies",type="agency-registered"}' in exposed


class TestStopWithoutMongoDB:
    @pytest.mark.parametrize("hurt", ["killed", "frozen"])
    async def test_ends_within_what_a_container_is_given(
        self, own_stack: LocalStack, hurt: str, topic_prefix: str
    ) -> None:
        """With a batch in hand, a request and a transaction under way. Docker kills after 30 s: then the code is -9."""
        port = free_port()
        given = {"kafka": own_stack.kafka, "mongo_url": own_stack.mongo_url, "topic_prefix": topic_prefix, "port": port}
        process = await started(**given, database="small")
        token, state = agency()
        event = Event(
            id="a" * 32, source="/small", type=AGENCY_REGISTERED.name, version=1, time=datetime.now(UTC), key="gjf",
            data=state, sequence=1,
        )  # fmt: skip
        asking: list[asyncio.Task[Any]] = []
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=40) as client:
                await eventually(lambda: is_ready(client))
                await publish(own_stack.kafka, f"{topic_prefix}agencies", [event])
                await eventually(lambda: is_let_in(client, token))  # its group has found together: it reads
                if hurt == "killed":
                    own_stack.database.kill()
                else:
                    own_stack.database.pause()
                await publish(own_stack.kafka, f"{topic_prefix}agencies", [event] * 3)
                header = {"authorization": f"Bearer {token}"}
                asking = [asyncio.create_task(client.get("/me", headers=header)) for _ in range(5)]
                await asyncio.sleep(2.0)  # the batch is in hand
                process.send_signal(signal.SIGTERM)
                reading = asyncio.create_task(process.communicate())
                await asyncio.wait([reading], timeout=30)
                if not reading.done():
                    process.kill()
                out, _ = await reading
                await asyncio.gather(*asking, return_exceptions=True)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, out.decode()
        lines = [json.loads(line) for line in out.decode().splitlines()]
        assert lines[-1]["event"] == "stopped"


def measured(text: str) -> dict[str, float]:
    """The samples of an exposition."""
    samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


class TestWhatIsMissingAsMetrics:
    async def test_is_told_while_a_start_waits_for_kafka(self, mongo_url: str, settings: SmallSettings) -> None:
        kept = {"mongo_url": mongo_url, "database": settings.database, "port": settings.port}
        metrics_port = free_port()
        with socket.socket() as silent:  # takes connections and never answers
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            process = await started(kafka=f"127.0.0.1:{silent.getsockname()[1]}", **kept, metrics_port=metrics_port)
            try:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{metrics_port}") as client:

                    async def seen() -> dict[str, float]:
                        try:
                            told = measured((await client.get("/metrics")).text)
                        except httpx.TransportError:
                            return {}
                        return told if told.get('ieum_missing{kind="mongodb"}') == 0 else {}

                    told = await eventually(seen)
            finally:
                process.kill()
                await process.communicate()
        assert (told['ieum_missing{kind="kafka"}'], told["ieum_ready"]) == (1, 0)

    async def test_follows_what_ready_says(self, settings: SmallSettings, monkeypatch: pytest.MonkeyPatch) -> None:
        async def silent() -> None:
            raise ConnectionError

        monkeypatch.setattr("shared.kit.runtime.metering.READY_SECONDS", 0.1)
        async with running(settings) as (client, runtime):

            async def gauges() -> tuple[float, float]:
                seen = measured((await client.get("/metrics")).text)
                return seen["ieum_ready"], seen['ieum_missing{kind="kafka"}']

            async def well() -> bool:
                return await gauges() == (1, 0)

            async def ill() -> bool:
                return await gauges() == (0, 1)

            await eventually(well)
            with monkeypatch.context() as broken:
                broken.setattr(runtime.health, "_broken", lambda: True)

                async def stuck() -> bool:
                    return await gauges() == (0, 0)

                await eventually(stuck)
            await eventually(well)
            needed: Any = runtime.health._needed
            needed["kafka"] = silent
            await eventually(ill)


class TestStreamsThatBegin:
    @pytest.mark.parametrize("error", [KafkaConnectionError("gone"), Unavailable("gone")])
    async def test_while_kafka_or_mongodb_is_gone_are_tried_again_and_no_bug_is_told(
        self, settings: SmallSettings, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begins, failures = Stream.start, [error, error]

        async def start(stream: Stream) -> None:
            if failures:
                raise failures.pop()
            await begins(stream)

        monkeypatch.setattr(Stream, "start", start)
        async with running(settings) as (client, _):
            await eventually(lambda: not failures)
            seen = (await client.get("/metrics")).text
        assert f'kind="start",reason="{type(error).__name__}"' in seen
        assert 'ieum_loop_restarts_total{kind="start"}' not in seen


class TestReady:
    async def test_is_no_while_starting_and_stopping_and_says_the_phase(self, settings: SmallSettings) -> None:
        async with running(settings) as (client, runtime):
            runtime.health.phase = "starting"
            starting = await client.get("/ready")
            runtime.stop()
            stopping = await client.get("/ready")
        assert (starting.status_code, starting.json()["phase"]) == (503, "starting")
        assert (stopping.status_code, stopping.json()["phase"]) == (503, "stopping")

    async def test_names_what_does_not_answer(self, settings: SmallSettings, monkeypatch: pytest.MonkeyPatch) -> None:
        async def silent() -> None:
            await asyncio.sleep(60)

        monkeypatch.setattr("shared.kit.web.probes.CHECK_SECONDS", 1.0)
        async with running(settings) as (client, runtime):
            needed: Any = runtime.health._needed
            needed["kafka"] = silent
            answer = await client.get("/ready")
            assert (answer.status_code, answer.json()["missing"]) == (503, ["kafka"])
            assert (await client.get("/live")).status_code == 200  # a restart would not help


class TestKeysAgainstTheDatabase:
    async def test_a_changed_agency_is_known_after_the_cache_has_ended(self, settings: SmallSettings) -> None:
        token, state = agency()
        async with running(settings) as (client, runtime):
            keys: Any = runtime.authenticator
            keys._clock = iter(range(0, 1000, 2)).__next__
            document = agency_document(state, 1)
            await runtime.database[AGENCIES].replace_one({"_id": "gjf"}, document, upsert=True)
            header = {"authorization": f"Bearer {token}"}
            assert (await client.get("/me", headers=header)).json() == "gjf"
            await runtime.database[AGENCIES].replace_one(
                {"_id": "gjf"}, {**document, "state": {**document["state"], "keys": []}}
            )
            assert (await client.get("/me", headers=header)).status_code == 401

    async def test_a_dump_of_the_database_does_not_hold_the_key(self, settings: SmallSettings) -> None:
        token, state = agency()
        async with running(settings) as (_, runtime):
            await runtime.database[AGENCIES].insert_one(agency_document(state, 1))
            dump = [document async for document in runtime.database[AGENCIES].find()]
        assert token.partition(".")[2] not in str(dump)
