"""What a problem says (RFC 9457), apart from the requests that it answers: intake's worker makes them, too, and does
without FastAPI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from pydantic import ConfigDict
from starlette.responses import JSONResponse

from shared.events.refusal import Refusal, status_of
from shared.kit.web.response_model import Answer

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "https://problems.ieum.invalid/"
Remedies = Callable[[str, str, Mapping[str, object]], dict[str, str]]  # rule, field, safe values: sentence by language
# names of a problem, the most special one first, and safe values: its sentences by member (`titles`, `details`,
# `remedy`) and language, without those that nobody has
Sayings = Callable[[Sequence[str], Mapping[str, object]], dict[str, dict[str, str]]]


class Finding(Answer):
    """One thing that is wrong: where (JSON pointer), by which rule, and what to do, by language."""

    field: str
    rule: str
    remedy: dict[str, str]


class ProblemDetails(Answer):
    """RFC 9457. Never echoes what was sent.

    `title` and `detail` are English, for RFC 9457 wants one text; `titles` and `details` are the same by language.
    `field`, `rule` and `remedy` (what to do, by language) are those of the first finding; all are in `errors`.
    `incident`: only when the fault was ours; the id to quote. `id`: of the event that was refused, if it has one.
    `kept`: false when it cannot be looked up later, for the day's most of kept refusals was reached.
    """

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str | None = None
    titles: dict[str, str] | None = None
    details: dict[str, str] | None = None
    field: str | None = None
    rule: str | None = None
    remedy: dict[str, str] | None = None
    errors: list[Finding] | None = None
    incident: str | None = None
    id: str | None = None
    kept: bool | None = None

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        content = self.model_dump(mode="json", exclude_none=True)
        return JSONResponse(content, self.status, headers=headers, media_type=MEDIA_TYPE)


def findings(refusals: Sequence[Refusal], remedies: Remedies) -> list[Finding]:
    return [
        Finding(field=one.field, rule=one.rule, remedy=remedies(one.rule, one.field, one.values))
        if one.values
        else _same_finding(one.field, one.rule, remedies)
        for one in refusals
    ]


@lru_cache(1_024)  # all of a batch may be told the same
def _same_finding(field: str, rule: str, remedies: Remedies) -> Finding:
    return Finding(field=field, rule=rule, remedy=remedies(rule, field, {}))


def refused(refusals: Sequence[Refusal], remedies: Remedies, sayings: Sayings | None = None) -> ProblemDetails:
    """The problem of something that breaks the contract or a rule; the first finding stands on top."""
    errors = findings(refusals, remedies)
    said = {} if sayings is None else sayings(("refused",), {})
    return ProblemDetails(
        type=TYPE_BASE + "refused",
        title="This cannot be taken as it is",
        titles=said.get("titles"),
        status=status_of(errors[0].rule),
        errors=errors,
        **dict(errors[0]),
    )
