"""The routes of an agency's mappings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Response

from services.intake.file_mappings.service import FileMappings
from shared.access.api_keys import Calling
from shared.files import FileMapping
from shared.kit.web.problems import errors, not_found
from shared.kit.web.response_model import Answer, answer
from shared.kit.web.route_bounds import Bounds, Router, bounded

MAPPING_NAME = r"^[a-z0-9-]{1,40}$"
MOST_BYTES = 65_536
Name = Annotated[
    str, Path(pattern=MAPPING_NAME, description="your own: small letters, digits, hyphens", examples=["ours"])
]


class MappingNames(Answer):
    """What your mappings are called."""

    mappings: list[str]


def make_router(mappings_of: Callable[[], FileMappings]) -> APIRouter:
    """The routes. They need a key of the agency and no right. ``mappings_of`` is called at each request."""
    router = Router(tags=["files"])

    @router.get("/mappings", response_model=MappingNames, summary="Your mappings")
    async def mappings(caller: Calling) -> Response:
        """By name."""
        return answer(MappingNames(mappings=await mappings_of().names(caller.agency.agency)))

    @router.get("/mappings/{name}", response_model=FileMapping, responses=errors(404), summary="A mapping of yours")
    async def mapping(name: Name, caller: Calling) -> Response:
        """As it was kept."""
        found = await mappings_of().find(caller.agency.agency, name)
        if found is None:
            raise not_found()
        return _shown(found)

    @router.put("/mappings/{name}", response_model=FileMapping, summary="Keep a mapping")
    @bounded(Bounds(most_bytes=MOST_BYTES))
    async def keep(name: Name, wanted: FileMapping, caller: Calling) -> Response:
        """For `POST /files?mapping=<name>`, in place of what was kept under that name. Your headings to our fields
        (`columns`, nothing for a column to pass over), your words to ours (`values`), what is the same in every row
        (`fixed`). It is about columns and never about a person: of an identity nothing may be fixed."""
        await mappings_of().keep(caller.agency.agency, name, wanted)
        return _shown(wanted)

    @router.delete("/mappings/{name}", status_code=204, responses=errors(404), summary="Forget a mapping")
    async def forget(name: Name, caller: Calling) -> Response:
        """Files that name it are refused from here on."""
        if not await mappings_of().forget(caller.agency.agency, name):
            raise not_found()
        return Response(status_code=204)

    return router


def _shown(mapping: FileMapping) -> Response:
    """What was said, without what it left out."""
    content = mapping.model_dump_json(exclude_defaults=True)
    return Response(content, media_type="application/json")
