"""The local stack keeps, forgets, dies and says what it promises."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import MongoClient

from deploy.local.errors import PortTakenError, StartError
from deploy.local.folder import lock
from deploy.local.ports import free_port
from deploy.local.process import runnable
from deploy.local.stack import LocalStack
from deploy.local.timeouts import scaled
from tests.support.broker import KAFKA
from tests.support.topics import CreateTopics, create_topics

pytestmark = pytest.mark.integration

BROKER = {"embedded": "tansu", "apache": "java"}.get(KAFKA)
"""The program's name in the list of processes."""


class TestSharedStack:
    async def test_what_is_produced_is_consumed(self, kafka: str, create_topics: CreateTopics) -> None:
        [topic] = await create_topics("things", partitions=1)
        async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
            await producer.send_and_wait(topic, b"value", key=b"key")
        async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
            record = await consumer.getone()
        assert (record.key, record.value) == (b"key", b"value")

    async def test_the_database_knows_transactions(self, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
        await database.things.insert_one({"_id": "before"})
        async with await database.client.start_session() as session:
            async with session.start_transaction():
                await database.things.insert_one({"_id": "committed"}, session=session)
            session.start_transaction()
            await database.things.insert_one({"_id": "aborted"}, session=session)
            await session.abort_transaction()
        assert {thing["_id"] async for thing in database.things.find()} == {"before", "committed"}

    async def test_every_test_starts_with_an_empty_database(
        self, database: AsyncIOMotorDatabase[dict[str, Any]]
    ) -> None:
        assert await database.list_collection_names() == []


class TestBroker:
    async def test_a_killed_broker_has_lost_its_log_and_says_so(self, own_stack: LocalStack) -> None:
        if own_stack.broker.keeps_its_log:
            return
        await create_topics(own_stack.kafka, ["things"], partitions=1)
        async with AIOKafkaProducer(bootstrap_servers=own_stack.kafka) as producer:
            assert (await producer.send_and_wait("things", b"1")).offset == 0
            assert (await producer.send_and_wait("things", b"2")).offset == 1
        own_stack.broker.kill()
        own_stack.broker.start()
        await create_topics(own_stack.kafka, ["things"], partitions=1)  # would refuse a topic that exists
        async with AIOKafkaProducer(bootstrap_servers=own_stack.kafka) as producer:
            assert (await producer.send_and_wait("things", b"3")).offset == 0

    def test_a_stopped_broker_does_not_answer_until_it_goes_on(self, own_stack: LocalStack) -> None:
        own_stack.broker.pause()
        assert not own_stack.broker.answers()
        own_stack.broker.resume()
        assert eventually(own_stack.broker.answers), "Apache Kafka first has to register again"

    def test_a_restart_keeps_the_address(self, own_stack: LocalStack) -> None:
        before, pid = own_stack.kafka, own_stack.broker.pid
        own_stack.broker.restart()
        assert own_stack.kafka == before
        assert own_stack.broker.pid != pid


class TestDatabase:
    def test_a_killed_database_keeps_what_was_acknowledged(self, own_stack: LocalStack) -> None:
        with MongoClient[dict[str, Any]](own_stack.mongo_url) as client:
            client.test.things.insert_one({"_id": "kept"})
        own_stack.database.kill()
        own_stack.database.start()
        assert kept_things(own_stack) == ["kept"]

    def test_data_survives_a_run_and_a_change_of_port(self, tmp_path: Path) -> None:
        with LocalStack(tmp_path) as first, MongoClient[dict[str, Any]](first.mongo_url) as client:
            client.test.things.insert_one({"_id": "kept"})
        with LocalStack(tmp_path) as second:
            assert second.database.port != first.database.port
            assert kept_things(second) == ["kept"]

    def test_a_stopped_database_can_still_be_ended(self, own_stack: LocalStack) -> None:
        own_stack.database.pause()
        own_stack.stop()
        assert own_stack.database.pid is None


class TestWhatIsRefused:
    def test_a_taken_port_is_named_with_its_holder_and_the_variable(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", free_port())) as holder:
            port = holder.getsockname()[1]
            with pytest.raises(PortTakenError) as refused:
                LocalStack(tmp_path, kafka_port=port).start()
        assert f"port {port} is taken by " in str(refused.value)
        assert f"(process {os.getpid()})" in str(refused.value)
        assert "KAFKA_PORT=" in str(refused.value)

    def test_nothing_is_left_running_when_one_part_cannot_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stack = LocalStack(tmp_path)
        monkeypatch.setattr(stack.broker, "command", lambda: ["/bin/false"])
        with pytest.raises(StartError, match="the embedded broker on port"):
            stack.start()
        assert not any(runs_in(tmp_path, child) for child in children_of(os.getpid()))
        lock(tmp_path).close()  # raises when the folder is still held

    def test_a_second_pair_on_the_same_folder_names_the_first(self, own_stack: LocalStack) -> None:
        with pytest.raises(StartError, match=f"in use by process {os.getpid()}"):
            LocalStack(own_stack.folder).start()

    def test_the_end_of_the_log_is_shown_when_a_server_ends_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "mongod").mkdir()
        (tmp_path / "mongod" / "storage.bson").write_bytes(b"broken")
        with pytest.raises(StartError, match=r"(?s)ended with code \d+; the end of its log:.+storage"):
            LocalStack(tmp_path).start()

    def test_a_folder_that_cannot_be_made_is_named_with_the_variable(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StartError, match=r"cannot be written to: Not a directory\n.*DATA="):
            LocalStack(tmp_path / "file" / "folder").start()

    def test_an_unknown_kind_of_broker_names_the_known_ones(self, tmp_path: Path) -> None:
        with pytest.raises(StartError, match="KAFKA=embedded"):
            LocalStack(tmp_path, kind="pigeon")


class TestRunnable:
    def test_a_binary_with_its_run_bit_is_used_where_it_is(self, tmp_path: Path) -> None:
        assert runnable(Path("/bin/sh"), tmp_path) == Path("/bin/sh")

    def test_a_binary_without_its_run_bit_is_copied_once_and_runs(self, tmp_path: Path) -> None:
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\necho here\n")
        program.chmod(0o644)
        copy = runnable(program, tmp_path / "bin")
        assert subprocess.run([copy], capture_output=True, text=True, check=True).stdout == "here\n"
        written = copy.stat().st_mtime_ns
        assert runnable(program, tmp_path / "bin").stat().st_mtime_ns == written
        program.write_text("#!/bin/sh\necho another version\n")
        program.chmod(0o644)
        assert "another" in runnable(program, tmp_path / "bin").read_text()


class TestCommand:
    def test_killing_the_parent_leaves_no_orphan(self, tmp_path: Path) -> None:
        command, ports = started_command(tmp_path)
        children = children_of(command.pid)
        assert {Path(f"/proc/{child}/comm").read_text().strip() for child in children} == {"mongod", BROKER}
        command.kill()
        command.wait()
        assert eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
        assert all(socket.socket().connect_ex(("127.0.0.1", port)) != 0 for port in ports)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_ends_cleanly_on_a_signal(self, tmp_path: Path, number: signal.Signals) -> None:
        command, _ = started_command(tmp_path)
        children = children_of(command.pid)
        command.send_signal(number)
        said, _ = command.communicate(timeout=60)
        assert command.returncode == 0
        assert said.strip().endswith("stopped")
        assert not any(Path(f"/proc/{child}").exists() for child in children)

    def test_a_taken_port_ends_it_with_one_clear_message(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", free_port())) as holder:
            port = holder.getsockname()[1]
            command = command_for(tmp_path, {"MONGO_PORT": str(port), "KAFKA_PORT": "0"})
            _, error = command.communicate(timeout=60)
        assert command.returncode == 1
        assert f"port {port} is taken" in error
        assert "Traceback" not in error


def kept_things(stack: LocalStack) -> list[str]:
    with MongoClient[dict[str, Any]](stack.mongo_url) as client:
        return [thing["_id"] for thing in client.test.things.find()]


def command_for(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.local", "--data", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def started_command(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """The command once it has said that both are up, and their ports."""
    ports = [free_port(), free_port()]
    command = command_for(folder, {"KAFKA_PORT": str(ports[0]), "MONGO_PORT": str(ports[1])})
    assert command.stdout is not None
    for expected in ("IEUM_KAFKA=", "IEUM_MONGO_URL=", "IEUM_PROFILE=development", "# Loopback only"):
        assert command.stdout.readline().startswith(expected)
    return command, ports


def children_of(pid: int) -> list[int]:
    found = list[int]()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended since they were listed
            found += map(int, (thread / "children").read_text().split())
    return found


def runs_in(folder: Path, child: int) -> bool:
    return str(folder) in Path(f"/proc/{child}/cmdline").read_text()


def eventually(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + scaled(seconds)
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False
