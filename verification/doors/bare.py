"""The least that a door can do: the same server, the same models, one document for each event, 500 in a transaction."""

from __future__ import annotations

import json
import os
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.events.registry import load_topics

GROUP = 500


def application(mongo_url: str) -> FastAPI:
    """Takes batches, and trusts everybody."""
    app = FastAPI()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url)
    registry = load_topics()

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        if "events" not in await client["bare"].list_collection_names():  # two transactions cannot both create it
            await client["bare"].create_collection("events")
        return {}

    @app.post("/events")
    async def events(request: Request) -> Response:
        documents = []
        for event in json.loads(await request.body()):
            door = registry.find(event["type"]).door
            assert door is not None
            data = door.model_validate_json(json.dumps(event["data"]))
            documents.append({"_id": f"{event['source']} {event['id']}", "data": data.model_dump(mode="json")})
        for begin in range(0, len(documents), GROUP):
            await _insert(client, documents[begin : begin + GROUP])
        results = [{"id": document["_id"], "status": "accepted"} for document in documents]
        return Response(json.dumps({"results": results}), 202, media_type="application/json")

    return app


async def _insert(client: AsyncMongoClient[dict[str, Any]], documents: list[dict[str, Any]]) -> None:
    async def work(session: AsyncClientSession) -> None:
        await client["bare"]["events"].insert_many(documents, session=session)

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
