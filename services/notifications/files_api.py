"""HTTP routes of the files per day: parse, call, return."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from services.notifications.channels.feed_files import FileSeen
from services.notifications.domain.byte_ranges import NotSatisfiable, byte_range
from services.notifications.domain.feed_days import Stretch
from services.notifications.domain.feed_file_format import CONTENT_TYPES, KINDS, Kind
from services.notifications.feed_api import POLL, FeedEndpoints, IfNoneMatch, hold, known, named
from services.notifications.schemas import Schema
from shared.access.api_keys import Calling
from shared.kit.web.problems import Problem, errors
from shared.kit.web.route_bounds import Router, bounded

MOST_LISTED = 31
MOST_SAID = 10
_CONTENT = {each.partition(";")[0]: {"schema": {"type": "string"}} for each in CONTENT_TYPES.values()}
Name = Annotated[
    str,
    Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\.(jsonl|csv)$", examples=["2026-11-27.jsonl"]),
]
Said = Annotated[str, Query(pattern=r"^\d{4}-\d\d-\d\d\.(jsonl|csv):[0-9a-f]{64}$")]
WhatBecame = Literal["acknowledged", "changed", "not-fetched", "unknown"]

SAID = f"2026-11-27.jsonl:{sha256(b'').hexdigest()}"  # as an example


class FileForm(Schema):
    """``sha256`` is over all bytes, and the file's ``ETag``."""

    name: str
    bytes: int
    sha256: str


class FileOfDay(Schema):
    """``closed``: no line will be added. ``lines`` without the heading."""

    day: date
    closed: bool
    lines: int
    files: list[FileForm]


class FileSaid(Schema):
    """What became of one ``acknowledge``: ``changed``: it is another file now, fetch it again; ``not-fetched``: some of
    it was never given to you."""

    name: str
    status: WhatBecame


class FileList(Schema):
    """Days newest first. ``next``: give it as ``before`` for older ones; None on the last page."""

    days: list[FileOfDay]
    next: date | None
    acknowledged: list[FileSaid]


def make_files_router(endpoints: FeedEndpoints) -> APIRouter:
    """The list, and a file or its headers alone."""
    router = Router(tags=["feed"])

    @router.get("/files", responses=errors(409))
    @bounded(POLL)
    async def listed(
        request: Request,
        caller: Calling,
        before: date | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 7,
        acknowledge: Annotated[list[Said] | None, Query(max_length=MOST_SAID, examples=[SAID])] = None,
    ) -> FileList:
        """The days that have a file, with counts and hashes. ``acknowledge=<name>:<sha256>`` says that you have dealt
        with everything in that file, recalls included; up to ten."""
        recipient, _ = await endpoints.reader_of(request, caller)
        hold(request, recipient)
        days = await endpoints.files.days(recipient)
        said = [await _said(recipient, days, one) for one in acknowledge or ()]
        older = [each for each in days if before is None or each.day < before]
        shown = [await _shown(recipient, each) for each in older[:limit]]
        return FileList(days=shown, next=shown[-1].day if len(older) > limit else None, acknowledged=said)

    async def _said(recipient: str, days: Sequence[Stretch], said: str) -> FileSaid:
        name, _, sha256 = said.partition(":")
        status: WhatBecame = "unknown"
        if (stretch := _of_name(days, name)) is not None:
            (file,) = await endpoints.files.look(recipient, stretch, [_kind(name)])
            if file.sha256 != sha256:
                status = "changed"
            else:
                status = "acknowledged" if await endpoints.files.acknowledge(recipient, file) else "not-fetched"
        return FileSaid(name=name, status=status)

    async def _shown(recipient: str, stretch: Stretch) -> FileOfDay:
        found = await endpoints.files.look(recipient, stretch, KINDS)
        forms = [FileForm(name=f"{stretch.day}.{f.kind}", bytes=f.size, sha256=f.sha256) for f in found]
        return FileOfDay(day=stretch.day, closed=stretch.closed, lines=found[0].lines, files=forms)

    @router.get(
        "/files/{name}",
        responses={
            200: {"description": "The file", "content": _CONTENT},
            206: {"description": "The bytes of Range", "content": _CONTENT},
            304: {"description": "What you have"},
            **errors(404, 409, 416),
        },
        response_class=StreamingResponse,
    )
    @bounded(POLL)
    async def file(
        request: Request,
        caller: Calling,
        name: Name,
        range: Annotated[str | None, Header(max_length=200)] = None,
        if_range: Annotated[str | None, Header(max_length=200)] = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """One day's file. Coming back with its ``ETag`` in ``If-None-Match`` shows that all of it has arrived."""
        recipient, still = await endpoints.reader_of(request, caller)
        hold(request, recipient)
        seen = await _seen(recipient, name)
        headers = _headers(seen)
        if known(if_none_match, headers["ETag"]):
            if named(if_none_match, headers["ETag"]):
                await endpoints.files.arrived(recipient, seen)
            return Response(status_code=304, headers={"ETag": headers["ETag"]})
        part = None
        if if_range is None or if_range.strip() == headers["ETag"]:
            try:
                part = byte_range(range, seen.size)
            except NotSatisfiable:
                raise _behind_the_end(seen.size) from None
        begin, end = part or (0, seen.size)
        headers["Content-Length"] = str(end - begin)
        if part is not None:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{seen.size}"
        return StreamingResponse(
            endpoints.files.give(recipient, seen, begin, end, still),
            206 if part is not None else 200,
            headers,
            CONTENT_TYPES[seen.kind],
        )

    @router.head(
        "/files/{name}",
        responses={
            200: {"description": "The file is there"},
            304: {"description": "What you have"},
            **errors(404, 409),
        },
        response_class=Response,
    )
    @bounded(POLL)
    async def head_of_file(
        request: Request,
        caller: Calling,
        name: Name,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """What GET would say of the whole file, without it (``Range`` is for GET alone). Looking shows nothing: neither
        has the file been given, nor has it arrived."""
        recipient, _ = await endpoints.reader_of(request, caller)
        hold(request, recipient)
        seen = await _seen(recipient, name)
        headers = _headers(seen)
        if known(if_none_match, headers["ETag"]):
            return Response(status_code=304, headers={"ETag": headers["ETag"]})
        headers["Content-Length"] = str(seen.size)
        return Response(None, 200, headers, CONTENT_TYPES[seen.kind])

    async def _seen(recipient: str, name: str) -> FileSeen:
        stretch = _of_name(await endpoints.files.days(recipient), name)
        if stretch is None:
            raise _no_file()
        (seen,) = await endpoints.files.look(recipient, stretch, [_kind(name)])
        return seen

    return router


def _kind(name: str) -> Kind:
    return "csv" if name.endswith(".csv") else "jsonl"


def _of_name(days: Sequence[Stretch], name: str) -> Stretch | None:
    return next((each for each in days if each.day.isoformat() == name.partition(".")[0]), None)


def _headers(file: FileSeen) -> dict[str, str]:
    """No ``Last-Modified``: a line goes away when it may not be told any more, also of a day that is over, and when
    that was is not told. Who asked by a date would keep what is another file now."""
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return {
        "ETag": f'"{file.sha256}"',
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{digest}:",  # RFC 9530
        "Content-Disposition": f'attachment; filename="{file.stretch.day}.{file.kind}"',
    }


def _no_file() -> Problem:
    return Problem(404, "no-file", "There is no file of that day")


def _behind_the_end(size: int) -> Problem:
    return Problem(
        416,
        "range-not-satisfiable",
        "The range begins behind the end of the file",
        headers={"Content-Range": f"bytes */{size}"},
    )
