"""A door on a store in memory, behind HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest_asyncio
from fastapi import FastAPI

from services.intake.api import IntakeEndpoints, make_router
from services.intake.settings import IntakeSettings
from shared.kit.web import problems
from shared.kit.web.edge_settings import EdgeSettings
from shared.kit.web.middleware import Outermost
from shared.kit.web.quotas import Quotas
from tests.contract.intake.door import KNOWN, Http, Keys
from tests.unit.intake.memory import House, admission, example, pack


@pytest_asyncio.fixture
async def http() -> AsyncIterator[Http]:
    house = House()
    for name in ("trainee-graduated", "programme-opened"):
        await house.send(name, example(name, reference=KNOWN))
    job = await house.send("job-posted", example("job-posted", reference=KNOWN))
    assert job.opportunity is not None
    app = FastAPI()
    endpoints = IntakeEndpoints()
    endpoints.admission, endpoints.door = admission(), house.door
    app.add_middleware(Outermost)
    app.state.runtime = SimpleNamespace(authenticator=Keys(house), quotas=Quotas(EdgeSettings()))
    problems.install(app, pack().remedy)
    chosen = IntakeSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:2/")
    app.include_router(make_router(endpoints, chosen))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.invalid") as client:
        yield Http(client, house, job.opportunity)
