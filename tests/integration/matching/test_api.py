"""Who sees what through the windows of matching, and that every look is written down first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from pymongo.errors import AutoReconnect

from services.matching.repository import Repository
from tests.integration.matching.parts import (
    ALIASES,
    GJF_ALIAS,
    HANAWON_ALIAS,
    KHF_ALIAS,
    Setup,
    agency,
    client,
    standing,
    told,
)
from tests.support.matching import GWANGMYEONG, a_job, a_person, numbered
from tests.support.odd_queries import refused_oddly
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
JOB, CLOSED, FAR = a_job(1), a_job(2, status="closed"), a_job(3, region=GWANGMYEONG)
CONSENTS = [
    {"purpose": "matching", "until": "2027-05-15"},
    {"purpose": "notice", "recipient": "gjf", "until": "2027-05-15"},
    {"purpose": "profile", "recipient": "gjf", "until": "2027-05-15"},
    {"purpose": "notice", "recipient": "told", "until": "2027-05-15"},
]
TOLD_ALIAS = numbered(0xAA4)
SEEN = a_person(
    1, consents=CONSENTS, aliases=[*ALIASES, {"agency": "told", "alias": TOLD_ALIAS}], wants={"commute_minutes": 60}
)
# known to khf only, and before the one above at every opening
OTHER = a_person(0, aliases=[{"agency": "khf", "alias": numbered(0xAB3)}], counselling={"interests": ["keco-2018:871"]})
LEFT = a_person(3, consents=[], aliases=[{"agency": "hanawon", "alias": numbered(0xAC1)}])


@pytest.fixture(scope="module")
def prefix() -> str:
    return f"api{numbered(7)[-4:]}."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(kafka: str, mongo_url: str, mongo: Any, prefix: str) -> AsyncIterator[SimpleNamespace]:
    """One running service with three people, three jobs and six agencies, for all tests of this file."""
    setup = Setup(kafka, mongo_url, "test_matching_api", prefix)
    tokens: dict[str, str] = {}
    agencies = []
    for name, kind in (
        *(("gjf", "service"), ("told", "service")),
        *(("khf", "case"), ("hanawon", "case"), ("shop", "employer")),
    ):
        tokens[name], registered = agency(name, recipient_class=kind)
        agencies.append(registered)
    tokens["blind"], blind = agency("blind", reads=())
    async with setup.running() as app:
        everything = (*agencies, blind, SEEN, OTHER, LEFT, JOB, CLOSED, FAR)
        await setup.publish(*(told(x) for x in everything))
        database = mongo["test_matching_api"]

        async def all_there() -> bool:
            return len(await standing(database)) == 3 and await database.agencies.count_documents({}) == 6

        await eventually(all_there, 120)
        yield SimpleNamespace(app=app, tokens=tokens, database=database)
    await mongo.drop_database("test_matching_api")


async def get(world: SimpleNamespace, who: str, path: str) -> Any:
    async with client(world.app, world.tokens.get(who)) as http:
        return await http.get(path)


class TestMatchesOfAPerson:
    async def test_best_first_with_reasons_in_every_language_and_the_callers_own_alias(self, world: Any) -> None:
        answer = await get(world, "gjf", f"/people/{GJF_ALIAS}/matches")
        assert answer.status_code == 200
        [match] = answer.json()["matches"]
        assert match["alias"] == GJF_ALIAS
        assert match["opportunity"] == JOB.opportunity
        assert (match["state"], match["person_rank"]) == ("eligible", 1)
        assert set(match["reasons"][0]["text"]) == {"ko", "en"}
        assert SEEN.person not in answer.text

    async def test_a_consent_to_notices_alone_shows_no_more_than_a_notice(self, world: Any) -> None:
        told = {"alias": TOLD_ALIAS, "opportunity": JOB.opportunity, "kind": "job", "person_rank": 1}
        for path in (f"/people/{TOLD_ALIAS}/matches", f"/opportunities/{JOB.opportunity}/matches"):
            [match] = (await get(world, "told", path)).json()["matches"]
            assert match == {**told, "band": match["band"]}
            assert match["band"] in ("high", "medium", "low")

    @pytest.mark.parametrize(
        ("who", "alias"),
        [
            ("gjf", numbered(0xFFF)),  # nobody
            ("gjf", HANAWON_ALIAS),  # somebody else's name for the person
            ("khf", KHF_ALIAS),  # an alias without a consent for this agency
            ("gjf", SEEN.person),  # our own id
            ("gjf", "nonsense"),
        ],
    )
    async def test_unknown_and_forbidden_look_the_same(self, world: Any, who: str, alias: str) -> None:
        answer = await get(world, who, f"/people/{alias}/matches")
        unknown = await get(world, who, f"/people/{numbered(0xEEE)}/matches")
        assert answer.status_code == 404
        assert (answer.content, answer.headers["content-type"]) == (unknown.content, "application/problem+json")

    async def test_the_owner_needs_no_consent_for_itself(self, world: Any) -> None:
        assert (await get(world, "hanawon", f"/people/{HANAWON_ALIAS}/matches")).status_code == 200
        answer = await get(world, "hanawon", f"/people/{numbered(0xAC1)}/matches")
        assert (answer.json()["matches"], answer.json()["ask_first"]) == ([], [])
        assert answer.json()["empty"]["why"] == "not_matched"

    @pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("blind", 403), ("shop", 403)])
    async def test_only_a_case_or_service_agency_with_the_right_reads(self, world: Any, who: str, status: int) -> None:
        for path in (f"/people/{GJF_ALIAS}/matches", f"/opportunities/{JOB.opportunity}/matches"):
            assert (await get(world, who, path)).status_code == status

    async def test_every_look_is_written_down(self, world: Any) -> None:
        query = {"agency": "gjf", "what": "matches-of-person", "person": SEEN.person}
        before = await world.database.audit.count_documents(query)
        await get(world, "gjf", f"/people/{GJF_ALIAS}/matches")
        entry = await world.database.audit.find_one(query)
        assert await world.database.audit.count_documents(query) == before + 1
        assert entry["key_id"] == "gjf-1"

    async def test_what_cannot_be_written_down_is_not_shown(self, world: Any, monkeypatch: Any) -> None:
        async def fails(self: Repository, entries: Any) -> None:
            raise AutoReconnect("away")

        monkeypatch.setattr(Repository, "audit", fails)
        for path in (
            f"/people/{GJF_ALIAS}/matches",
            f"/opportunities/{JOB.opportunity}/matches",
            f"/people/{GJF_ALIAS}/opportunities/{JOB.opportunity}",
        ):
            answer = await get(world, "gjf", path)
            assert answer.status_code == 503
            assert GJF_ALIAS not in answer.text


class TestPeopleForAnOpening:
    async def test_only_those_whom_the_caller_may_see_and_no_word_about_others(self, world: Any) -> None:
        answer = await get(world, "gjf", f"/opportunities/{JOB.opportunity}/matches")
        assert [match["alias"] for match in answer.json()["matches"]] == [GJF_ALIAS]
        assert (await get(world, "khf", f"/opportunities/{JOB.opportunity}/matches")).json() == {"matches": []}

    async def test_an_opening_that_nobody_knows(self, world: Any) -> None:
        assert (await get(world, "gjf", f"/opportunities/{numbered(1)}/matches")).status_code == 404


class TestOpenings:
    async def test_what_everybody_may_know_of_one_and_nothing_of_people_or_rules(self, world: Any) -> None:
        for who in ("gjf", "told", "blind"):  # all three receive notices
            answer = await get(world, who, f"/opportunities/{JOB.opportunity}")
            assert answer.status_code == 200
            seen = answer.json()
            assert (seen["opportunity"], seen["title"], seen["status"]) == (JOB.opportunity, JOB.title, "open")
            assert seen["region"] == JOB.region
            assert not {"rules", "owner", "certificates", "strengths"} & seen.keys()
            assert SEEN.person not in answer.text

    async def test_many_at_once_in_the_order_asked_for(self, world: Any) -> None:
        asked = [FAR.opportunity, numbered(0xFFF), JOB.opportunity]
        async with client(world.app, world.tokens["gjf"]) as http:
            answer = await http.post("/opportunities/lookup", json={"opportunities": asked})
        assert [each["opportunity"] for each in answer.json()["opportunities"]] == [asked[0], asked[2]]
        assert answer.json()["unknown"] == [asked[1]]

    @pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("shop", 403)])
    async def test_only_for_whoever_may_be_told_of_it(self, world: Any, who: str, status: int) -> None:
        assert (await get(world, who, f"/opportunities/{JOB.opportunity}")).status_code == status

    async def test_one_that_nobody_knows(self, world: Any) -> None:
        for name in (numbered(0xFFF), "nonsense"):
            assert (await get(world, "gjf", f"/opportunities/{name}")).status_code == 404


class TestOpensMore:
    async def test_a_longer_way_opens_what_is_farther_and_it_is_written_down(self, world: Any) -> None:
        query = {"what": "opens-more", "agency": "gjf"}
        found = (await get(world, "gjf", f"/people/{GJF_ALIAS}/opens-more")).json()
        step = next(one for one in found["steps"] if one["step"] == "commute")
        assert (step["openings"], step["examples"]) == (1, [FAR.opportunity])
        assert step["text"]["en"].startswith("The person accepts a way of ")
        assert set(step["pay"]) == {"ko", "en"}
        assert found["looked_at"] == 2  # one of three is closed
        assert [(one["condition"], one["openings"], one["alone"]) for one in found["refused"]] == [("commute", 1, 1)]
        assert SEEN.person not in str(found)
        assert await world.database.audit.count_documents(query) == 1

    async def test_only_for_whoever_may_know_why(self, world: Any) -> None:
        for who, alias in (("told", TOLD_ALIAS), ("khf", KHF_ALIAS), ("gjf", numbered(0xFFF))):
            assert (await get(world, who, f"/people/{alias}/opens-more")).status_code == 404

    async def test_of_who_may_not_be_matched_nothing_is_looked_at(self, world: Any) -> None:
        found = (await get(world, "hanawon", f"/people/{numbered(0xAC1)}/opens-more")).json()
        assert (found["steps"], found["looked_at"]) == ([], 0)


class TestWhy:
    async def test_a_pair_that_matches(self, world: Any) -> None:
        why = (await get(world, "gjf", f"/people/{GJF_ALIAS}/opportunities/{JOB.opportunity}")).json()
        assert (why["state"], why["kept"]) == ("eligible", True)
        assert {one["answer"] for one in why["conditions"]} == {"yes"}
        assert why["score"] == pytest.approx(sum(one["contribution"] for one in why["factors"]), abs=1e-6)
        assert why["opens"] == []

    async def test_why_not_and_what_would_open_it(self, world: Any) -> None:
        far = (await get(world, "gjf", f"/people/{GJF_ALIAS}/opportunities/{FAR.opportunity}")).json()
        noes = {one["condition"]: one for one in far["conditions"] if one["answer"] == "no"}
        assert (far["state"], far["kept"], set(noes)) == ("no", False, {"commute"})
        assert "60" in noes["commute"]["text"]["en"]
        [opens] = far["opens"]
        assert opens["en"].startswith("The person accepts a way of ")
        assert noes["commute"]["opens"] == opens
        closed = (await get(world, "gjf", f"/people/{GJF_ALIAS}/opportunities/{CLOSED.opportunity}")).json()
        assert [one["condition"] for one in closed["conditions"] if one["answer"] == "no"] == ["open"]
        assert [text["en"] for text in closed["opens"]] == [
            "Nothing that the person or the agency could change opens it."
        ]

    async def test_without_a_consent_to_matching_nothing_else_is_looked_at(self, world: Any) -> None:
        why = (await get(world, "hanawon", f"/people/{numbered(0xAC1)}/opportunities/{JOB.opportunity}")).json()
        assert [one["condition"] for one in why["conditions"]] == ["active", "consent"]
        assert "score" not in why
        assert why["factors"] == []
        assert [text["en"] for text in why["opens"]] == ["It depends on the person's consent."]

    async def test_a_consent_to_notices_alone_gets_the_answer_of_an_unknown_person(self, world: Any) -> None:
        forbidden = await get(world, "told", f"/people/{TOLD_ALIAS}/opportunities/{JOB.opportunity}")
        unknown = await get(world, "told", f"/people/{numbered(0xEEE)}/opportunities/{JOB.opportunity}")
        assert (forbidden.status_code, forbidden.content) == (404, unknown.content)

    async def test_a_pair_half_of_which_is_unknown(self, world: Any) -> None:
        assert (await get(world, "gjf", f"/people/{GJF_ALIAS}/opportunities/{numbered(1)}")).status_code == 404
        assert (await get(world, "khf", f"/people/{KHF_ALIAS}/opportunities/{JOB.opportunity}")).status_code == 404


class TestApplication:
    def test_the_windows_are_described(self, world: Any) -> None:
        app: FastAPI = world.app
        assert {
            "/people/{alias}/matches",
            "/opportunities/{opportunity}/matches",
            "/people/{alias}/opportunities/{opportunity}",
        } <= set(app.openapi()["paths"])


class TestOddParameters:
    async def test_no_value_of_any_parameter_makes_it_fail(self, world: SimpleNamespace) -> None:
        async with client(world.app) as http:
            description = (await http.get("/openapi.json")).json()
            headers = {"Authorization": f"Bearer {world.tokens['hanawon']}"}
            assert await refused_oddly(http, description, headers) == []
