"""The command line: exit codes, one JSON object, findings by row; nothing of a key or a value where it is not due."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from typer.testing import CliRunner

from clients.ieum import api_client
from clients.ieum.commands import AWAY, NOT_ALLOWED, REFUSED, WRONG, app
from clients.ieum.settings import Settings
from shared.events.registry import registry
from tests.support.files import A_JOB, JOB, csv_of
from tests.unit.clients.hubs import KEY, Served, accepting

pytestmark = pytest.mark.unit
BAD = ("A-2", "secret title", "없는직업", "수원시", "월급", "2500000", "2026-12-31")


@pytest.fixture(autouse=True)
def nothing_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INTAKE", "NOTIFICATIONS", "AGENCY", "KEY", "KEY_FILE", "PACK", "LANGUAGE", "KAFKA_PASSWORD_FILE"):
        monkeypatch.delenv(f"IEUM_{name}", raising=False)


@pytest.fixture(autouse=True)
def a_day_of_2026(monkeypatch: pytest.MonkeyPatch) -> None:
    class Then(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2026, 11, 19, 23, 30, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr("clients.ieum.settings.datetime", Then)


def test_the_day_is_that_of_the_pack_wherever_the_machine_stands() -> None:
    settings = Settings(None, None, None, None, "kr-gyeonggi", None, 0.0)
    assert settings.today == date(2026, 11, 20)


def run(*arguments: str, code: int = 0, **environment: str) -> Any:
    result = CliRunner().invoke(app, list(arguments), env=environment)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def as_json(*arguments: str, code: int = 0, **environment: str) -> Any:
    return json.loads(run(*arguments, "--json", code=code, **environment).stdout)


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.csv"
    path.write_bytes(csv_of(JOB, A_JOB, BAD, encoding="cp949"))
    return path


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """The door, reached by whatever the command line opens."""
    answered = Served(accepting)
    real = httpx.Client
    monkeypatch.setattr(
        api_client.httpx, "Client", lambda **said: real(**{**said, "transport": httpx.MockTransport(answered._answer)})
    )
    return answered


DOOR: dict[str, Any] = {"IEUM_INTAKE": "https://door.example", "IEUM_AGENCY": "gjf", "IEUM_KEY": KEY.token}


class TestOffline:
    def test_keygen_keeps_the_key_for_its_owner(self, tmp_path: Path) -> None:
        made = as_json("keygen", "gjf-1", "--out", str(tmp_path / "key"))
        key = api_client.Key.parse((tmp_path / "key").read_text())
        assert made == {"key_id": "gjf-1", "secret_sha256": key.secret_sha256}
        assert oct((tmp_path / "key").stat().st_mode)[-3:] == "600"
        run("keygen", "GJF", code=WRONG)

    def test_codes_are_found_by_words(self) -> None:
        found = as_json("codes", "요양")["codes"]
        assert {one["field"] for one in found} >= {"occupation", "certificate"}
        assert found[0]["code"] == "work24-2024-occupation:550104"
        run("codes", "☃", code=REFUSED)
        run("codes", "x", "--field", "colour", code=WRONG)

    def test_check_says_row_column_rule_and_writes_a_report_as_the_file_came(self, jobs: Path) -> None:
        said = as_json("check", str(jobs), "--type", "job-posted", code=REFUSED)
        assert (said["rows"], said["fit"], said["not_sent"]) == (2, 1, 1)
        assert [(one["row"], one["column"], one["rule"]) for one in said["first"]] == [(3, "C", "unknown-code-name")]
        report = Path(said["report"]).read_bytes().decode("cp949")
        assert "3,C,/data/occupation,unknown-code-name" in report
        assert "secret" not in report + json.dumps(said)

    def test_check_knows_the_contract_and_the_lists(self, tmp_path: Path) -> None:
        for event_type in registry:
            if event_type.door_example is not None:
                path = tmp_path / f"{event_type.name}.jsonl"
                path.write_text(json.dumps(event_type.door_example) + "\n" + json.dumps({"nickname": "x"}))
                said = as_json("check", str(path), "--type", event_type.name, code=REFUSED)
                assert (said["fit"], said["unfit"]) == (1, 1), event_type.name
        wrong = {**registry.find("job-posted").door_example, "region": "legal-dong-2026:41119"}  # type: ignore[dict-item]  # it has one
        (tmp_path / "x.jsonl").write_text(json.dumps(wrong))
        found = as_json("check", str(tmp_path / "x.jsonl"), "--type", "job-posted", code=REFUSED)["first"]
        assert [(one["field"], one["rule"]) for one in found] == [("/data/region", "unknown-code")]

    def test_a_template_is_taken_back(self, tmp_path: Path) -> None:
        for name in ("t.csv", "t.xlsx"):
            run("template", "person-enrolled", str(tmp_path / name), "--encoding", "cp949")
            columns = as_json("preview", str(tmp_path / name), "--type", "person-enrolled")["columns"]
            assert columns["A"] == "/data/reference"
        run("template", "codes", str(tmp_path / "codes.csv"))
        assert "제과·제빵원" in (tmp_path / "codes.csv").read_text("utf-8-sig")

    def test_a_template_is_written_over_nothing(self, tmp_path: Path) -> None:
        out = tmp_path / "t.csv"
        out.write_text("filled in")
        run("template", "job-posted", str(out), code=WRONG)
        assert out.read_text() == "filled in"
        run("template", "job-posted", str(out), "--force")
        assert out.read_text() != "filled in"
        run("template", "job-posted", str(tmp_path / "t.txt"), code=WRONG)
        run("template", "codes", str(tmp_path / "t.xlsx"), code=WRONG)
        assert sorted(each.name for each in tmp_path.iterdir()) == ["t.csv"]

    def test_check_knows_whose_source_it_is_where_the_agency_is_said(self, tmp_path: Path) -> None:
        event = {
            "specversion": "1.0", "id": "a-1", "source": "/agencies/khf", "type": "job-posted",
            "time": "2026-11-28T09:00:00+09:00", "data": registry.find("job-posted").door_example,
        }  # fmt: skip
        path = tmp_path / "x.jsonl"
        path.write_text(json.dumps(event))
        assert as_json("check", str(path))["fit"] == 1
        assert as_json("check", str(path), IEUM_AGENCY="khf")["fit"] == 1
        found = as_json("check", str(path), code=REFUSED, IEUM_AGENCY="gjf")["first"]
        assert [(one["field"], one["rule"]) for one in found] == [("/source", "wrong-source")]

    @pytest.mark.parametrize(
        ("change", "field", "rule"),
        [
            ({"closes": "2026-11-19"}, "/data/closes", "closes-in-the-past"),
            ({"closes": None, "until_filled": False}, "/data/closes", "no-closing-date"),
            ({"starts": "2031-01-01"}, "/data/starts", "date-too-far"),
            (
                {"wage": {"per": "month", "minimum": 1_000_000, "currency": "KRW"}},
                "/data/wage/minimum",
                "wage-below-minimum",
            ),
        ],
    )
    def test_check_knows_the_days_and_the_least_pay_of_adverts(
        self, tmp_path: Path, change: dict[str, Any], field: str, rule: str
    ) -> None:
        path = tmp_path / "x.jsonl"
        path.write_text(json.dumps({**(registry.find("job-posted").door_example or {}), **change}))
        found = as_json("check", str(path), "--type", "job-posted", code=REFUSED)["first"]
        assert [(one["field"], one["rule"]) for one in found] == [(field, rule)]
        assert "{" not in found[0]["remedy"]

    def test_a_mapping_of_a_wrong_form_is_told_by_field_and_rule(self, jobs: Path, tmp_path: Path) -> None:
        file = tmp_path / "mapping.json"
        file.write_text(json.dumps({"fixed": {"hours_per_week": 4711}}))
        for command in ("preview", "check"):
            said = run(command, str(jobs), "--type", "job-posted", "--mapping", str(file), code=WRONG)
            assert "/fixed/hours_per_week string-type: " in said.stderr
            assert "4711" not in said.output

    def test_the_file_of_a_key_is_looked_for_by_what_needs_it(self, jobs: Path) -> None:
        run("codes", "요양", IEUM_KEY_FILE="nowhere.key")
        said = run("send", str(jobs), "--type", "job-posted", code=WRONG, **{**DOOR, "IEUM_KEY_FILE": "nowhere.key"})
        assert "nowhere.key" in said.stderr

    def test_counts_are_said_in_words(self, jobs: Path) -> None:
        asked = ("check", str(jobs), "--type", "job-posted")
        assert "2 rows, 1 not sent" in run(*asked, code=REFUSED, IEUM_LANGUAGE="en").stdout
        assert "2 행, 1 보내지 않음" in run(*asked, code=REFUSED, IEUM_LANGUAGE="ko").stdout

    def test_check_says_what_it_cannot_know(self, jobs: Path) -> None:
        asked = ("check", str(jobs), "--type", "job-posted")
        assert as_json(*asked, code=REFUSED)["rights_not_looked_at"] == ["emits job-posted"]
        for language, words in (("en", "the rights (emits job-posted)"), ("ko", "권한이 있는지(emits job-posted)")):
            assert words in run(*asked, code=REFUSED, IEUM_LANGUAGE=language).stdout

    def test_a_preview_shows_what_was_understood_and_no_text(self, jobs: Path) -> None:
        said = as_json("preview", str(jobs), "--type", "job-posted", code=REFUSED)
        assert said["columns"]["F"] == "/data/wage/minimum"
        assert [(one["row"], one["data"]["wage"]["minimum"], one["data"]["title"]) for one in said["rows"]] == [
            (2, 2500000, "…")
        ]
        assert [(one["row"], one["column"], one["rule"]) for one in said["findings"]] == [(3, "C", "unknown-code-name")]
        assert "빵 굽는" not in json.dumps(said, ensure_ascii=False)
        assert "빵 굽는" not in run("preview", str(jobs), "--type", "job-posted", code=REFUSED).stdout

    def test_what_is_no_file_of_ours_is_said_in_words(self, tmp_path: Path) -> None:
        (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7")
        assert "unknown-format" in run("check", str(tmp_path / "x.pdf"), code=REFUSED).stderr


class TestSending:
    def test_sends_what_is_whole_and_the_same_again(self, jobs: Path, served: Served) -> None:
        said = as_json("send", str(jobs), "--type", "job-posted", code=REFUSED, **DOOR)
        assert (said["accepted"], said["not_sent"], said["findings"]) == (1, 1, 1)
        as_json("send", str(jobs), "--type", "job-posted", code=REFUSED, **DOOR)
        first, second = served.bodies
        assert first == second
        assert first[0]["source"] == "/agencies/gjf"

    def test_a_testrun_says_so(self, jobs: Path, served: Served) -> None:
        as_json("send", str(jobs), "--type", "job-posted", "--testrun", code=REFUSED, **DOOR)
        assert served.bodies[0][0]["testrun"] is True

    def test_the_doors_findings_are_put_to_rows_and_columns(self, jobs: Path, served: Served) -> None:
        error = {"field": "/data/wage/minimum", "rule": "wage-below-minimum", "remedy": {"ko": "더", "en": "more"}}
        served._answers = [
            httpx.Response(202, json={"results": [{"status": "refused", "problem": {"errors": [error]}}]})
        ]
        said = as_json("send", str(jobs), "--type", "job-posted", code=REFUSED, **DOOR, IEUM_LANGUAGE="en")
        assert (2, "F", "wage-below-minimum", "more") in [
            (one["row"], one["column"], one["rule"], one["remedy"]) for one in said["first"]
        ]

    @pytest.mark.parametrize(
        ("answer", "code"),
        [(httpx.Response(401, json={}), NOT_ALLOWED), (httpx.Response(503), AWAY), (httpx.ConnectError(""), AWAY)],
    )
    def test_ends_with_a_code_for_each_reason(
        self, jobs: Path, served: Served, answer: httpx.Response | Exception, code: int
    ) -> None:
        served._answers = [answer]
        result = run("--patience", "0", "send", str(jobs), "--type", "job-posted", code=code, **DOOR)
        assert KEY.secret.hex() not in result.output

    @pytest.mark.parametrize("missing", sorted(DOOR))
    def test_says_what_it_was_not_told(self, jobs: Path, missing: str) -> None:
        said = {name: value for name, value in DOOR.items() if name != missing}
        assert missing in run("send", str(jobs), code=WRONG, **said).stderr

    def test_a_mapping_is_looked_at_here_before_it_is_kept(self, tmp_path: Path, served: Served) -> None:
        file = tmp_path / "mapping.json"
        file.write_text(json.dumps({"type": "job-posted", "columns": {"비고": "titel"}}))
        assert "/columns/0 unknown-column" in run("mapping", "keep", "own", str(file), code=REFUSED, **DOOR).stdout
        assert served.asked == []
        file.write_text(json.dumps({"type": "job-posted", "columns": {"비고": ""}}))
        served._answers = [httpx.Response(200, json={"mappings": ["own"]})]
        run("mapping", "keep", "own", str(file), **DOOR)
        assert as_json("mapping", "list", **DOOR) == {"mappings": ["own"]}
        run("mapping", "remove", "own", **DOOR)
        assert [(one.method, one.url.path) for one in served.asked] == [
            ("PUT", "/mappings/own"), ("GET", "/mappings"), ("DELETE", "/mappings/own"),
        ]  # fmt: skip
        file.write_text("{")
        run("mapping", "keep", "own", str(file), code=WRONG, **DOOR)

    def test_by_kafka_it_says_what_it_was_not_told_before_it_asks_anybody(self, jobs: Path, served: Served) -> None:
        said = run("send", str(jobs), "--kafka", "127.0.0.1:1", code=WRONG, **DOOR)
        assert "IEUM_KAFKA_PASSWORD_FILE" in said.stderr
        assert served.asked == []

    def test_a_key_that_others_can_read_is_not_used(self, jobs: Path, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(KEY.token)
        (tmp_path / "key").chmod(0o644)
        said: dict[str, Any] = {**DOOR, "IEUM_KEY_FILE": str(tmp_path / "key")}
        assert "chmod 600" in run("send", str(jobs), code=WRONG, **said).stderr

    def test_an_operator_registers_with_the_hash_alone(self, served: Served) -> None:
        key = api_client.Key.new("khf-1")
        said = as_json(
            "register", "khf", "--title", "ko=재단", "--title", "en=Foundation", "--class", "case", "--key-id", "khf-1",
            "--secret-sha256", key.secret_sha256, "--sends", "person-enrolled,person-left", **DOOR,
        )  # fmt: skip
        assert said == {"status": "accepted"}
        (event,) = served.bodies[0]
        assert event["data"]["keys"] == [{"key_id": "khf-1", "secret_sha256": key.secret_sha256}]
        assert event["data"]["rights"]["emits"] == ["person-enrolled", "person-left"]
        run(
            "register", "KHF!", "--title", "ko=재단", "--class", "friend", "--key-id", "khf-1", "--secret-sha256", "x",
            code=WRONG, **DOOR,
        )  # fmt: skip

    def test_a_type_that_is_none_is_named_before_anybody_is_asked(self, served: Served) -> None:
        said = run(
            "register", "khf", "--title", "ko=재단", "--class", "case", "--key-id", "khf-1",
            "--secret-sha256", "0" * 64, "--sends", "job-postd", code=WRONG, **DOOR,
        )  # fmt: skip
        assert "job-posted" in said.stderr
        assert served.asked == []

    def test_an_answer_is_shown_in_one_language_and_a_journey_as_json(self, served: Served) -> None:
        no = {"title": "no", "remedy": {"ko": "한국어", "en": "English"}}
        served._answers = [httpx.Response(422, json=no)]
        said = run("revoke", "gjf-1", code=REFUSED, **DOOR, IEUM_LANGUAGE="en").stderr
        assert "English" in said
        assert "한국어" not in said
        served._answers = [httpx.Response(200, json={"status": "accepted", "journey": [{"what": "emitted"}]})]
        assert '[{"what": "emitted"}]' in run("status", "a-1", **DOOR).stdout


class TestPolling:
    def test_says_what_it_was_not_told(self, tmp_path: Path) -> None:
        assert "IEUM_PORTAL_KEY" in run("poll", str(tmp_path), code=WRONG, **DOOR).stderr
        asked = ("poll", str(tmp_path), "--query")
        assert "name" in run(*asked, "region", code=WRONG, **DOOR, IEUM_PORTAL_KEY="x").stderr
        assert "cannot be asked for" in run(*asked, "startPage=3", code=WRONG, **DOOR, IEUM_PORTAL_KEY="x").stderr
        assert "secret two" not in run("poll", str(tmp_path), code=WRONG, **DOOR, IEUM_PORTAL_KEY="secret two").output
        (tmp_path / "key").write_text("x")
        (tmp_path / "key").chmod(0o644)
        named = ("poll", str(tmp_path), "--portal-key-file", str(tmp_path / "key"))
        assert "chmod 600" in run(*named, code=WRONG, **DOOR).stderr
