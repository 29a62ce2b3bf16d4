"""`ieum send --kafka` at a real Apache Kafka with users: the report as by HTTP, exit codes, identities in boxes."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from asyncio import to_thread
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.apache.broker import ApacheBroker
from deploy.rights.agency import main as operators_command
from deploy.rights.login import ADMIN
from tests.integration.apache.agencies import Agency, new_agency, security
from tests.integration.intake.running import ADMIN_TOKEN, Partner, Process, register
from tests.support.certificates import Authority
from tests.support.files import A_JOB, JOB, csv_of
from tests.unit.intake.memory import example, today

pytestmark = pytest.mark.integration
SECRET = "비밀이름"
BAD = (
    "A-2",
    "secret title",
    "제과사",
    "수원시",
    "월급",
    "1,000,000",
    "2026-12-31",
)  # below the minimum: only the door knows


class World:
    process: Process
    gjf: Agency
    by_http: Partner
    folder: Path

    def ieum(self, *arguments: str, code: int = 0, by: str = "", **changed: str) -> Any:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "IEUM_AGENCY": self.gjf.name, "IEUM_LANGUAGE": "en",
            "IEUM_INTAKE": f"http://127.0.0.1:{self.process.port}",
            "IEUM_KAFKA_PASSWORD_FILE": str(self.folder / "password"), **changed,
        }  # fmt: skip
        called = [sys.executable, "-m", "clients.ieum", *arguments, *(("--kafka", by) if by else ()), "--json"]
        run = subprocess.run(called, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == code, (run.stdout, run.stderr)
        return json.loads(run.stdout) if code in (0, 1) else run.stderr

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    broker: ApacheBroker, mongo_url: str, mongo: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    world, name = World(), f"gjf-{secrets.token_hex(3)}"
    world.folder = tmp_path_factory.mktemp("client")
    more = {f"IEUM_{key.upper()}": str(value) for key, value in security(broker).items()}
    world.process = Process(world.folder, broker.address, mongo_url, "", more=more)
    try:
        http = await world.process.ready()
        world.gjf = await new_agency(broker, name)
        world.by_http = await register(Partner(http, "ops", ADMIN_TOKEN), name, "service")
        (world.folder / "password").write_text(world.gjf.login.password + "\n")
        (world.folder / "password").chmod(0o600)
        yield world
        await http.aclose()
    finally:
        world.process.kill()
        await mongo.drop_database(world.process.database)


async def test_the_same_report_as_by_http_and_again_a_duplicate(world: World, broker: ApacheBroker) -> None:
    table = world.file("jobs.csv", csv_of(JOB, A_JOB, BAD, (*A_JOB[:2], "없는직업", *A_JOB[3:]), encoding="cp949"))
    sent = await to_thread(world.ieum, "send", table, "--type", "job-posted", code=1, by=broker.address)
    assert {name: sent[name] for name in ("rows", "not_sent", "accepted", "refused")} == {
        "rows": 3, "not_sent": 1, "accepted": 1, "refused": 1,
    }  # fmt: skip
    http = await to_thread(
        world.ieum, "send", table, "--type", "job-posted", code=1,
        IEUM_KEY=world.by_http.headers["authorization"].removeprefix("Bearer "),
    )  # fmt: skip
    assert http["first"] == sent["first"]
    assert [(one["row"], one["column"], one["rule"]) for one in sent["first"] if not one["warning"]] == [
        (3, "F", "wage-below-minimum"), (4, "C", "unknown-code-name"),
    ]  # fmt: skip
    again = await to_thread(world.ieum, "send", table, "--type", "job-posted", code=1, by=broker.address)
    assert (again["duplicate"], again["refused"]) == (1, 1)
    rejections = (await world.by_http.get("/rejections")).json()["rejections"]
    assert {error["rule"] for one in rejections for error in one["errors"]} == {"wage-below-minimum"}


async def test_people_travel_in_boxes_and_what_is_not_of_the_form_does_not_travel(
    world: World, broker: ApacheBroker, mongo: Any
) -> None:
    person = example("trainee-graduated", consents=[{"purpose": "matching", "until": today(100)}])
    person["identity"]["name"] = SECRET
    lines = [person, {**person, "reference": "HW-2", "nickname": SECRET}, {**person, "reference": "HW-3"}]
    people = world.file("people.jsonl", "\n".join(json.dumps(each) for each in lines).encode())
    sent = await to_thread(world.ieum, "send", people, "--type", "trainee-graduated", code=1, by=broker.address)
    assert (sent["accepted"], sent["refused"]) == (2, 1)
    assert [(one["row"], one["field"], one["rule"]) for one in sent["first"]] == [(2, "/data", "unknown-field")]
    held = mongo[world.process.database].people
    assert await held.count_documents({"owner": world.gjf.name}) == 2
    consumer = AIOKafkaConsumer(**broker.login(ADMIN).arguments, auto_offset_reset="earliest")
    await consumer.start()
    try:
        place = TopicPartition(world.gjf.inbound, 0)
        consumer.assign([place])
        end, read = (await consumer.end_offsets([place]))[place], list[bytes]()
        while len(read) < end:
            read += [record.value for each in (await consumer.getmany(timeout_ms=300)).values() for record in each]
    finally:
        await consumer.stop()
    assert not [value for value in read if SECRET in value.decode() or SECRET in json.dumps(json.loads(value))]


async def test_the_operators_command_as_the_documents_say_it(
    broker: ApacheBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Path(broker.log).with_name("kafka") / "admin.env"
    for line in admin.read_text().splitlines():
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("IEUM_TOPIC_PREFIX", raising=False)
    out, name = tmp_path / "kafka.password", f"try-{secrets.token_hex(3)}"
    passwords = set()
    for _ in range(2):  # again: a new password, the same topics
        assert await to_thread(operators_command, ["add", name, "--out", str(out)]) == 0
        assert oct(out.stat().st_mode)[-3:] == "600"
        passwords.add(out.read_text())
    assert len(passwords) == 2
    monkeypatch.setenv("KAFKA_ADMIN_ADDRESS", "127.0.0.1:1")
    assert await to_thread(operators_command, ["add", name, "--out", str(out)]) == 1
    assert out.read_text() in passwords  # the one that holds
    assert out.with_name(".kafka.password.new").read_text() not in passwords  # it is set by the next attempt
    monkeypatch.setenv("KAFKA_ADMIN_ADDRESS", broker.login(ADMIN).address)
    assert await to_thread(operators_command, ["remove", name]) == 0


async def test_over_tls_by_the_authority_that_is_named(
    world: World, broker: ApacheBroker, certificates: Authority
) -> None:
    jobs = world.file("tls.jsonl", json.dumps(example("job-posted", reference="tls")).encode())
    tls = f"127.0.0.1:{broker.tls_port}"
    authority = str(certificates.folder / "ca.pem")
    sent = await to_thread(
        world.ieum, "send", jobs, "--type", "job-posted", "--testrun", by=tls, IEUM_KAFKA_CA=authority
    )
    assert sent["accepted"] == 1


async def test_who_is_not_let_in_is_told_why(world: World, broker: ApacheBroker, tmp_path: Path) -> None:
    jobs = world.file("one.jsonl", json.dumps(example("job-posted")).encode())
    wrong = tmp_path / "wrong"
    wrong.write_text("another")
    wrong.chmod(0o600)
    said = ("send", jobs, "--type", "job-posted")
    told = await to_thread(world.ieum, *said, code=4, by=broker.address, IEUM_KAFKA_PASSWORD_FILE=str(wrong))
    assert "password" in told
    told = await to_thread(
        world.ieum, *said, code=4, by=broker.address,
        IEUM_AGENCY="somebody-else", IEUM_KAFKA_USER=world.gjf.login.user,
    )  # fmt: skip
    assert "inbound.somebody-else" in told
    wrong.chmod(0o644)
    told = await to_thread(world.ieum, *said, code=2, by=broker.address, IEUM_KAFKA_PASSWORD_FILE=str(wrong))
    assert "chmod" in told


async def test_without_a_broker_it_ends_and_says_that_again_is_safe(world: World) -> None:
    jobs = world.file("one.jsonl", json.dumps(example("job-posted")).encode())
    told = await to_thread(
        world.ieum, "--patience", "1", "send", jobs, "--type", "job-posted", code=3, by="127.0.0.1:1"
    )
    assert "answered in time" in told
