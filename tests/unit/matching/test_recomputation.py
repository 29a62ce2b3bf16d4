"""A match that was told is worked out again from what was kept of its making, and of nobody who may not be matched."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from fastapi import FastAPI

from services.matching import match_provenance
from services.matching.admin_commands import COMMANDS_OF_ONE
from services.matching.domain.match_index import Revisions
from services.matching.match_provenance import StoredOpeningInput, StoredPersonInput, input_id
from services.matching.publisher import MOST_TOLD
from services.matching.recomputation import recomputed
from services.matching.repository import Repository
from services.matching.settings import MatchingSettings
from shared.events.topics.prohibitions import Floors
from shared.kit.runtime import command_line as module
from shared.kit.store.mongo import Document
from shared.reference import Pack
from tests.support.matching import TODAY, a_job, a_person, numbered, random_opening, random_person
from tests.support.memory_store import MemoryStore
from tests.unit.matching.asking import PACK
from tests.unit.matching.scene import IDS, JOB, Scene

pytestmark = pytest.mark.unit
MATCH = IDS.derived(numbered(1), JOB)


class Held:
    """What a repository would read."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def match_and_person(self, id: str) -> tuple[Document, Document | None] | None:
        match = self._store.get("matches", id)
        return None if match is None else (match, self._store.get("people", match["person"]))

    async def floors(self, ids: Iterable[str]) -> dict[str, Floors]:
        return {id: Floors(person=id) for id in ids}

    async def match_provenance(
        self, person: str, opening: str, revisions: Revisions
    ) -> tuple[StoredPersonInput, StoredOpeningInput] | None:
        of_person = self._store.get("told_people", input_id(person, revisions.person))
        of_opening = self._store.get("told_openings", input_id(opening, revisions.opening))
        if of_person is None or of_opening is None:
            return None
        return StoredPersonInput.from_document(of_person), StoredOpeningInput.from_document(of_opening)


def again(scene: Scene, match: str = MATCH, pack: Pack = PACK, rules: str = "r") -> dict[str, Any]:
    repository = cast(Repository, Held(scene.store))
    found: dict[str, Any] = json.loads(json.dumps(asyncio.run(recomputed(repository, match, pack, rules, scene.day))))
    return found


def results(found: dict[str, Any]) -> list[tuple[int, str]]:
    return [(one["sequence"], one["result"]) for one in found["versions"]]


