"""What forbids is never put off because of other traffic of the same key."""

from __future__ import annotations

import json
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.intake.api import IntakeEndpoints, make_router
from services.intake.request_admission import FORBIDS, Admitted
from services.intake.request_body import Received
from services.intake.schemas import Receipt
from services.intake.settings import IntakeSettings
from shared.access.api_keys import Caller
from shared.events import registry
from shared.events.http_binding import BATCH
from shared.kit.web import problems, quotas
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.middleware import Outermost
from shared.kit.web.problems import Problem
from shared.kit.web.quotas import Limiter, Quotas
from tests.unit.intake.memory import House, admission, example, pack

pytestmark = pytest.mark.unit
ADVERT, WITHDRAWAL = "job-posted", "consent-withdrawn"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "LONGEST_DELAY", 0.0)


async def asked(known: Quotas, *types: str | None, emits: Collection[str] = FORBIDS) -> tuple[bool, list[int]]:
    """Whether these go ahead, and which are put off."""
    rights = SimpleNamespace(emits=emits, administers="agency-changed" in emits)
    caller: Any = SimpleNamespace(key_id="gjf-1", agency=SimpleNamespace(rights=rights, agency="gjf"))
    received = Received(BATCH, (), json.dumps([{"type": type} for type in types]).encode())
    async with admission().admit(received, caller, known) as admitted:
        assert admitted.count == len(types)
        return admitted.ahead, sorted(admitted.late)


async def test_withdrawals_go_ahead_when_the_adverts_of_the_key_are_too_many() -> None:
    known = Quotas(EdgeSettings(limit_events="1/5"))
    assert await asked(known, *[ADVERT] * 5) == (False, [])
    with pytest.raises(Problem) as raised:
        await asked(known, ADVERT)
    assert (raised.value.status, raised.value.details.rule) == (429, "events")
    assert await asked(known, *[WITHDRAWAL] * 3) == (True, [])


async def test_what_the_agency_may_not_send_goes_ahead_of_nobody() -> None:
    known = Quotas(EdgeSettings(limit_events=f"1/{len(FORBIDS)}"))
    for forbidding in sorted(FORBIDS):
        assert await asked(known, forbidding, emits=()) == (False, [])
    with pytest.raises(Problem) as raised:
        await asked(known, WITHDRAWAL, emits=())
    assert raised.value.details.rule == "events"


async def test_a_batch_of_both_loses_its_adverts_alone_and_what_is_left_goes_ahead() -> None:
    known = Quotas(EdgeSettings(limit_events="1/2"))
    assert await asked(known, ADVERT, WITHDRAWAL, ADVERT) == (False, [])
    assert await asked(known, ADVERT, WITHDRAWAL, ADVERT) == (True, [0, 2])


async def test_what_forbids_has_a_limit_of_its_own() -> None:
    with pytest.raises(Problem) as raised:
        await asked(Quotas(EdgeSettings(limit_forbids="1/2")), *[WITHDRAWAL] * 3)
    assert raised.value.details.rule == "forbids"


async def test_what_cannot_be_read_counts_as_an_event() -> None:
    known = Quotas(EdgeSettings(limit_events="1/1"))
    await asked(known, None)
    with pytest.raises(Problem):
        await asked(known, None)


def test_what_forbids_is_in_the_contract() -> None:
    doors = {known.name for known in registry if known.door is not None}
    assert doors >= FORBIDS


async def test_what_is_put_off_is_said_to_each_and_is_not_kept() -> None:
    house = House()
    events = [
        {
            "specversion": "1.0", "id": f"e-{number}", "source": "/agencies/gjf", "type": "job-posted",
            "time": "2026-11-20T09:00:00+09:00", "data": example("job-posted", reference=f"J-{number}"),
        }
        for number in range(2)
    ]  # fmt: skip
    first, second = await house.door.take(Admitted(events, 2, late=frozenset({1})), house.callers["gjf"])
    assert (first.status, second.status) == ("accepted", "failed")
    assert (second.id, second.receipt) == ("e-1", None)
    assert second.problem is not None
    assert (second.problem.status, second.problem.rule) == (429, "too-many-at-a-time")
    again: Receipt
    [again] = await house.send_all(events[1:], "gjf")
    assert again.status == "accepted"


async def test_what_is_refused_on_the_way_is_charged_for_what_was_looked_at() -> None:
    app, batch = FastAPI(), "application/cloudevents-batch+json"
    house, charged = House(), list[tuple[str, int]]()

    class Known(Quotas):
        async def charge(self, name: Limiter, who: str, cost: int = 1) -> None:
            charged.append((name, cost))

    known = Known(EdgeSettings())

    class Keys:
        async def authenticate(self, authorization: str | None) -> Caller:
            return house.callers["gjf"]

        async def reauthenticate(self, caller: Caller) -> Caller:
            return caller

    endpoints = IntakeEndpoints()
    endpoints.admission, endpoints.door = admission(), house.door
    app.add_middleware(Outermost)
    app.state.runtime = SimpleNamespace(authenticator=Keys(), quotas=known)
    problems.install(app, pack().remedy)
    chosen = IntakeSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:2/")
    app.include_router(make_router(endpoints, chosen))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.invalid") as client:

        async def sent(body: str, kind: str = batch) -> tuple[int, Any]:
            answer = await client.post("/events", content=body, headers={"content-type": kind})
            return answer.status_code, answer.json().get("rule")

        assert await sent("[" + ",".join(["{}"] * 501) + "]") == (413, "too-many-events")
        assert await sent("[" + "{}," * 498 + "x") == (400, "not-json")
        assert await sent("x") == (400, "not-json")
        assert await sent("x", "application/cloudevents+json") == (400, "not-json")
        assert (await sent("{}", "text/plain"))[0] == 415
    assert charged == [("events", 501), ("events", 498), ("events", 1), ("events", 1), ("events", 1)]
    assert not known._working, "nobody's turn is left behind"
