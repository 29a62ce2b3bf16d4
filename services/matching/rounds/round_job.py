"""Works rounds out, one after the other, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

from services.matching import metrics
from services.matching.domain.visibility import visibility_of
from services.matching.people_access import PeopleAccess
from services.matching.repository import Repository
from services.matching.rounds.compute import Question
from services.matching.rounds.documents import ResultDocument, RoundDocument
from services.matching.rounds.round_repository import RoundRepository
from shared.kit.base.clock import Clock
from shared.kit.base.logs import logger
from shared.kit.base.supervise import end_all

COMPUTE_SECONDS = 180.0
CLAIM_SECONDS = 240.0
IDLE_SECONDS = 10.0  # what another replica was asked for, or left behind, is seen this late
MOST_TRIES = 3
_ROOT = Path(__file__).parents[3]  # where ``services`` lies
_log = logger("rounds")


class RoundJob:
    """``asked`` is set by whoever asked for a round, once that is stored. A kill leaves a claim that ends by itself."""

    def __init__(
        self,
        rounds: RoundRepository,
        repository: Repository,
        people: PeopleAccess,
        pack: str,
        clock: Clock,
        asked: asyncio.Event,
    ) -> None:
        self._rounds = rounds
        self._repository = repository
        self._people = people
        self._pack = pack
        self._clock = clock
        self._asked = asked

    async def run(self, stopping: asyncio.Event) -> None:
        """Until stopped."""
        while not stopping.is_set():
            self._asked.clear()
            claimed = await self._rounds.claim(self._clock.trusted(), CLAIM_SECONDS)
            if claimed is not None:
                await _or_stop(self._work_out(claimed), stopping, COMPUTE_SECONDS)
            else:
                await _or_stop(self._asked.wait(), stopping, IDLE_SECONDS)

    async def _work_out(self, claimed: RoundDocument) -> None:
        result = None
        if claimed["tries"] <= MOST_TRIES:
            question = await self._question(claimed)
            result = await computed(question)
            if result is None and claimed["tries"] < MOST_TRIES:
                return  # again once the claim has ended
        metrics.rounds_computed.of(outcome="failed" if result is None else "proposed").inc()
        if result is None:
            _log.error("round_failed", attempts=claimed["tries"])
        await self._rounds.finish(claimed, result)

    async def _question(self, claimed: RoundDocument) -> Question:
        today, agency = self._people.today(), claimed["agency"]
        permitted = await self._people.permitted(await self._repository.people(claimed["people"]))
        seen = ((id, person, visibility_of(person, agency, today)) for id, person in permitted.items())
        held = {id: person for id, person, seen_as in seen if seen_as is not None and seen_as.why}
        openings = await self._repository.opportunities([each["opportunity"] for each in claimed["openings"]])
        return Question.model_construct(
            pack=self._pack,
            today=today,
            people=[held[id] for id in claimed["people"] if id in held],
            openings=list(openings.values()),
            places={each["opportunity"]: each["places"] for each in claimed["openings"]},
            **claimed["terms"],
            fixed={each["person"]: each["opportunity"] for each in claimed["fixed"]},
            excluded=[(each["person"], each["opportunity"]) for each in claimed["excluded"]],
        )


async def _or_stop(work: Coroutine[Any, Any, object], stopping: asyncio.Event, seconds: float) -> None:
    """Until it is done, the service is to stop, or time is up. Raises what it raises."""
    doing, stopped = asyncio.create_task(work), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((doing, stopped), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
    finally:
        await end_all((doing, stopped))


async def computed(question: Question) -> ResultDocument | None:
    """By a process of its own, which ends when this is cancelled; None when it failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.matching.rounds.compute",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        cwd=_ROOT, env={},  # no secret goes along
    )  # fmt: skip
    try:
        said, _ = await process.communicate(question.model_dump_json(by_alias=True).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return cast(ResultDocument, json.loads(said)) if process.returncode == 0 else None
