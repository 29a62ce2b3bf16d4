"""Which model decides on which day, and that production asks for an approved one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from services.matching.active_matcher import warn_of_a_proposal
from services.matching.domain.assessment import assess_pair
from services.matching.domain.match_index import MatchIndex
from services.matching.domain.shadow_run import shadow_run
from services.matching.main import demand_an_approval
from services.matching.service import Matching
from services.matching.settings import MatchingSettings
from shared.kit.base.ids import Ids
from shared.reference import Pack, read_pack
from shared.reference.loader import PACKS
from shared.reference.matching_data import Approver, MatchingData
from tests.support.keys import A_KEY, ANOTHER_KEY
from tests.support.matching import TODAY, a_job, a_person
from tests.unit.matching.asking import PACK

pytestmark = pytest.mark.unit
TOMORROW = TODAY + timedelta(days=1)
WEIGHTS = {**PACK.matching.weights, "occupation": PACK.matching.weights["commute"]}
WEIGHTS["commute"] = PACK.matching.weights["occupation"]
APPROVAL: dict[str, Any] = {
    "status": "approved", "approved_by": Approver(role="chair", name="Example"), "approved_on": TODAY,
    "fairness_report": "0" * 64,
}  # fmt: skip


def of(since: date, **changes: Any) -> MatchingData:
    said = {"weights": WEIGHTS, "weights_version": "next", "valid_from": since}
    return PACK.matching.model_copy(update=said | changes)


TWO = replace(PACK, coming=of(TOMORROW))


class TestTheModel:
    def test_of_the_day_decides_about_a_pair(self) -> None:
        person, job = a_person(), a_job()
        only = replace(PACK, matching=of(TODAY))
        scores = [assess_pair(person, job, TWO, day).score for day in (TODAY, TOMORROW)]
        assert scores == [assess_pair(person, job, pack, TODAY).score for pack in (PACK, only)]
        assert scores[0] != scores[1]

    def test_is_a_part_of_the_days_key_so_that_what_stands_is_looked_at_again(self) -> None:
        assert MatchIndex(TWO, TODAY).context_key != MatchIndex(TWO, TOMORROW).context_key

    def test_is_another_one_from_its_day_on_and_the_matcher_begins_again_by_it(self) -> None:
        matching = Matching(TWO, Ids(bytes(32)), partial(MatchIndex, TWO), TODAY, rules="r")
        assert [matching.has_another_model(day) for day in (TODAY, TOMORROW)] == [False, True]
        assert (matching.pack.weights_version, matching.rules) == (PACK.weights_version, "r")
        matching.reset(TOMORROW)
        assert not matching.has_another_model(TOMORROW + timedelta(days=9))
        assert (matching.pack.weights_version, matching.rules) == ("next", "r/next")


def settings(**changes: Any) -> MatchingSettings:
    said: dict[str, Any] = {
        "profile": "production", "kafka": "kafka:9092", "kafka_idempotent": True,
        "mongo_url": "mongodb://db/?replicaSet=rs0", "id_key": A_KEY, "sealing_key": ANOTHER_KEY,
        "kafka_security_protocol": "SASL_SSL", "kafka_user": "service", "kafka_password": "of its own",
        "instance": "one-1", "metrics_port": 9100,
    }  # fmt: skip
    return MatchingSettings(**said | changes)


class TestProduction:
    @pytest.mark.parametrize(
        "pack",
        [
            PACK,
            replace(PACK, matching=of(TOMORROW, **APPROVAL)),  # not yet
            replace(PACK, matching=of(TODAY, **APPROVAL), coming=of(TOMORROW)),  # what is to come is a proposal
        ],
    )
    def test_does_not_begin_by_what_nobody_approved(self, pack: Pack, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            demand_an_approval(settings(), pack, TODAY)
        assert ended.value.code == 2
        assert capsys.readouterr().err.startswith("IEUM_PROPOSED_MODEL is missing")
        demand_an_approval(settings(proposed_model=True), pack, TODAY)
        demand_an_approval(settings(profile="development"), pack, TODAY)

    def test_begins_by_what_is_approved(self) -> None:
        demand_an_approval(settings(), replace(PACK, matching=of(TODAY, **APPROVAL)), TODAY)

    def test_says_in_the_log_that_a_proposal_decides(self, capsys: pytest.CaptureFixture[str]) -> None:
        warn_of_a_proposal(PACK, TODAY)
        assert '"event":"model_not_approved"' in capsys.readouterr().out
        warn_of_a_proposal(replace(PACK, matching=of(TODAY, **APPROVAL)), TODAY)
        assert capsys.readouterr().out == ""


def test_the_report_of_a_shadow_run_is_what_a_model_is_approved_by(tmp_path: Path) -> None:
    """The steps of docs/matching.md: proposed, looked at, approved."""
    folder = Path(shutil.copytree(PACKS / "kr_gyeonggi", tmp_path / "kr_gyeonggi"))
    now = json.loads((folder / "ranking.json").read_text(encoding="utf-8"))
    coming = now | {"weights": WEIGHTS, "weights_version": "next", "valid_from": TOMORROW.isoformat()}
    (folder / "ranking_to_come.json").write_text(json.dumps(coming), encoding="utf-8")
    proposed = read_pack(folder)
    assert proposed.coming is not None
    people = [a_person(n) for n in range(12)]
    report = shadow_run(people, [a_job(1)], PACK, replace(proposed, matching=proposed.coming, coming=None), TODAY)
    text = json.dumps(report, ensure_ascii=False) + "\n"  # as the command prints it
    (folder / "fairness_report_to_come.json").write_text(text, encoding="utf-8")
    approved = {
        "status": "approved", "approved_by": {"role": "chair", "name": "Example"}, "approved_on": TODAY.isoformat(),
        "fairness_report": sha256(text.encode()).hexdigest(),
    }  # fmt: skip
    (folder / "ranking_to_come.json").write_text(json.dumps(coming | approved), encoding="utf-8")
    pack = read_pack(folder)
    assert [pack.on(day).matching.approved_for(day) for day in (TODAY, TOMORROW)] == [False, True]
    assert not any(person.person in text for person in people)
