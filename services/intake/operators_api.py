"""HTTP routes of operators: parse, call, return. All of it is public data, and none of it is about a person."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from services.intake.api import IntakeEndpoints
from services.intake.domain.vetting import employer_key
from services.intake.schemas import Employers, ListedEmployer, Question, Questions, Vacancies, Vacancy
from shared.access.api_keys import Caller, Calling
from shared.events.refusal import Refusal, Refused
from shared.events.topics.opportunities import Employer
from shared.kit.web.problems import errors
from shared.kit.web.response_model import answer
from shared.kit.web.route_bounds import Router

Limit = Annotated[int, Query(ge=1, le=100)]
Number = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9-]{1,40}$", description="as the employer writes it", examples=["124-81-00998"])
]
OpportunityId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class AskedAnswer(_Asked):
    """`same`: one vacancy, told as one from here on; `apart`: two, and not asked about again."""

    answer: Literal["same", "apart"]


class AskedSplit(_Asked):
    """`source`: of `GET /opportunities/{opportunity}`."""

    source: Annotated[str, Field(pattern="^[0-9a-f]{1,128}$", examples=["3c26800eb5e266d9e8f4c17f6fabf951"])]


class AskedEmployer(_Asked):
    """What becomes of this employer's adverts, and why."""

    verdict: Literal["held", "refused"]
    reason: Literal["employer-blocked", "employer-unlicensed", "other"]


def make_router(endpoints: IntakeEndpoints) -> APIRouter:
    """The routes, for whoever administers."""
    router = Router(tags=["operators"])

    @router.get("/questions", response_model=Questions, responses=errors(403), summary="What may be one vacancy")
    async def questions(
        caller: Calling, limit: Limit = 50, before: Annotated[str | None, Query(max_length=200)] = None
    ) -> Response:
        """Pairs of opportunities of two agencies that are nearly the same and that nobody has answered, newest first.
        They stay two until they are answered, or one of the agencies says otherwise (`stale`)."""
        _administers(caller)
        try:
            return answer(await endpoints.operators.questions(limit, before))
        except ValueError:
            raise Refused(Refusal("wrong-form", "/query/before")) from None

    @router.post("/questions/{question}", response_model=Question, responses=errors(403, 404, 409))
    async def answer_question(
        question: Annotated[str, Path(pattern="^[0-9a-f]{1,128}$")], wanted: AskedAnswer, caller: Calling
    ) -> Response:
        """One vacancy, or two. The opportunity that remains keeps its id; the other is told as closed, in the same
        transaction."""
        _administers(caller)
        return answer(await endpoints.operators.answer(question, wanted.answer, caller))

    @router.get("/held-adverts", response_model=Vacancies, responses=errors(403), summary="Adverts that are held")
    async def held(
        caller: Calling, limit: Limit = 50, after: Annotated[str, Query(pattern="^([0-9a-f]{32})?$")] = ""
    ) -> Response:
        """By id. The event `opportunity-vetted` releases one, or refuses it."""
        _administers(caller)
        return answer(await endpoints.operators.held(limit, after))

    @router.get("/opportunities/{opportunity}", response_model=Vacancy, responses=errors(403, 404))
    async def opportunity(opportunity: OpportunityId, caller: Calling) -> Response:
        """What it is told as, and whose adverts it is made of."""
        _administers(caller)
        return answer(await endpoints.operators.vacancy(opportunity))

    @router.post("/opportunities/{opportunity}/split", response_model=Vacancy, responses=errors(403, 404, 409))
    async def split(opportunity: OpportunityId, wanted: AskedSplit, caller: Calling) -> Response:
        """One of its sources is of another vacancy, whatever it says: the new opportunity. The two are not taken for
        one again."""
        _administers(caller)
        return answer(await endpoints.operators.split(opportunity, wanted.source, caller))

    @router.get("/employers", response_model=Employers, responses=errors(403), summary="Employers on the list")
    async def employers(
        caller: Calling, limit: Limit = 50, after: Annotated[str, Query(pattern="^[A-Z0-9]{0,40}$")] = ""
    ) -> Response:
        """Whose adverts are held or refused, by number."""
        _administers(caller)
        return answer(await endpoints.operators.employers(limit, after))

    @router.put("/employers/{number}", response_model=ListedEmployer, responses=errors(403))
    async def list_employer(number: Number, wanted: AskedEmployer, caller: Calling) -> Response:
        """Its adverts from here on; those that are there already within a minute (`applied`)."""
        _administers(caller)
        listed = await endpoints.operators.list_employer(_key(number), wanted.verdict, wanted.reason, caller)
        assert listed is not None, "what was put on the list"
        return answer(listed)

    @router.delete("/employers/{number}", status_code=204, responses=errors(403, 404))
    async def take_off(number: Number, caller: Calling) -> Response:
        """Off the list. Its adverts are judged by the rules again, within a minute."""
        _administers(caller)
        await endpoints.operators.list_employer(_key(number), None, None, caller)
        return Response(status_code=204)

    return router


def _administers(caller: Caller) -> None:
    caller.must(caller.administers, "administers")


def _key(number: str) -> str:
    if not (key := employer_key(Employer(name="x", number=number))):
        raise Refused(Refusal("wrong-form", "/path/number"))
    return key
