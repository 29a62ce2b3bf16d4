"""The whole demo with few people, through the front doors, judged by the oracle."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from rich.console import Console

from samples.demo import Options, running_demo
from verification.harness.console import Screen
from verification.harness.oracle_check import Judgement, judge
from verification.harness.scenario import Scenario

pytestmark = pytest.mark.e2e
# What everybody's notices say alike; of everything else two partners must have nothing in common but openings.
WORDS = {"notice", "recall", "/notices", "1.0", "application/json", "proposed", "ended", "high", "medium", "low"}
CAUSES = {"job-posted", "trainee-graduated", "person-enrolled"}


def silent() -> Screen:
    return Screen(Console(file=io.StringIO()))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scenario(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scenario]:
    """A day that has been played and has become quiet; everything still runs."""
    options = Options(people=40, keep=tmp_path_factory.mktemp("demo"))
    async with running_demo(options, silent()) as (played, quiet):
        assert quiet, await played.unfinished()
        yield played


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def judgement(scenario: Scenario) -> Judgement:
    return await asyncio.to_thread(judge, scenario)


async def journey(scenario: Scenario, agency: str, event: dict[str, Any]) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {scenario.system.keyring.token(agency)}"}
    url = f"{scenario.system.services['intake'].url}/events/{event['id']}"
    where = {"source": event["source"]}
    async with aiohttp.ClientSession() as session, session.get(url, params=where, headers=headers) as answer:
        found: dict[str, Any] = await answer.json()
        return found


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, str):
        yield value.strip()


class TestTheDay:
    async def test_every_event_is_answered_as_it_deserves(self, scenario: Scenario) -> None:
        assert [outcome.receipt for outcome in scenario.ledger.unexpected] == []
        assert scenario.ledger.refused, "a day without a mistake shows nothing"

    async def test_the_matches_that_stand_are_those_of_the_oracle(self, judgement: Judgement) -> None:
        assert judgement.unlike == 0
        assert len(judgement.expected.matches) > 100

    async def test_each_partner_holds_what_it_must_and_nothing_else(self, judgement: Judgement) -> None:
        assert judgement.verdict.missing == frozenset()
        assert judgement.verdict.surplus == frozenset()
        assert {partner for partner, _, _ in judgement.expected.told} == {"gjf", "khf"}

    async def test_nothing_is_told_twice(self, judgement: Judgement) -> None:
        assert judgement.verdict.doubled == 0

    async def test_of_everything_told_it_is_known_when_its_cause_was_accepted(self, scenario: Scenario) -> None:
        recorded = await asyncio.to_thread(scenario.databases.recorded)
        told = {one.notice for name in ("feed", "webhook") for one in scenario.system.partner_store(name).received()}
        assert told & recorded.keys()

    async def test_everything_is_acknowledged(self, scenario: Scenario) -> None:
        for name in ("feed", "webhook"):
            store = scenario.system.partner_store(name)
            assert store.acknowledged() == {one.notice for one in store.received()}

    async def test_who_withdrew_is_recalled_at_the_partner(self, scenario: Scenario) -> None:
        withdrawn = [item for item in scenario.ledger.accepted if item.event["type"] == "consent-withdrawn"]
        recipients = {c.get("recipient") for item in withdrawn for c in item.event["data"]["consents"]}
        assert {"gjf", "khf", None} <= recipients
        assert sum(holding.recalls for holding in scenario.holdings().values()) > 0

    async def test_nothing_is_set_apart(self, scenario: Scenario) -> None:
        assert await asyncio.to_thread(scenario.databases.quarantined) == 0

    async def test_an_event_can_be_followed_to_the_partners_answer(self, scenario: Scenario) -> None:
        # which of the two a match follows, the opening or the person, depends on which was read first
        causes = [item for item in scenario.ledger.accepted if item.event["type"] in CAUSES]
        found = [await journey(scenario, item.agency, item.event) for item in causes]
        assert all(each["status"] == "accepted" for each in found)
        assert any(each["matches"]["found"] for each in found)
        told = [partner for each in found for partner in each["partners"]]
        acknowledged = {partner["recipient"] for partner in told if partner.get("acknowledged", {}).get("count")}
        assert acknowledged == {"gjf", "khf"}


class TestTwoPartners:
    async def test_have_nothing_in_common_but_the_opportunity(self, scenario: Scenario) -> None:
        feed, webhook = (
            [one.event for one in scenario.system.partner_store(n).received()] for n in ("feed", "webhook")
        )
        openings = set(scenario.ledger.opportunities.values())
        month = {event["data"]["month"] for event in feed} | {event["time"] for event in feed} | {""}
        common = set(leaves(dict(enumerate(feed)))) & set(leaves(dict(enumerate(webhook))))
        assert common & openings, "they were told of the same opening at least once"
        assert common <= openings | WORDS | month | set(scenario.world.pack.kinds)

    async def test_know_the_same_person_by_different_names(self, scenario: Scenario) -> None:
        known = await asyncio.to_thread(scenario.databases.aliases)
        people = {agency: {p: alias for (a, alias), p in known.items() if a == agency} for agency in ("gjf", "khf")}
        shared = people["gjf"].keys() & people["khf"].keys()
        assert shared
        assert all(people["gjf"][person] != people["khf"][person] for person in shared)


class TestASecondPack:
    async def test_the_same_flow_runs_on_the_invented_island(self, tmp_path: Any) -> None:
        async with running_demo(Options(people=25, pack="xx-island", keep=tmp_path), silent()) as (played, quiet):
            assert quiet, await played.unfinished()
            found = await asyncio.to_thread(judge, played)
        assert played.ledger.unexpected == []
        assert (found.unlike, found.verdict.lost, found.verdict.doubled) == (0, 0, 0)
        assert found.expected.told
