"""Files of TLS that are renewed while we run."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import threading
from pathlib import Path

import pytest

from services.notifications.channels.mail.tls_files import TlsFiles
from shared.kit.base.metrics import REGISTRY
from tests.support.certificates import Authority

pytestmark = pytest.mark.unit


def now(files: TlsFiles) -> ssl.SSLContext:
    return asyncio.run(files.context())


def trusted(context: ssl.SSLContext) -> list[str]:
    return [str(each["subject"]) for each in context.get_ca_certs()]


def renew(file: Path, tmp_path: Path) -> None:
    file.write_bytes(Authority(tmp_path / "two", "two").file.read_bytes())


def not_taken() -> float | None:
    return REGISTRY.get_sample_value("ieum_tls_files_not_taken", {"kind": "smtp_ca_file"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Authority(tmp_path / "one", "one").file


@pytest.fixture
def files(file: Path) -> TlsFiles:
    return TlsFiles("smtp_ca_file", [str(file)], lambda: ssl.create_default_context(cafile=str(file)))


def test_what_has_not_changed_is_not_read_again(files: TlsFiles) -> None:
    assert now(files) is now(files)


@pytest.mark.parametrize("how", ["written", "renamed", "linked", "same time and size"])
def test_another_one_is_taken_up_however_it_comes(
    file: Path, tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Authority(tmp_path / "two", "two").file
    if how == "linked":
        os.rename(file, tmp_path / "was.pem")
        file.symlink_to(tmp_path / "was.pem")
    files = TlsFiles("smtp_ca_file", [str(file)], lambda: ssl.create_default_context(cafile=str(file)))
    before = file.stat()
    if how == "written":
        file.write_bytes(other.read_bytes())
    elif how == "linked":
        link = tmp_path / "link"
        link.symlink_to(other)
        link.rename(file)
    else:
        if how == "same time and size":
            other.write_bytes(other.read_bytes() + b"\n" * (before.st_size - other.stat().st_size))
            os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.rename(file)
    (found,) = trusted(now(files))
    assert "two" in found
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["event"], each["part"]) for each in logged] == [("tls_files_taken", "smtp_ca_file")]


@pytest.mark.parametrize("broken", ["gone", "empty", "half", "words"])
def test_one_that_cannot_be_used_keeps_the_old_and_says_so_until_it_can(
    files: TlsFiles, file: Path, tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = file.read_bytes()
    if broken == "gone":
        file.unlink()
    else:
        file.write_bytes({"empty": b"", "half": whole[: len(whole) // 2], "words": b"not yet"}[broken])
    for _ in range(3):
        assert "one" in trusted(now(files))[0]
    assert not_taken() == 1
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["event"], each["missing"]) for each in logged] == [("tls_files_not_taken", "smtp_ca_file")]
    file.write_bytes(Authority(tmp_path / "two", "two").file.read_bytes())
    assert "two" in trusted(now(files))[0]
    assert not_taken() == 0


async def test_what_is_being_read_is_taken_up_though_whoever_asked_hangs_up(file: Path, tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()
    go.set()
    made = 0

    def make() -> ssl.SSLContext:
        nonlocal made
        made += 1
        begun.set()
        assert go.wait(30)
        return ssl.create_default_context(cafile=str(file))

    files = TlsFiles("smtp_ca_file", [str(file)], make)
    begun.clear()
    go.clear()
    renew(file, tmp_path)
    asks = asyncio.create_task(files.context())
    assert await asyncio.to_thread(begun.wait, 30)
    asks.cancel()
    await asyncio.gather(asks, return_exceptions=True)
    others = asyncio.gather(files.context(), files.context())
    await asyncio.sleep(0)
    go.set()
    for found in await others:
        assert "two" in trusted(found)[0]
    assert "two" in trusted(await files.context())[0]
    assert (made, not_taken()) == (2, 0), "read once, for all who asked"


async def test_a_reading_that_was_ended_is_begun_anew(file: Path, tmp_path: Path) -> None:
    files = TlsFiles("smtp_ca_file", [str(file)], lambda: ssl.create_default_context(cafile=str(file)))
    renew(file, tmp_path)
    asks = asyncio.create_task(files.context())
    await asyncio.sleep(0)
    (reading,) = [each for each in asyncio.all_tasks() if each.get_name() == "tls-files"]
    reading.cancel()
    await asyncio.gather(asks, return_exceptions=True)
    assert "two" in trusted(await files.context())[0]


def test_without_files_there_is_nothing_to_read_again() -> None:
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return made[-1]

    system = TlsFiles("smtp_ca_file", [], make)
    assert now(system) is now(system) is made[0]
    assert len(made) == 1
