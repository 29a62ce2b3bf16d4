"""The least that a door can do: the same server, the same models, the documents that hold the thing, 500 events in a
transaction. Nobody is asked who they are, nothing is looked up, and nobody else is told."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.events.registry import load_topics
from shared.events.topics.opportunities import JobAtDoor, Opportunity

GROUP = 500
COLLECTIONS = ("opportunities", "references")
_TITLES = ("certificates", "certificates_wanted", "courses_wanted", "teaches")  # they would have to be looked up
Documents = tuple[dict[str, Any], dict[str, Any]]


def documents_of(data: Mapping[str, Any]) -> Documents:
    """What a door has to hold of a job: its state as on the bus, and what leads to it from the sender's reference."""
    advert = JobAtDoor.model_validate_json(json.dumps(data))
    fields = {name: value for name, value in vars(advert).items() if name != "reference" and name not in _TITLES}
    job = Opportunity(opportunity=secrets.token_hex(16), owner="gjf", kind="job", status="open", **fields)
    state = job.model_dump(mode="json", by_alias=True, exclude_none=True)
    thing = {"_id": job.opportunity, "sequence": 1, "owner": job.owner, "state": state}
    return thing, {"_id": f"{job.owner} {advert.reference}", "thing": job.opportunity}


def application(mongo_url: str) -> FastAPI:
    """Takes batches, and trusts everybody."""
    app = FastAPI()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url)
    load_topics()

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        known = await client["bare"].list_collection_names()  # two transactions cannot both create one
        for name in COLLECTIONS:
            if name not in known:
                await client["bare"].create_collection(name)
        return {}

    @app.post("/events")
    async def events(request: Request) -> Response:
        documents, results = [], []
        for event in json.loads(await request.body()):
            documents.append(documents_of(event["data"]))
            results.append({"id": event["id"], "status": "accepted"})
        for begin in range(0, len(documents), GROUP):
            await _insert(client, documents[begin : begin + GROUP])
        return Response(json.dumps({"results": results}), 202, media_type="application/json")

    return app


async def _insert(client: AsyncMongoClient[dict[str, Any]], documents: Sequence[Documents]) -> None:
    async def work(session: AsyncClientSession) -> None:
        for name, several in zip(COLLECTIONS, zip(*documents, strict=True), strict=True):
            await client["bare"][name].insert_many(list(several), session=session)

    async with client.start_session() as session:
        await session.with_transaction(work, write_concern=WriteConcern("majority"))


if __name__ == "__main__":
    uvicorn.run(
        application(os.environ["BARE_MONGO"]),
        host="127.0.0.1",
        port=int(os.environ["BARE_PORT"]),
        loop="uvloop",
        log_level="warning",
    )
