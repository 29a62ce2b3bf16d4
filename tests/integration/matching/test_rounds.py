"""Rounds through a running service: asked, worked out, adjusted, confirmed; who may see whom; killed in the middle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from services.matching.rounds import round_job
from services.matching.rounds.round_requests import MOST_COMPUTING, Rounds
from tests.integration.matching.parts import NOON, Setup, agency, client, told
from tests.support.matching import a_job, a_person, numbered
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
JOBS = [a_job(1, places=1), a_job(2, places=1), a_job(3, status="closed")]
CONSENTS = [
    {"purpose": "matching", "until": "2027-05-15"},
    {"purpose": "profile", "recipient": "gjf", "until": "2027-05-15"},
]


def alias(who: str, number: int) -> str:
    return numbered({"hanawon": 0xA00, "gjf": 0xB00, "khf": 0xC00}[who] + number)


def somebody(number: int, consents: Any = CONSENTS) -> Any:
    aliases = [{"agency": who, "alias": alias(who, number)} for who in ("hanawon", "gjf", "khf")]
    return a_person(number, consents=consents, aliases=aliases)


PEOPLE = [somebody(1), somebody(2), somebody(3)]
NOT_FOR_GJF = somebody(4, CONSENTS[:1])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(kafka: str, mongo_url: str, mongo: Any) -> AsyncIterator[SimpleNamespace]:
    """Three people whom Hanawon registered and gjf may see with reasons, one whom it may not, two jobs of one place."""
    setup = Setup(kafka, mongo_url, "test_matching_rounds", f"rnd{numbered(7)[-4:]}.")
    tokens: dict[str, str] = {}
    agencies = []
    for name, kind in (("hanawon", "case"), ("gjf", "service"), ("khf", "case"), ("shop", "employer")):
        tokens[name], registered = agency(name, recipient_class=kind)
        agencies.append(registered)
    async with setup.running() as app:
        await setup.publish(*(told(each) for each in (*agencies, *PEOPLE, NOT_FOR_GJF, *JOBS)))
        database = mongo["test_matching_rounds"]

        async def all_there() -> bool:
            people, agencies = await database.people.count_documents({}), await database.agencies.count_documents({})
            return people == 4 and agencies == 4 and await database.opportunities.count_documents({}) == len(JOBS)

        await eventually(all_there)
        yield SimpleNamespace(app=app, tokens=tokens, database=database, setup=setup)
    await mongo.drop_database("test_matching_rounds")


async def call(world: SimpleNamespace, who: str, method: str, path: str, body: Any = None) -> Any:
    async with client(world.app, world.tokens[who]) as http:
        return await http.request(method, path, json=body)


async def proposed(world: SimpleNamespace, who: str, id: str, version: int = 1) -> dict[str, Any]:
    async def done() -> Any:
        found = (await call(world, who, "GET", f"/rounds/{id}")).json()
        return found if found["state"] == "proposed" and found["version"] == version else None

    return await eventually(done)


def wanted(who: str, numbers: Any = (1, 2, 3, 4), **terms: Any) -> dict[str, Any]:
    openings = [{"opportunity": job.opportunity} for job in JOBS]
    return {"people": [alias(who, number) for number in numbers], "openings": openings, "terms": terms}


class TestARound:
    async def test_from_the_question_to_what_was_agreed(self, world: Any) -> None:
        asked = await call(world, "hanawon", "POST", "/rounds", wanted("hanawon"))
        assert (asked.status_code, asked.json()["hidden"]) == (202, 0)
        id = asked.json()["round"]
        first = (await proposed(world, "hanawon", id))["result"]
        assert sorted(each["opportunity"] for each in first["placed"]) == sorted(job.opportunity for job in JOBS[:2])
        assert [each["why"] for each in first["waiting"]] == ["places-taken", "places-taken"]
        assert first["benefit"] == pytest.approx(first["optimum"]) == pytest.approx(first["bound"])
        assert first["benefit"] >= max(first["greedy"], first["first_come"]) > 0

        waits, has = first["waiting"][0]["alias"], first["placed"][0]["opportunity"]
        change = {"version": 1, "fixed": [{"alias": waits, "opportunity": has}]}
        changed = await call(world, "hanawon", "PUT", f"/rounds/{id}/adjustments", change)
        assert (changed.status_code, changed.json()["version"]) == (202, 2)
        second = (await proposed(world, "hanawon", id, 2))["result"]
        [fixed] = [each for each in second["placed"] if each["by_hand"]]
        assert (fixed["alias"], fixed["opportunity"]) == (waits, has)
        assert second["benefit_before"] == first["benefit"]
        assert second["benefit"] <= second["optimum"] == first["optimum"]

        stale = await call(world, "hanawon", "POST", f"/rounds/{id}/confirm", {"version": 1})
        assert (stale.status_code, stale.json()["field"]) == (409, "/version")
        for _ in range(2):  # once more is the same
            agreed = await call(world, "hanawon", "POST", f"/rounds/{id}/confirm", {"version": 2})
            assert (agreed.status_code, agreed.json()["state"]) == (200, "confirmed")
        after = await call(world, "hanawon", "PUT", f"/rounds/{id}/adjustments", {"version": 2})
        assert after.status_code == 409
        [listed] = [
            each for each in (await call(world, "hanawon", "GET", "/rounds")).json()["rounds"] if each["round"] == id
        ]
        assert (listed["state"], listed["people"], listed["openings"]) == ("confirmed", 4, 3)
        looks = {entry["what"] async for entry in world.database.audit.find({"person": PEOPLE[0].person})}
        assert looks >= {"round-asked", "round", "round-adjusted", "round-confirmed"}

    async def test_what_was_decided_and_what_was_agreed_is_in_the_audit_of_everybody_who_was_shown(
        self, world: Any
    ) -> None:
        async def audited(what: str) -> list[tuple[str, str | None]]:
            entries = [entry async for entry in world.database.audit.find({"agency": "hanawon", "what": what})]
            assert all(entry["key_id"] and entry["at"] for entry in entries)
            return sorted(((entry["person"], entry["opportunity"]) for entry in entries), key=str)

        id = (await call(world, "hanawon", "POST", "/rounds", wanted("hanawon"))).json()["round"]
        await proposed(world, "hanawon", id)
        await world.database.audit.delete_many({})
        [one, two, three] = [person.person for person in PEOPLE]
        change = {
            "version": 1,
            "fixed": [{"alias": alias("hanawon", 1), "opportunity": JOBS[0].opportunity}],
            "excluded": [{"alias": alias("hanawon", 2), "opportunity": JOBS[1].opportunity}] * 2,
        }
        assert (await call(world, "hanawon", "PUT", f"/rounds/{id}/adjustments", change)).status_code == 202
        decided = {one: JOBS[0].opportunity, two: JOBS[1].opportunity, three: None, NOT_FOR_GJF.person: None}
        assert await audited("round-adjusted") == sorted(decided.items(), key=str)
        stale = await call(world, "hanawon", "PUT", f"/rounds/{id}/adjustments", change)
        assert (stale.status_code, len(await audited("round-adjusted"))) == (409, 4), "nothing was shown"

        placed = (await proposed(world, "hanawon", id, 2))["result"]["placed"]
        has = {each["alias"]: each["opportunity"] for each in placed}
        agreed = {person: has.get(alias("hanawon", number)) for number, person in enumerate((one, two, three), 1)}
        agreed[NOT_FOR_GJF.person] = has.get(alias("hanawon", 4))
        assert agreed[one] == JOBS[0].opportunity
        await world.database.audit.delete_many({})
        for _ in range(2):  # once more agrees to nothing, and is a look
            await call(world, "hanawon", "POST", f"/rounds/{id}/confirm", {"version": 2})
        assert await audited("round-confirmed") == sorted(agreed.items(), key=str)
        assert await audited("round") == sorted(((person, None) for person in agreed), key=str)

    async def test_what_each_term_costs_is_told(self, world: Any) -> None:
        asked = wanted("hanawon", guarantee=0.9, floor=0.9, group_by="childcare")
        result = (
            await proposed(world, "hanawon", (await call(world, "hanawon", "POST", "/rounds", asked)).json()["round"])
        )["result"]
        assert [each["terms"] for each in result["terms"]] == ["none", "guarantee", "floor", "both"]
        assert all(each["costs"] >= 0 and each["seconds"] >= 0 for each in result["terms"])
        assert (result["terms"][0]["costs"], result["terms"][3]["benefit"]) == (0.0, result["benefit"])
        assert result["groups"] == []  # of four people nothing is said by group

    async def test_only_whom_the_caller_may_see_and_only_its_own(self, world: Any) -> None:
        asked = await call(world, "gjf", "POST", "/rounds", wanted("gjf"))
        assert asked.json()["hidden"] == 1
        found = await proposed(world, "gjf", asked.json()["round"])
        named = {each["alias"] for each in (*found["result"]["placed"], *found["result"]["waiting"])}
        assert named == {alias("gjf", number) for number in (1, 2, 3)}
        assert PEOPLE[0].person not in str(found)
        for who, status in (("hanawon", 404), ("shop", 403)):
            assert (await call(world, who, "GET", f"/rounds/{asked.json()['round']}")).status_code == status

    async def test_nobody_to_place_is_told_what_to_do(self, world: Any) -> None:
        nobody = await call(world, "khf", "POST", "/rounds", wanted("khf"))
        assert (nobody.status_code, nobody.json()["field"], nobody.json()["rule"]) == (422, "/people", "visible")
        nothing = {**wanted("hanawon"), "openings": [{"opportunity": numbered(0xFFF)}]}
        answer = await call(world, "hanawon", "POST", "/rounds", nothing)
        assert (answer.status_code, answer.json()["field"]) == (422, "/openings")

    async def test_decisions_about_others_are_refused_by_name_of_the_field(self, world: Any) -> None:
        id = (await call(world, "hanawon", "POST", "/rounds", wanted("hanawon"))).json()["round"]
        await proposed(world, "hanawon", id)
        for change, field in (
            ({"fixed": [{"alias": numbered(0xFFF), "opportunity": None}]}, "/fixed/0/alias"),
            ({"excluded": [{"alias": alias("hanawon", 1), "opportunity": numbered(0xFFF)}]}, "/excluded/0/opportunity"),
            ({"fixed": [{"alias": alias("hanawon", 1), "opportunity": None}] * 2}, "/fixed"),
        ):
            answer = await call(world, "hanawon", "PUT", f"/rounds/{id}/adjustments", {"version": 1, **change})
            assert (answer.status_code, answer.json()["field"]) == (422, field)

    async def test_a_proposal_whose_person_may_not_be_matched_any_more_is_not_confirmed(self, world: Any) -> None:
        id = (await call(world, "gjf", "POST", "/rounds", wanted("gjf"))).json()["round"]
        found = await proposed(world, "gjf", id)
        [gone] = [
            each for each in PEOPLE if alias("gjf", int(each.person[-3:], 16)) == found["result"]["placed"][0]["alias"]
        ]
        without = gone.model_copy(update={"consents": gone.consents[:1]})
        await world.setup.publish(told(without, 2))

        async def hidden() -> bool:
            return bool((await call(world, "gjf", "GET", f"/rounds/{id}")).json()["hidden"] == 1)

        await eventually(hidden)
        assert "result" not in (await call(world, "gjf", "GET", f"/rounds/{id}")).json(), "its sums would tell of them"
        answer = await call(world, "gjf", "POST", f"/rounds/{id}/confirm", {"version": 1})
        assert (answer.status_code, answer.json()["type"].rsplit("/")[-1]) == (409, "round-outdated")
        await call(world, "gjf", "PUT", f"/rounds/{id}/adjustments", {"version": 1})
        anew = (await proposed(world, "gjf", id, 2))["result"]
        assert len(anew["placed"]) + len(anew["waiting"]) == 2

    async def test_whose_consent_ends_while_a_proposal_is_looked_at_is_not_confirmed(
        self, world: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Last here: it takes away a consent of one more person."""
        id = (await call(world, "gjf", "POST", "/rounds", wanted("gjf"))).json()["round"]
        placed = {each["alias"] for each in (await proposed(world, "gjf", id))["result"]["placed"]}
        gone = next(each for each in PEOPLE if alias("gjf", int(each.person[-3:], 16)) in placed)
        looked_at = Rounds._still_possible

        async def meanwhile(self: Rounds, *about: Any) -> bool:
            found = await looked_at(self, *about)
            await world.setup.publish(told(gone.model_copy(update={"consents": ()}), 9))

            async def is_heard() -> bool:  # by who reads what the majority has: that may come a moment later
                return [each.sequence for each in await self._repository.people([gone.person])] == [9]

            await eventually(is_heard)
            return found

        monkeypatch.setattr(Rounds, "_still_possible", meanwhile)
        answer = await call(world, "gjf", "POST", f"/rounds/{id}/confirm", {"version": 1})
        assert (answer.status_code, answer.json()["type"].rsplit("/")[-1]) == (409, "round-outdated")


class TestTheJob:
    async def test_rounds_that_wait_are_bounded_and_one_that_fails_ends(
        self, world: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fails(_: Any) -> None:
            return None

        monkeypatch.setattr(round_job, "computed", fails)
        answers = [
            await call(world, "hanawon", "POST", "/rounds", wanted("hanawon")) for _ in range(MOST_COMPUTING + 1)
        ]
        assert [each.status_code for each in answers] == [202] * MOST_COMPUTING + [429]
        ids = [each.json()["round"] for each in answers[:-1]]

        async def given_up() -> bool:
            passed = NOON - timedelta(days=1)  # as if the claim of a try had ended
            await world.database.rounds.update_many({"state": "computing"}, {"$set": {"claimed_until": passed}})
            (await call(world, "hanawon", "GET", "/rounds")).json()
            return await world.database.rounds.count_documents({"_id": {"$in": ids}, "state": "failed"}) == len(ids)

        await eventually(given_up, 120)

    async def test_a_process_that_fails_is_no_answer(self) -> None:
        no_more: dict[str, Any] = {"pack": "none"}
        broken = round_job.Question.model_construct(**no_more)
        assert await round_job.computed(broken) is None
