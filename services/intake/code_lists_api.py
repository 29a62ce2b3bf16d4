"""The code lists over HTTP: from a word as people say it to the codes that an event takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from shared.events.refusal import Refusal, Refused
from shared.kit.web.problems import errors, not_found
from shared.kit.web.response_model import Answer
from shared.kit.web.route_bounds import Router
from shared.reference import Pack

MOST_CODES = 200


class CodeList(Answer):
    """What a field of the contract takes codes of."""

    field: str
    schemes: list[str]
    codes: int


class CodeLists(Answer):
    """All of them."""

    lists: list[CodeList]


class Code(Answer):
    """A code. `name`: by language; `found`: the synonym by which it was found, if it is none of its names; `within`:
    the code above it; `parts`: what it was split into."""

    code: str
    name: dict[str, str]
    found: str | None = None
    within: str | None = None
    parts: list[str] | None = None


class Codes(Answer):
    """The nearest first; without words in the order of the list, and `next` is the `after` to read on."""

    codes: list[Code] = Field(default_factory=list)
    next: str | None = None


def make_router(pack: Pack) -> APIRouter:
    """The routes. Anybody may ask: the lists are public."""
    router = Router(tags=["codes"])

    @router.get("/codes", summary="The fields that take codes, and of which lists")
    async def lists() -> CodeLists:
        """`region`, `occupation`, ...: the names that `GET /codes/{scheme}` takes, beside those of lists."""
        found = (CodeList(field=f, schemes=sorted(pack.schemes_for(f)), codes=len(pack.codes(f))) for f in pack.fields)
        return CodeLists(lists=list(found))

    @router.get("/codes/{scheme}", responses=errors(404), summary="Look up codes", response_model_exclude_none=True)
    async def codes(
        scheme: Annotated[str, Path(max_length=60, description="a field (`occupation`) or a list (`keco-2018`)")],
        q: Annotated[
            str | None, Query(min_length=1, max_length=60, description="words, or the beginning of a code")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_CODES)] = 20,
        after: Annotated[str | None, Query(max_length=80)] = None,
    ) -> Codes:
        """By a word as people say it in South or North, by the beginning of a code, or by an older code. ``after``:
        without words only."""
        fields = [scheme] if scheme in pack.fields else pack.fields_of(scheme)
        if not fields:
            raise not_found()
        if q is None:
            return _page(pack, _of(scheme, fields, (code for f in fields for code in pack.codes(f))), limit, after)
        if after:  # what is found has one page, the nearest first
            raise Refused(Refusal("unknown-parameter", "/query/after", {"known": "limit, q"}))
        found = {one.code: one for f in fields for one in pack.look_up(f, q, MOST_CODES)}
        chosen = list(_of(scheme, fields, found))[:limit]
        return Codes(codes=[_code(pack, code, found[code].title) for code in chosen])

    return router


def _of(scheme: str, fields: Iterable[str], codes: Iterable[str]) -> Iterator[str]:
    """Each once; of a list only its own."""
    whole = scheme in fields
    return (code for code in dict.fromkeys(codes) if whole or code.partition(":")[0] == scheme)


def _page(pack: Pack, codes: Iterable[str], limit: int, after: str | None) -> Codes:
    listed = list(codes)
    if after and after not in listed:
        raise Refused(Refusal("wrong-form", "/query/after"))
    begin = listed.index(after) + 1 if after else 0
    page = listed[begin : begin + limit]
    return Codes(codes=[_code(pack, code) for code in page], next=page[-1] if begin + limit < len(listed) else None)


def _code(pack: Pack, code: str, found: str | None = None) -> Code:
    entry = pack.lists.entries[code]
    split = pack.successors.get(code)
    return Code(
        code=code,
        name=dict(entry.labels),
        found=None if found in entry.labels.values() else found,
        within=entry.parent,
        parts=None if split is None else list(split.codes),
    )
