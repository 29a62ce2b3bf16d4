"""The look-up of codes: anybody may ask, in their own words, and what comes back is of the lists only."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date

import httpx
import pytest

from services.intake.main import build
from services.intake.settings import IntakeSettings
from shared.events.topics.opportunities import JobAtDoor
from shared.events.topics.people import PersonUpdatedAtDoor
from shared.reference import load_pack
from shared.screening.code_successors import renewed
from shared.screening.findings import Findings
from tests.unit.intake.memory import example

pytestmark = pytest.mark.unit
PACK = load_pack("kr-gyeonggi")
TODAY = date(2026, 11, 28)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = build(IntakeSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:2/"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://intake") as client:
        yield client


async def codes(http: httpx.AsyncClient, scheme: str, **said: str) -> list[str]:
    answer = await http.get(f"/codes/{scheme}", params=said)
    assert answer.status_code == 200, answer.text
    return [one["code"] for one in answer.json()["codes"]]


class TestLookUp:
    @pytest.mark.parametrize(
        ("scheme", "words", "first"),
        [
            ("occupation", "요양", "work24-2024-occupation:550104"),
            ("occupation", "리발사", "work24-2024-occupation:511100"),
            ("occupation", "재봉대원", "work24-2024-occupation:862300"),
            ("occupation", "용접공", "keco-2018:8241"),
            ("work24-2024-occupation", "용접공", "work24-2024-occupation:824100"),
            ("region", "수원", "legal-dong-2026:41110"),
            ("region", "legal-dong-2026:42110", "legal-dong-2026:51110"),
            ("certificate", "한식조리기느사", "kr-certificate-2020:7910"),
            ("course", "제 과 제 빵", "ncs-2026:21"),
            ("keco-2018", "keco-2018:550", "keco-2018:5501"),
        ],
    )
    async def test_the_nearest_comes_first(self, http: httpx.AsyncClient, scheme: str, words: str, first: str) -> None:
        assert (await codes(http, scheme, q=words))[0] == first

    async def test_says_by_which_word_it_was_found(self, http: httpx.AsyncClient) -> None:
        found = (await http.get("/codes/occupation", params={"q": "리발사", "limit": "1"})).json()["codes"][0]
        assert (found["name"]["ko"], found["found"]) == ("이용사", "리발사")

    async def test_a_whole_list_is_read_page_by_page_each_code_once(self, http: httpx.AsyncClient) -> None:
        read: list[str] = []
        page = (await http.get("/codes/region", params={"limit": "200"})).json()
        read += [one["code"] for one in page["codes"]]
        while "next" in page:
            page = (await http.get("/codes/region", params={"limit": "200", "after": page["next"]})).json()
            read += [one["code"] for one in page["codes"]]
        assert tuple(read) == PACK.codes("region")

    @pytest.mark.parametrize(
        ("said", "rule"),
        [
            ({"after": "legal-dong-2026:41119"}, "wrong-form"),
            ({"after": "x"}, "wrong-form"),
            ({"q": "수원", "after": "legal-dong-2026:41110"}, "unknown-parameter"),
        ],
    )
    async def test_a_place_that_there_is_not_is_no_beginning(
        self, http: httpx.AsyncClient, said: dict[str, str], rule: str
    ) -> None:
        answer = await http.get("/codes/region", params=said)
        told = answer.json()
        assert (answer.status_code, told["field"], told["rule"]) == (422, "/query/after", rule)

    async def test_an_empty_place_is_the_beginning_of_what_is_found_as_of_a_list(self, http: httpx.AsyncClient) -> None:
        assert await codes(http, "region", q="수원", after="") == await codes(http, "region", q="수원")
        assert await codes(http, "region", after="") == await codes(http, "region")

    async def test_what_was_split_says_its_parts(self, http: httpx.AsyncClient) -> None:
        found = (await http.get("/codes/region", params={"q": "인천 서구"})).json()["codes"][0]
        assert found["parts"] == ["legal-dong-2026:28275", "legal-dong-2026:28290"]

    @pytest.mark.parametrize("words", ["?", "☃", "x" * 60, "'; drop", "%00"])
    async def test_words_that_mean_nothing_find_nothing(self, http: httpx.AsyncClient, words: str) -> None:
        assert await codes(http, "occupation", q=words) == []

    @pytest.mark.parametrize(("scheme", "said", "status"), [("nothing", {}, 404), ("region", {"q": "x" * 61}, 422)])
    async def test_refuses_without_echo(
        self, http: httpx.AsyncClient, scheme: str, said: dict[str, str], status: int
    ) -> None:
        answer = await http.get(f"/codes/{scheme}", params=said)
        assert (answer.status_code, "nothing" in answer.text, "xxx" in answer.text) == (status, False, False)


class TestUnknownCode:
    @pytest.mark.parametrize(
        ("kind", "code", "near"),
        [
            ("occupation", "work24-2024-occupation:871109", "work24-2024-occupation:871100 (제과·제빵원)"),
            ("occupation", "keco-2025:5501", "keco-2018:5501"),
            ("region", "legal-dong-2026:41119", "legal-dong-2026:41110 (수원시)"),
        ],
    )
    def test_names_the_nearest_of_the_list(self, kind: str, code: str, near: str) -> None:
        findings = Findings(PACK)
        findings.code(kind, code, "/data/x")
        assert near in PACK.remedy("unknown-code", "/data/x", findings.refusals[0].values)["ko"]

    def test_names_none_where_nothing_begins_like_it(self) -> None:
        findings = Findings(PACK)
        findings.code("region", "elsewhere-1:abc", "/data/region")
        assert "codes" not in findings.refusals[0].values

    def test_only_a_few_of_one_event_are_searched_for(self) -> None:
        findings = Findings(PACK)
        findings.codes("region", ["legal-dong-2026:41119"] * 50, "/data/rules/residence")
        assert sum("codes" in one.values for one in findings.refusals) == 3


class TestOlderCodes:
    def job(self, region: str, *residence: str) -> JobAtDoor:
        data = example("job-posted", region=region, rules={"residence": list(residence)})
        return JobAtDoor.model_validate_json(json.dumps(data))

    @pytest.mark.parametrize(("old", "new"), [("42110", "51110"), ("45110", "52110"), ("47720", "27720")])
    def test_a_renamed_region_is_taken_as_the_one_that_stands_for_it(self, old: str, new: str) -> None:
        findings = Findings(PACK)
        data = renewed(self.job(f"legal-dong-2026:{old}", f"legal-dong-2026:{old}"), findings, TODAY)
        assert (data.region, data.rules.residence) == (f"legal-dong-2026:{new}", (f"legal-dong-2026:{new}",))
        assert [(one.rule, one.field) for one in findings.warnings] == [
            ("code-replaced", "/data/region"),
            ("code-replaced", "/data/rules/residence/0"),
        ]
        assert f"legal-dong-2026:{new}" in PACK.remedy("code-replaced", "", findings.warnings[0].values)["ko"]

    def test_what_was_split_is_kept_and_asked_about(self) -> None:
        findings = Findings(PACK)
        job = self.job("legal-dong-2026:28260")
        assert renewed(job, findings, TODAY) is job
        assert [(one.rule, one.values["codes"]) for one in findings.warnings] == [
            ("code-split", "legal-dong-2026:28275 legal-dong-2026:28290")
        ]

    def test_before_its_day_nothing_is_replaced(self) -> None:
        findings = Findings(PACK)
        job = self.job("legal-dong-2026:28260")
        assert renewed(job, findings, date(2026, 6, 30)) is job
        assert findings.warnings == []

    def test_a_person_is_renewed_too_and_nothing_else_changes(self) -> None:
        findings = Findings(PACK)
        data = example("person-updated", residence="legal-dong-2026:45110")
        person = PersonUpdatedAtDoor.model_validate_json(json.dumps(data))
        new = renewed(person, findings, TODAY)
        assert new == person.model_copy(update={"residence": "legal-dong-2026:52110"})
