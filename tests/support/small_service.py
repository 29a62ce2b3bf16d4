"""The smallest service there can be, for tests of how services live: `python -m tests.support.small_service`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI

from shared.access.agencies import AGENCIES, agency_document
from shared.access.api_keys import Calling, Keys
from shared.events import Event
from shared.events.field_types import Slug
from shared.events.topics.agencies import AGENCY_REGISTERED, Agency
from shared.kit.runtime.serve import run
from shared.kit.runtime.service_runtime import ServiceRuntime
from shared.kit.runtime.settings import ServiceSettings, read_settings
from shared.kit.store.unit_of_work import Need, UnitOfWork
from shared.kit.stream.stream import Stream
from shared.kit.web.route_bounds import Router
from tests.support.broker import SESSION_TIMEOUT_MS


class SmallSettings(ServiceSettings):
    """`fail_at`: where this service breaks on purpose."""

    service: str = "small"
    session_timeout_ms: int = SESSION_TIMEOUT_MS
    port: int = 0
    fail_at: str = ""
    needs_kafka: bool = True
    everywhere: bool = False


def build(settings: SmallSettings) -> FastAPI:
    """It keeps agencies, counts its ticks, and knows who calls."""
    stream = Stream("small", ("agencies",), everywhere=settings.everywhere)
    runtime = ServiceRuntime(
        settings, authenticator=Keys, streams=[stream], writes=["agencies"], ready_needs_kafka=settings.needs_kafka
    )
    router = Router()
    told: list[str] = []

    @stream.subscriber(AGENCY_REGISTERED, needs=_the_agency)
    def registered(event: Event[Agency], work: UnitOfWork) -> None:
        work.save(AGENCIES, agency_document(event.data, event.sequence or 0))

    @router.get("/told")
    async def what_was_told() -> list[str]:
        return told

    @router.get("/me")
    async def me(caller: Calling) -> str:
        return caller.agency.agency

    @router.get("/echo/{name}")
    async def echo(name: Slug, number: int) -> str:
        return name

    @router.get("/crash")
    async def crash(word: str) -> str:
        raise RuntimeError(word)

    @router.post("/body")
    async def body(content: dict[str, Any]) -> int:
        return len(content)

    async def load() -> None:
        told.append("load")
        if settings.fail_at == "load":
            raise RuntimeError("on purpose")

    async def tick() -> None:
        told.append("tick")
        if told.count("tick") < 3:
            raise RuntimeError("on purpose")
        await runtime.stopping.wait()
        told.append("tock")

    async def stopped() -> None:
        await asyncio.wait_for(runtime.database.command("ping"), 5)  # MongoDB is still open
        told.append("stopped")

    app = runtime.app(title="small", routers=[router], loops=[tick], before_streams=[load], on_stop=[stopped])
    app.state.told = told
    return app


def _the_agency(event: Event[Any], work: UnitOfWork) -> Iterable[Need]:
    return [Need.by_id(AGENCIES, event.data.agency)]


if __name__ == "__main__":
    found = read_settings(SmallSettings)
    run(build(found), found)
