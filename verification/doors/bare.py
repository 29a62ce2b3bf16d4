"""The least that a door can do: the same server, the same models, the same documents under the same indexes, 500 events
in a transaction. Nobody is asked who they are, nothing is sealed or looked up, and nobody else is told."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession

from services.intake.documents import OPPORTUNITIES, REFERENCES, Reference
from services.intake.domain.vacancy import Source
from services.intake.indexes_and_retention import INDEXES
from services.intake.last_published import Causation, LastPublished
from services.intake.opportunity_documents import StoredOpportunity
from shared.events.topics.opportunities import JOB_POSTED, JobAtDoor, Opportunity

GROUP = 500
COLLECTIONS = (OPPORTUNITIES, REFERENCES)
_SEALED = bytes(60)  # as long as a sealed reference
_NOW = datetime.now(UTC)
_TITLES = ("certificates", "certificates_wanted", "courses_wanted", "teaches")  # they would have to be looked up
Documents = tuple[dict[str, Any], dict[str, Any]]


def documents_of(data: Mapping[str, Any]) -> Documents:
    """What intake holds of a job, made of the same models: its document, and what leads to it from the reference."""
    advert = JobAtDoor.model_validate_json(json.dumps(data))
    fields = {name: value for name, value in vars(advert).items() if name != "reference" and name not in _TITLES}
    job = Opportunity(opportunity=secrets.token_hex(16), owner="gjf", kind="job", status="open", **fields)
    index, now = hashlib.blake2b(f"{job.owner} {advert.reference}".encode(), digest_size=16).hexdigest(), _NOW
    source = Source(index=index, open=True, heard=now.date(), words=job, reference=_SEALED)
    causation = Causation(correlationid=job.opportunity, causationid=index, time=now, recordedtime=now)
    last = LastPublished.by(JOB_POSTED, causation)
    thing = StoredOpportunity(id=job.opportunity, sequence=1, state=job, sources=(source,), ends=job.closes, last=last)
    return thing.document(), Reference(index, job.opportunity).document()


def application(mongo_url: str) -> FastAPI:
    """Takes batches, and trusts everybody."""
    app = FastAPI()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url)

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        for name in COLLECTIONS:  # two transactions cannot both create one
            await client["bare"][name].create_indexes(list(INDEXES[name]))
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
