"""The jars come once, whole and checked, or it is said what to do. A small script stands in for Maven."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from deploy.local.apache import fetch
from deploy.local.apache.ready import takes_part
from deploy.local.doctor import check_kind
from deploy.local.errors import StartError
from deploy.local.ports import free_port
from deploy.local.stack import LocalStack

pytestmark = pytest.mark.integration

JARS = {"kafka.jar": b"kafka", "log4j.jar": b"log4j"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, two jars on the list of hashes, and nothing in PATH but sh's own folder."""
    listed = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in JARS.items())
    (tmp_path / "jars.sha256").write_text(listed)
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(fetch, "HASHES", tmp_path / "jars.sha256")
    monkeypatch.setattr(fetch, "CACHE", tmp_path / "cache" / "kafka")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path / "cache" / "kafka"


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Where the stand-in notes each call."""
    return tmp_path / "calls"


def program(folder: Path, name: str, script: str) -> Path:
    file = folder / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def maven(folder: Path, jars: dict[str, bytes], *, code: int = 0) -> None:
    """A `mvn` that writes these jars into the folder that its last argument names."""
    writes = [f'printf %s "{content.decode()}" > "$to/{name}"' for name, content in jars.items()]
    steps = [f"echo called >> {folder}/calls", "for last; do to=${last#*=}; done", '/bin/mkdir -p "$to"', *writes]
    program(folder, "mvn", "\n".join([*steps, f"echo 'Could not transfer'; exit {code}"]))


class TestJars:
    def test_they_are_fetched_once_for_all_who_ask_at_the_same_time(
        self, tmp_path: Path, cache: Path, calls: Path
    ) -> None:
        maven(tmp_path, JARS)
        asking = [threading.Thread(target=fetch.jars, args=(cache,)) for _ in range(4)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        assert {jar.name: jar.read_bytes() for jar in cache.iterdir()} == JARS
        assert calls.read_text() == "called\n"

    def test_a_cache_that_lacks_one_is_fetched_anew(self, tmp_path: Path, cache: Path) -> None:
        maven(tmp_path, JARS)
        fetch.jars(cache)
        (cache / "kafka.jar").unlink()
        assert sorted(jar.name for jar in fetch.jars(cache).iterdir()) == sorted(JARS)

    @pytest.mark.parametrize("brought", [JARS | {"kafka.jar": b"other"}, JARS | {"more.jar": b"more"}])
    def test_another_content_or_one_too_many_is_refused_and_not_kept(
        self, tmp_path: Path, cache: Path, brought: dict[str, bytes]
    ) -> None:
        maven(tmp_path, brought)
        [wrong] = {name for name in brought if JARS.get(name) != brought[name]}
        with pytest.raises(StartError, match=f"jars.sha256 lists: {wrong}\n"):
            fetch.jars(cache)
        assert not cache.exists()

    def test_what_maven_said_is_shown_when_it_fails(self, tmp_path: Path, cache: Path) -> None:
        maven(tmp_path, {}, code=1)
        with pytest.raises(StartError, match="Could not transfer"):
            fetch.jars(cache)

    def test_without_maven_the_remedy_is_said(self, cache: Path) -> None:
        with pytest.raises(StartError, match=r"no `mvn` is found\n.*apt-get install .*maven"):
            fetch.jars(cache)

    def test_every_committed_hash_is_of_one_jar(self) -> None:
        lines = [line.split() for line in fetch.HASHES.read_text().splitlines()]
        assert len({name for _, name in lines}) == len(lines) > 40
        assert all(len(sha256) == 64 and name.endswith(".jar") for sha256, name in lines)
        assert any(name.startswith("kafka_2.13-4.") for _, name in lines)


class TestJava:
    def test_java_home_is_asked_before_the_path(
        self, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        in_path = program(tmp_path, "java", "exit 0")
        assert fetch.java() == str(in_path)
        (tmp_path / "jdk").mkdir()
        in_path.parent.rename(tmp_path / "jdk" / "bin")
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
        assert fetch.java() == str(tmp_path / "jdk" / "bin" / "java")

    def test_without_java_the_remedy_is_said(self, cache: Path) -> None:
        with pytest.raises(StartError, match=r"no `java` is found\n.*apt-get install openjdk-17"):
            fetch.java()


class TestWithoutJava:
    def test_the_pair_says_the_remedy_and_leaves_nothing_running(self, cache: Path, tmp_path: Path) -> None:
        stack = LocalStack(tmp_path / "stack", kind="apache")
        with pytest.raises(StartError, match="apt-get install openjdk-17"):
            stack.start()
        assert (stack.database.pid, stack.broker.pid) == (None, None)

    def test_the_doctor_finds_it_before_anything_starts(self, cache: Path) -> None:
        assert [finding.what for finding in check_kind("apache")] == [
            "Apache Kafka needs Java 17 or newer, and no `java` is found",
            "Apache Kafka comes with Maven, and no `mvn` is found",
        ]

    def test_the_doctor_asks_for_maven_only_while_the_jars_are_missing(self, cache: Path, tmp_path: Path) -> None:
        maven(tmp_path, JARS)
        program(tmp_path, "java", "exit 0")
        fetch.jars(cache)
        (tmp_path / "bin" / "mvn").unlink()
        assert list(check_kind("apache")) == []

    def test_the_doctor_asks_for_nothing_when_the_broker_is_the_embedded_one(self, cache: Path) -> None:
        assert list(check_kind("embedded")) == []


class TestTakesPart:
    def test_nobody_there_is_no_broker(self) -> None:
        assert not takes_part(free_port())
