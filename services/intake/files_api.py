"""HTTP routes of files: one that is taken row by row, one that is only looked at, empty tables to fill in."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime

from services.intake.api import IntakeEndpoints
from services.intake.dependencies import Dependencies
from services.intake.event_validation import Validation
from services.intake.file_conversion import converter_of
from services.intake.file_mappings.api import MAPPING_NAME
from services.intake.file_preview import FilePreview
from services.intake.file_reading import FileAnswer, Reading, in_a_thread, start_of, unpacked
from services.intake.request_body import Received
from services.intake.settings import IntakeSettings
from services.intake.worker.questions import OpenFile
from shared.access.api_keys import Caller, Calling
from shared.events.refusal import Refusal, Refused
from shared.files import FileMapping
from shared.files.columns import table_types
from shared.files.template import codes_csv, template_csv, template_xlsx
from shared.files.text_encoding import encoding_of
from shared.kit.web.problems import errors, not_found
from shared.kit.web.quotas import Quotas
from shared.kit.web.response_model import answer
from shared.kit.web.route_bounds import Bounds, Router, bounded
from shared.reference import Pack

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Type = Annotated[str | None, Query(max_length=60, description="of its events, where no column says it")]
Mapping = Annotated[
    str | None,
    Query(pattern=MAPPING_NAME, description="which of your mappings (`PUT /mappings`)", examples=["ours"]),
]
_BODY = {
    "requestBody": {
        "required": True,
        "description": "CSV (UTF-8, EUC-KR), XLSX, JSON, JSON Lines or Work24's XML; told by its first bytes",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def make_router(endpoints: IntakeEndpoints, settings: IntakeSettings, dependencies: Dependencies) -> APIRouter:
    """The routes of files."""
    router = Router(tags=["files"])
    pack, validation = dependencies.pack, Validation(dependencies)

    @router.post(
        "/files",
        status_code=202,
        response_model=FileAnswer,
        response_model_exclude_none=True,
        responses={**errors(415), 202: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
        openapi_extra=_BODY,
        summary="Send a file",
    )
    @bounded(Bounds(most_bytes=settings.most_bytes, at_once=None, batches=True))
    async def files(
        request: Request,
        caller: Calling,
        as_of: Annotated[AwareDatetime, Query(description="when the file was made; of rows that do not say when")],
        type: Type = None,
        mapping: Mapping = None,
        testrun: bool = False,
        report: Annotated[
            Literal["json", "csv"], Query(description="csv: findings, in the encoding of the file")
        ] = "json",
        language: Annotated[str | None, Query(max_length=10, description="of the report; default: the first")] = None,
    ) -> Response:
        """Row by row as events of the caller: each is taken, or refused with row, column, rule and remedy; a bad row
        stops no other. The same file with the same `as_of` again is safe."""
        if language is not None and language not in pack.languages:
            spoken = " or ".join(map(repr, pack.languages))
            raise Refused(Refusal("unknown-value", "/query/language", {"expected": spoken}))
        quotas: Quotas = request.app.state.runtime.quotas
        received = Received(request.headers.get("content-type", ""), request.headers.items(), await request.body())
        async with _turn(received, caller, quotas):
            body = await unpacked(received, settings.most_bytes, caller, quotas)
            kept, now = await _mapping(caller, mapping), dependencies.clock.calendar()
            file = OpenFile(body, caller.agency.agency, now, testrun, as_of, type, kept)
            reading = Reading(file, endpoints.worker, dependencies)
            await reading.take(endpoints.door, caller, quotas)
        if report == "json":
            content = reading.answer().model_dump_json(exclude_none=True)
            return Response(content, 202, media_type="application/json")
        encoding = "utf-8-sig" if body.startswith(b"PK") else await in_a_thread(encoding_of, io.BytesIO(body))
        return Response(reading.report(language or pack.languages[0], encoding), 202, media_type="text/csv")

    @router.post(
        "/files/preview",
        response_model=FilePreview,
        response_model_exclude_none=True,
        responses=errors(415),
        openapi_extra=_BODY,
        summary="What a file would be taken as",
    )
    @bounded(Bounds(most_bytes=settings.most_bytes, at_once=None, batches=True))
    async def preview(
        request: Request,
        caller: Calling,
        as_of: Annotated[AwareDatetime | None, Query(description="as for `POST /files`; default: now")] = None,
        type: Type = None,
        mapping: Mapping = None,
    ) -> Response:
        """Which field each column is, the first rows as they were understood, and what is wrong with them. Nothing is
        taken and nothing kept; nothing that may name a person is said back."""
        quotas: Quotas = request.app.state.runtime.quotas
        received = Received(request.headers.get("content-type", ""), request.headers.items(), await request.body())
        async with _turn(received, caller, quotas):
            body, kept = await unpacked(received, settings.most_bytes, caller, quotas), await _mapping(caller, mapping)
            converter = converter_of(caller.agency.agency, as_of or dependencies.clock.calendar(), kept, dependencies)
            start = await start_of(body, converter, type, caller, quotas)
            return answer(await start.shown(caller.agency.agency, validation, dependencies))

    @asynccontextmanager
    async def _turn(received: Received, caller: Caller, quotas: Quotas) -> AsyncIterator[None]:
        """One file of a key at a time, however small."""
        async with endpoints.admission.turn(received, caller, quotas):
            done = await quotas.turn(f"{caller.key_id} files", 1, "bodies-at-once")
            try:
                yield
            finally:
                done()

    async def _mapping(caller: Caller, name: str | None) -> FileMapping | None:
        if name is None:
            return None
        found = await endpoints.file_mappings.find(caller.agency.agency, name)
        if found is None:
            raise Refused(Refusal("unknown-mapping", "/query/mapping"))
        return found

    @router.get(
        "/templates/{name}",
        response_class=Response,
        responses={
            200: {
                "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("text/csv", _XLSX)}
            },
            **errors(404),
        },
        summary="An empty table to fill in",
    )
    async def template(
        name: Annotated[str, Path(max_length=60, description="`job-posted.csv`, `job-posted.xlsx`, `codes.csv`")],
        encoding: Annotated[Literal["utf-8-sig", "cp949"], Query(description="of CSV")] = "utf-8-sig",
    ) -> Response:
        """The headings of a type, or all code lists."""
        stem, _, ending = name.rpartition(".")
        if ending not in ("csv", "xlsx") or not (stem in table_types() or name == "codes.csv"):
            raise not_found()
        content = await asyncio.to_thread(_template, pack, stem, ending, encoding)
        return Response(content, media_type="text/csv" if ending == "csv" else _XLSX)

    return router


@cache  # a few dozen, each the same until the next release
def _template(pack: Pack, stem: str, ending: str, encoding: str) -> bytes:
    if stem == "codes":
        return codes_csv(pack, encoding)
    return template_csv(stem, pack, encoding) if ending == "csv" else template_xlsx(stem, pack)
