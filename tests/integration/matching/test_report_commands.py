"""The reports as an administrator asks for them, on what a running service has stored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from services.matching.outcome_commands import report_outcome_rows, report_outcomes
from services.matching.report_commands import report_left_out, report_shadow_run
from shared.kit.runtime.admin_commands import store_beside
from tests.integration.matching.parts import PACK, Setup, told
from tests.support.matching import a_job, a_person
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
PACKS = Path(__file__).parents[3] / "shared" / "reference" / "packs"


async def test_they_say_it_of_what_is_stored_and_name_nobody(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(kafka, mongo_url, database.name, topic_prefix)
    people = [a_person(n, consents=[{"purpose": "matching", "until": "2099-12-31"}]) for n in range(12)]
    jobs = [a_job(1, closes="2099-12-31"), a_job(2, closes="2099-12-31", status="closed")]
    async with setup.running():
        await setup.publish(*map(told, people), *map(told, jobs))
        await eventually(lambda: database.matches.count_documents({"standing": True}))

        async def all_there() -> bool:
            return bool(await database.people.count_documents({}) == 12)

        await eventually(all_there)
    other = tmp_path / "kr_gyeonggi"
    shutil.copytree(PACKS / "kr_gyeonggi", other)
    ranking = (other / "ranking.json").read_text(encoding="utf-8")
    (other / "ranking.json").write_text(ranking.replace(PACK.weights_version, "another"), encoding="utf-8")
    same_name = tmp_path / "same_version" / "kr_gyeonggi"
    shutil.copytree(PACKS / "kr_gyeonggi", same_name)
    numbers = json.loads((same_name / "ranking.json").read_text(encoding="utf-8"))
    (same_name / "ranking.json").write_text(json.dumps({**numbers, "threshold": 0.21}), encoding="utf-8")
    settings = setup.settings()
    async with store_beside(settings) as store:
        left_out = json.loads(await report_left_out(store, settings))
        assert (left_out["people"], left_out["openings"], left_out["of_openings"]) == (12, 1, 1)
        assert left_out["all_people"]
        assert "names no folder" in await report_shadow_run(store, settings)
        assert "give the new ones a new version" in await report_shadow_run(
            store, settings.model_copy(update={"shadow_pack": same_name})
        )
        text = await report_shadow_run(store, settings.model_copy(update={"shadow_pack": other}))
    shadow = json.loads(text)
    assert (shadow["models"], shadow["people"]) == ([PACK.weights_version, "another"], 12)
    assert not any(person.person in text for person in people)


async def test_outcomes_are_of_whom_an_agency_knows_by_an_alias(
    kafka: str, mongo_url: str, database: Any, topic_prefix: str, tmp_path: Path
) -> None:
    setup = Setup(kafka, mongo_url, database.name, topic_prefix)
    people = [a_person(n, consents=[{"purpose": "matching", "until": "2099-12-31"}]) for n in range(12)]
    jobs = [a_job(1, closes="2099-12-31"), a_job(2, closes="2099-12-31", status="closed")]
    async with setup.running():
        await setup.publish(*map(told, people), *map(told, jobs))

        async def all_there() -> bool:
            counts = await database.people.count_documents({}), await database.opportunities.count_documents({})
            return bool(counts == (12, 2))

        await eventually(all_there)
    outcomes = [("placed" if job is jobs[1] else "no", person, job) for person in people for job in jobs]
    file = tmp_path / "outcomes.csv"
    lines = [
        f"hanawon,{person.aliases[0].alias},{job.opportunity},{outcome},2026-11-20" for outcome, person, job in outcomes
    ]
    strangers = [f"gjf,{one.aliases[0].alias},{jobs[0].opportunity},yes,2026-11-20" for one in people[:10]]
    file.write_text("\n".join(["agency,alias,opportunity,outcome,date", *lines, *strangers]), encoding="utf-8")
    settings = setup.settings()
    async with store_beside(settings) as store:
        assert "names no file" in await report_outcomes(store, settings)
        named = settings.model_copy(update={"outcomes": file})
        found = json.loads(await report_outcomes(store, named))
        assert (found["recorded"], found["not_held"], found["people"], found["pairs"]) == (34, 10, 12, 24)
        assert found["yes"] == 0.5
        assert found["ndcg10_by_words"] is not None
        assert (found["unseen"], found["unseen_of_openings"]) == (None, 1)  # of one opening: not told
        rows = [json.loads(line) for line in (await report_outcome_rows(store, named)).splitlines()]
        file.write_text("agency,alias\n", encoding="utf-8")
        assert json.loads(await report_outcomes(store, named))["recorded"] == 0
        file.write_text("who\n", encoding="utf-8")
        assert "was not used: line 1" in await report_outcomes(store, named)
    assert {row["person"] for row in rows} == set(range(12))
