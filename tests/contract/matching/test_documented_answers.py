"""What a running matching answers is what its OpenAPI document says, and everything that the document says is seen."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events.topics.agencies import Agency
from tests.integration.matching.parts import ALIASES, HANAWON_ALIAS, Setup, agency, standing, told
from tests.support.documented import Documented, ask_what_the_kit_answers, ask_without_the_right
from tests.support.matching import a_job, a_person, numbered
from tests.support.waiting import eventually

pytestmark = pytest.mark.contract


async def test_every_documented_answer(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.kit.web.quotas.LONGEST_DELAY", 0.0)
    tokens: dict[str, str] = {}
    registered = []
    for name, kind, administers in (("hanawon", "case", False), ("shop", "employer", False), ("ops", "public", True)):
        tokens[name], state = agency(name, recipient_class=kind)
        rights = state.rights.model_copy(update={"administers": administers})
        registered.append(Agency.model_validate(state.model_copy(update={"rights": rights}), strict=False))
    job = a_job(1)
    setup = Setup(kafka, mongo_url, database.name, topic_prefix)
    async with setup.running() as app:
        await setup.publish(*(told(each) for each in (*registered, a_person(1, aliases=ALIASES), job)))

        async def all_there() -> bool:
            return bool(await standing(database)) and await database.agencies.count_documents({}) == 3

        await eventually(all_there, 120)
        await app.state.runtime.ready.wait()
        service = Documented(app, {"authorization": f"Bearer {tokens['ops']}"})
        own, shop = ({"authorization": f"Bearer {tokens[name]}"} for name in ("hanawon", "shop"))
        async with service.http:
            await ask_what_the_kit_answers(service)
            await ask_without_the_right(service, own)
            for operation, good, bad in (
                ("GET /people/{alias}/matches", f"/people/{HANAWON_ALIAS}/matches", "/people/none/matches"),
                (
                    "GET /opportunities/{opportunity}/matches",
                    f"/opportunities/{job.opportunity}/matches",
                    f"/opportunities/{numbered(9)}/matches",
                ),
                (
                    "GET /opportunities/{opportunity}",
                    f"/opportunities/{job.opportunity}",
                    f"/opportunities/{numbered(9)}",
                ),
                (
                    "GET /people/{alias}/opportunities/{opportunity}",
                    f"/people/{HANAWON_ALIAS}/opportunities/{job.opportunity}",
                    f"/people/{HANAWON_ALIAS}/opportunities/{numbered(9)}",
                ),
                (
                    "GET /people/{alias}/opens-more",
                    f"/people/{HANAWON_ALIAS}/opens-more",
                    "/people/none/opens-more",
                ),
            ):
                await service.ask(operation, 200, good, headers=own)
                await service.ask(operation, 404, bad, headers=own)
                await service.ask(operation, 403, good, headers=shop)
            lookup, wanted = "POST /opportunities/lookup", {"opportunities": [job.opportunity, numbered(9)]}
            await service.ask(lookup, 200, json=wanted, headers=own)
            await service.ask(lookup, 403, json=wanted, headers=shop)
            await service.ask(lookup, 422, json={"opportunities": []}, headers=own)
            await ask_about_rounds(service, own, shop, job.opportunity)
            assert service.unseen() == []


async def ask_about_rounds(service: Documented, own: Any, shop: Any, opportunity: str) -> None:
    """Every answer of the routes of rounds."""
    wanted = {"people": [HANAWON_ALIAS], "openings": [{"opportunity": opportunity}]}
    asked = (await service.ask("POST /rounds", 202, json=wanted, headers=own)).json()
    await service.ask("POST /rounds", 403, json=wanted, headers=shop)
    await service.ask("POST /rounds", 422, json={**wanted, "people": [numbered(9)]}, headers=own)
    await service.ask("GET /rounds", 200, headers=own)
    await service.ask("GET /rounds", 403, headers=shop)
    one, other = f"/rounds/{asked['round']}", f"/rounds/{numbered(9)}"

    async def proposed() -> Any:
        found = (await service.http.get(one, headers=own)).json()
        return found if found["state"] == "proposed" else None

    await eventually(proposed)
    for operation, path, body, answers in (
        ("GET /rounds/{round}", "", None, {200: {}, 404: {}, 403: {}}),
        (
            "PUT /rounds/{round}/adjustments",
            "/adjustments",
            {"version": 1},
            {202: {}, 404: {}, 403: {}, 409: {}, 422: {"version": 0}},
        ),
        (
            "POST /rounds/{round}/confirm",
            "/confirm",
            {"version": 2},
            {404: {}, 403: {}, 409: {"version": 1}, 422: {"version": 0}},
        ),
    ):
        for status, changed in answers.items():
            at = (other if status == 404 else one) + path
            said = None if body is None else {**body, **changed}
            await service.ask(operation, status, at, json=said, headers=shop if status == 403 else own)
    await eventually(proposed)
    await service.ask("POST /rounds/{round}/confirm", 200, f"{one}/confirm", json={"version": 2}, headers=own)
