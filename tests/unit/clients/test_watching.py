"""A watched folder: what is taken and when, what is told beside it, and that nothing is followed or lost."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from clients.ieum import api_client
from clients.ieum.commands import AWAY, app
from tests.support.files import A_JOB, JOB, csv_of
from tests.unit.clients.hubs import KEY, Served, accepting, batch

pytestmark = pytest.mark.unit
BAD = ("A-2", "secret title", "없는직업", "수원시", "월급", "2500000", "2026-12-31")
DOOR = {"IEUM_INTAKE": "https://door.example", "IEUM_AGENCY": "gjf", "IEUM_KEY": KEY.token}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    answered = Served(accepting)
    real = httpx.Client
    monkeypatch.setattr(
        api_client.httpx, "Client", lambda **said: real(**{**said, "transport": httpx.MockTransport(answered._answer)})
    )
    return answered


def watch(folder: Path, *more: str, code: int = 0) -> dict[str, Any]:
    how = ["--type", "job-posted", "--once", "--rest", "0", "--json", *more]
    command = ["--patience", "0", "watch", str(folder), *how]
    result = CliRunner().invoke(app, command, env=DOOR)
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout) if result.stdout else {}


def jobs(path: Path, *rows: tuple[str, ...], encoding: str = "cp949") -> Path:
    path.write_bytes(csv_of(JOB, *rows, encoding=encoding))
    return path


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_file_is_sent_told_about_and_removed(tmp_path: Path, served: Served) -> None:
    jobs(tmp_path / "jobs.csv", A_JOB)
    said = watch(tmp_path)
    assert [(one["file"], one["accepted"], one["not_sent"]) for one in said["files"]] == [("jobs.csv", 1, 0)]
    assert names(tmp_path) == ["jobs.csv.result.json"]
    assert watch(tmp_path)["files"] == []  # what was told beside is no file to send


def test_a_file_of_which_something_is_not_taken_is_kept_under_another_name(tmp_path: Path, served: Served) -> None:
    jobs(tmp_path / "jobs.csv", A_JOB, BAD)
    said = watch(tmp_path)
    assert [(one["file"], one["accepted"], one["not_sent"]) for one in said["files"]] == [("jobs.csv", 1, 1)]
    assert names(tmp_path) == ["jobs.csv.refused", "jobs.csv.report.csv", "jobs.csv.result.json"]
    report = (tmp_path / "jobs.csv.report.csv").read_bytes().decode("cp949")
    assert "3,C,/data/occupation,unknown-code-name" in report
    assert "secret" not in report + (tmp_path / "jobs.csv.result.json").read_text()
    assert watch(tmp_path)["files"] == []  # what was told beside is no file to send


def test_what_is_not_answered_stays_and_is_the_same_when_it_is_sent_again(tmp_path: Path, served: Served) -> None:
    jobs(tmp_path / "jobs.csv", A_JOB)
    served._answers = [httpx.ConnectError("away")]
    watch(tmp_path, code=AWAY)
    assert "jobs.csv" in names(tmp_path)
    served._answers = [lambda _: batch(["failed"])]
    assert watch(tmp_path)["files"][0]["settled"] is False
    assert "jobs.csv" in names(tmp_path)
    served._answers = [accepting]
    watch(tmp_path)
    assert "jobs.csv" not in names(tmp_path)
    assert served.bodies[0] == served.bodies[-1]


def test_what_is_written_under_another_name_or_is_no_plain_file_is_passed_over(tmp_path: Path, served: Served) -> None:
    folder, outside = tmp_path / "in", jobs(tmp_path / "outside.csv", A_JOB)
    (folder / "sub.csv").mkdir(parents=True)
    for name in (".jobs.csv", "~jobs.csv", "jobs.csv.part", "jobs.tmp", "jobs.exe"):
        jobs(folder / name, A_JOB)
    (folder / "link.csv").symlink_to(outside)
    os.link(outside, folder / "hard.csv")
    os.mkfifo(folder / "pipe.csv")
    before = names(folder)
    assert watch(folder)["files"] == []
    assert names(folder) == before
    assert served.asked == []


def test_a_report_is_not_written_through_a_link(tmp_path: Path, served: Served) -> None:
    folder, victim = tmp_path / "in", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("mine")
    jobs(folder / "jobs.csv", BAD)
    for name in ("jobs.csv.report.csv", "jobs.csv.result.json", ".jobs.csv.half", ".jobs.csv.result.json.half"):
        (folder / name).symlink_to(victim)
    watch(folder)
    assert victim.read_text() == "mine"
    assert not (folder / "jobs.csv.report.csv").is_symlink()
    assert b"unknown-code-name" in (folder / "jobs.csv.report.csv").read_bytes()


def test_a_file_that_still_grows_waits(tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    path = jobs(tmp_path / "jobs.csv", A_JOB)

    def grows(_: float) -> None:
        with path.open("ab") as file:
            file.write(b"\n")

    monkeypatch.setattr("clients.ieum.watching.sleep", grows)
    assert watch(tmp_path)["files"] == []
    assert served.asked == []
    monkeypatch.setattr("clients.ieum.watching.sleep", lambda _: None)
    assert len(watch(tmp_path)["files"]) == 1


def test_a_file_that_was_written_anew_while_it_was_sent_is_not_removed(tmp_path: Path, served: Served) -> None:
    path = jobs(tmp_path / "jobs.csv", A_JOB)

    def meanwhile(request: httpx.Request) -> httpx.Response:
        jobs(path, A_JOB, A_JOB)
        return accepting(request)

    served._answers = [meanwhile]
    watch(tmp_path)
    assert path.exists()


def test_a_file_that_is_none_of_ours_is_told_about_and_stops_no_other(tmp_path: Path, served: Served) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"%PDF-1.7")
    jobs(tmp_path / "b.csv", A_JOB)
    said = watch(tmp_path)
    assert {one["file"]: one.get("stopped") for one in said["files"]} == {"a.xlsx": "unknown-format", "b.csv": None}
    assert b"unknown-format" in (tmp_path / "a.xlsx.report.csv").read_bytes()
    assert names(tmp_path) == ["a.xlsx.refused", "a.xlsx.report.csv", "a.xlsx.result.json", "b.csv.result.json"]


def test_what_was_read_of_a_file_that_cannot_be_read_to_its_end_is_sent(
    tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.files.csv_rows.MOST_ROWS", 2)
    jobs(tmp_path / "jobs.csv", *[(f"A-{number}", *A_JOB[1:]) for number in range(4)])
    assert watch(tmp_path)["files"][0]["stopped"] == "too-many-rows"
    assert len(served.asked) == 1
    assert "jobs.csv.refused" in names(tmp_path)


def test_a_name_too_long_for_what_is_told_beside_it_stops_no_other(tmp_path: Path, served: Served) -> None:
    jobs(tmp_path / ("가" * 80 + ".csv"), A_JOB)
    jobs(tmp_path / "b.csv", A_JOB)
    assert [one["file"] for one in watch(tmp_path)["files"]] == ["b.csv"]