class TestAMatch:
    def test_told_before_both_sides_changed_twice_comes_out_as_it_was_told(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        first = scene.match()
        assert first is not None
        scene.does(a_person(wants={"growth": False}), a_job(wage={"minimum": 2_700_000}))
        scene.does(a_person(wants={"growth": True}, certificates=[]), a_job(wage={"minimum": 2_900_000}))
        found = again(scene)
        assert results(found) == [(5, "equal"), (4, "equal"), (3, "equal"), (2, "equal"), (1, "equal")]
        oldest = found["versions"][-1]
        assert oldest["told"]["score"] == oldest["now"]["score"] == first["match"]["score"]
        told = {one["factor"]: one["contribution"] for one in first["match"]["reasons"]}
        assert oldest["now"]["contributions"] == told
        assert oldest["as_of"] == TODAY.isoformat()
        assert (found["result"], found["running"]) == ("recomputed", {"model": PACK.weights_version, "rules": "r"})

    def test_of_any_pair_comes_out_as_it_was_told(self) -> None:
        scene, dice = Scene(), random.Random(7)
        scene.does(*(random_person(n, dice) for n in range(20)), *(random_opening(n, dice) for n in range(60)))
        scene.does(
            *(random_person(n, dice) for n in range(0, 20, 2)), *(random_opening(n, dice) for n in range(0, 60, 3))
        )
        found = [again(scene, one["_id"]) for one in scene.store.all("matches")]
        told = [one["result"] for each in found if each["result"] == "recomputed" for one in each["versions"]]
        assert len(told) > 10
        assert set(told) <= {"equal", "inputs-gone"}  # gone: of who was not matched in between
        assert told.count("equal") > 10

    def test_says_by_what_it_would_be_another_one(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        weights = dict(PACK.matching.weights)
        weights["commute"], weights["occupation"] = weights["occupation"], weights["commute"]
        other = replace(PACK, matching=PACK.matching.model_copy(update={"weights": weights}))
        [version] = again(scene, pack=other)["versions"]
        assert version["result"] == "differs"
        assert {"score", "reasons.commute", "reasons.occupation"} <= set(version["differs"])
        scene.does(a_person(wants={"growth": False}))
        assert again(scene, pack=other)["versions"][1]["differs"] == ["score"]  # not held whole any more

    def test_that_other_rules_made_names_the_version_that_is_needed(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        [version] = again(scene, rules="others")["versions"]
        assert (version["result"], version["equal"]) == ("other-rules", True)
        assert version["needs"] == {"model": PACK.weights_version, "rules": "r"}

    @pytest.mark.parametrize(("collection", "field"), [("told_people", "state"), ("told_openings", "state")])
    def test_of_inputs_that_hold_what_is_not_known_here_says_so(self, collection: str, field: str) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        [kept] = scene.store.all(collection)
        kept[field]["of_a_later_version"] = 1
        scene.store.put(collection, kept)
        [version] = again(scene)["versions"]
        assert (version["result"], "needs" in version) == ("inputs-unreadable", False)
        [version] = again(scene, rules="other")["versions"]
        assert (version["result"], version["needs"]["rules"]) == ("inputs-unreadable", "r")

    def test_reads_of_the_match_and_the_person_only_what_it_needs(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        for collection, field in (("matches", "match"), ("people", "state"), ("people", "cause")):
            [held] = scene.store.all(collection)
            held[field]["of_a_later_version"] = 1
            scene.store.put(collection, held)
        assert results(again(scene)) == [(1, "equal")]
        weights = dict(PACK.matching.weights, commute=PACK.matching.weights["commute"] / 2)
        other = replace(PACK, matching=PACK.matching.model_copy(update={"weights": weights}))
        assert again(scene, pack=other)["versions"][0]["differs"] == ["score"]  # what was told cannot be read whole

    def test_whose_inputs_are_gone_says_that_whoever_runs_it(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        scene.store.documents["told_openings"].clear()
        assert results(again(scene, rules="other")) == [(1, "inputs-gone")]

    def test_that_nobody_holds_or_that_was_told_before_inputs_were_kept_is_no_error(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        assert again(scene, "0" * 32)["result"] == "not-held"
        old = scene.match()
        assert old is not None
        del old["told"]
        scene.store.put("matches", old)
        assert again(scene)["result"] == "nothing-kept"

    def test_says_the_table_of_congestion_it_was_chosen_by_and_the_lot(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        [version] = again(scene)["versions"]
        assert version["congestion"]["table"] is None
        assert 0 <= version["congestion"]["lot"] <= 1

    def test_keeps_of_so_many_times_that_it_was_told(self) -> None:
        scene = Scene()
        scene.does(a_job(), *(a_person(wants={"growth": bool(n % 2)}) for n in range(MOST_TOLD + 3)))
        found = again(scene)
        assert [one["sequence"] for one in found["versions"]] == list(range(MOST_TOLD + 3, 3, -1))
        assert {one["result"] for one in found["versions"]} == {"equal"}


class TestWhatIsKept:
    def test_is_one_document_for_each_revision_however_many_matches_name_it(self) -> None:
        scene = Scene()
        scene.does(*(a_job(n) for n in range(3)), *(a_person(n) for n in range(5)))
        assert len(scene.standing()) == 15
        assert len(scene.store.all("told_people")) == 5
        assert len(scene.store.all("told_openings")) == 3
        scene.does(a_job(1, wage={"minimum": 2_700_000}))
        assert len(scene.store.all("told_people")) == 5
        assert len(scene.store.all("told_openings")) == 4

    def test_is_written_again_by_a_process_that_does_not_know_of_it(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        scene.store.documents["told_openings"].clear()
        scene.begin()
        scene.does(a_person(wants={"growth": False}))
        assert len(scene.store.all("told_openings")) == 1

    def test_that_is_remembered_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(match_provenance, "MOST_REMEMBERED", 3)
        scene = Scene()
        scene.does(a_person(), *(a_job(n) for n in range(5)))
        assert len(scene.matching._provenance._openings) == 3

    def test_is_not_there_when_the_transaction_that_tells_came_to_nothing(self) -> None:
        scene = Scene()
        scene.hear(a_job(), a_person())
        scene.matching.drain_inbox()
        for _ in range(5):
            scene.matching.advance(1.0)
        [delta] = scene.matching.deltas.due(9)
        scene.perform_and_abort(scene.matching.deltas.publish(delta))
        assert scene.store.all("told_people") == []
        scene.perform(scene.matching.deltas.publish(delta))
        assert len(scene.store.all("told_people")) == 1

    def test_of_a_person_is_no_more_than_a_pair_asks_for(self) -> None:
        scene = Scene()
        consents = [
            {"purpose": "matching", "until": "2027-05-15"},
            {"purpose": "notice", "recipient": "gjf", "until": "2027-05-15"},
        ]
        scene.does(a_job(), a_person(consents=consents))
        [kept] = scene.store.all("told_people")
        assert [one["purpose"] for one in kept["state"]["consents"]] == ["matching"]
        assert not {"aliases", "owner"} & kept["state"].keys()

    @pytest.mark.parametrize(
        ("until", "expires"),
        [("2026-12-01", datetime(2026, 12, 1, 15, tzinfo=UTC)), ("2099-12-31", datetime(2027, 12, 27, 3, tzinfo=UTC))],
    )
    def test_of_a_person_ends_with_the_last_day_where_the_pack_lives_and_all_after_400(
        self, until: str, expires: datetime
    ) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(consents=[{"purpose": "matching", "until": until}]))
        assert scene.store.all("told_people")[0]["expires"] == expires
        assert scene.store.all("told_openings")[0]["expires"] == datetime(2027, 12, 27, 3, tzinfo=UTC)


class TestWhoMayNotBeMatched:
    @pytest.mark.parametrize("change", [{"status": "left"}, {"consents": []}])
    def test_leaves_nothing_and_is_not_worked_out(self, change: dict[str, Any]) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(), a_person(2), a_person(wants={"growth": False}), a_person(**change))
        assert [one["person"] for one in scene.store.all("told_people")] == [numbered(2)]
        kept = scene.match()
        assert kept is not None
        assert kept["told"] == []
        found = again(scene)
        assert (found["result"], found["versions"]) == ("person-not-matched", [])

    def test_and_comes_back_finds_only_what_was_told_since(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(), a_person(consents=[]), a_person())
        assert results(again(scene)) == [(3, "equal")]

    def test_since_the_last_day_is_over_is_not_worked_out_although_it_is_still_there(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(consents=[{"purpose": "matching", "until": TODAY.isoformat()}]))
        assert again(scene)["result"] == "recomputed"
        scene.day = TODAY.replace(day=TODAY.day + 1)
        assert again(scene)["result"] == "person-not-matched"

    def test_what_was_withdrawn_while_they_are_matched_can_still_be_worked_out(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(), a_job(status="closed"))
        assert results(again(scene)) == [(1, "equal")]


def test_the_command_is_about_the_match_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(module, "read_settings", lambda kind: "settings")
    monkeypatch.setattr(module, "run_command", lambda settings, command: asked.append((settings, command)) or 0)
    of_one: dict[str, Any] = {"recompute": lambda match: f"recompute {match}"}
    assert module.command_line(["recompute", MATCH], MatchingSettings, lambda settings: FastAPI(), {}, of_one) == 0
    assert asked == [("settings", f"recompute {MATCH}")]


def test_the_command_takes_the_match_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    def nothing(settings: MatchingSettings) -> Any:
        raise AssertionError

    assert module.command_line(["recompute"], MatchingSettings, nothing, {}, COMMANDS_OF_ONE) == 2
    assert "recompute ID" in capsys.readouterr().err
