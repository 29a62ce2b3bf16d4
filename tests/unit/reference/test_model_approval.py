"""A ranking says honestly who approved it, and which one decides on which day."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from shared.reference import PackError, available_packs, load_pack, read_pack

pytestmark = pytest.mark.unit
DAY = date(2027, 2, 1)
APPROVED: dict[str, Any] = {
    "status": "approved",
    "approved_by": {"role": "chair of the matching committee", "name": "Example Member"},
    "approved_on": "2027-01-20",
    "valid_from": DAY.isoformat(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the small pack."""
    return Path(shutil.copytree("shared/reference/packs/xx_island", tmp_path / "xx_island"))


def ranking(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "ranking.json").read_text(encoding="utf-8"))
    return found


def write(folder: Path, file: str, data: dict[str, Any]) -> str:
    text = json.dumps(data)
    (folder / file).write_text(text, encoding="utf-8")
    return sha256(text.encode()).hexdigest()


def report_on(folder: Path, file: str, **changes: Any) -> str:
    """A report about the numbers that are in force in the folder, as a shadow run says it; its digest."""
    model = read_pack(folder).matching
    said = {"models": [model.weights_version] * 2, "digests": [model.digest] * 2, "people": 12}
    return write(folder, file, said | changes)


def test_the_packs_here_are_proposals_and_say_so() -> None:
    for name in available_packs():
        model = load_pack(name).matching
        assert (model.status, model.approved_by, model.approved_on, model.fairness_report) == ("proposal", *[None] * 3)
        assert not model.approved_for(date(2100, 1, 1))


def test_what_is_approved_decides_from_its_day_on_and_is_no_other_model_by_that(folder: Path) -> None:
    before = read_pack(folder).matching
    write(
        folder,
        "ranking.json",
        ranking(folder) | APPROVED | {"fairness_report": report_on(folder, "fairness_report.json")},
    )
    model = read_pack(folder).matching
    assert model.approved_by is not None
    assert (model.approved_by.name, model.digest) == ("Example Member", before.digest)
    assert [model.approved_for(day) for day in (DAY - timedelta(days=1), DAY)] == [False, True]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"status": "approved"}, "says approved_by"),
        (APPROVED | {"status": "proposal"}, "approved by nobody"),
        (APPROVED | {"approved_by": None}, "says approved_by"),
        (APPROVED | {"fairness_report": None}, "fairness_report"),
        (APPROVED | {"approved_on": "2027-02-02"}, "nothing decides before"),
        (APPROVED | {"approved_by": {"role": "", "name": "X"}}, "at least 1"),
        ({"fairness_report": "0" * 63}, "match pattern"),
    ],
)
def test_what_is_said_by_halves_is_refused(folder: Path, changes: dict[str, Any], rule: str) -> None:
    said = {"fairness_report": report_on(folder, "fairness_report.json")} | changes
    write(folder, "ranking.json", ranking(folder) | said)
    with pytest.raises(PackError, match=rule):
        read_pack(folder)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"people": 13}, "is not the SHA-256"),
        ({"models": ["a", "b"]}, "is not about the numbers"),
        ({"digests": ["a", "b"]}, "is not about the numbers"),
        ({"digests": None}, "digests"),
    ],
)
def test_a_report_on_something_else_is_no_fairness_report(folder: Path, changes: dict[str, Any], rule: str) -> None:
    digest = report_on(folder, "fairness_report.json")
    changed = report_on(folder, "fairness_report.json", **changes)
    digest = digest if "people" in changes else changed
    write(folder, "ranking.json", ranking(folder) | {"fairness_report": digest})
    with pytest.raises(PackError, match=rule):
        read_pack(folder)


def test_a_report_that_is_named_and_not_there_is_missed(folder: Path) -> None:
    write(folder, "ranking.json", ranking(folder) | {"fairness_report": "0" * 64})
    with pytest.raises(PackError, match="the file is missing"):
        read_pack(folder)


class TestWhatIsToCome:
    def test_decides_from_its_day_on_and_the_former_one_before(self, folder: Path) -> None:
        new = {"weights_version": "xx-island-weights-next", "threshold": 0.31, "valid_from": DAY.isoformat()}
        write(folder, "ranking_to_come.json", ranking(folder) | new)
        pack = read_pack(folder)
        before, then = pack.on(DAY - timedelta(days=1)), pack.on(DAY)
        assert before is pack
        assert (then.weights_version, then.matching.threshold) == ("xx-island-weights-next", 0.31)
        assert then.matching.needs == pack.matching.needs
        assert pack.on(DAY + timedelta(days=1)) is then
        assert then.on(DAY) is then

    def test_can_be_taken_alone_for_every_day(self, folder: Path) -> None:
        new = {"weights_version": "xx-island-weights-next", "valid_from": DAY.isoformat()}
        write(folder, "ranking_to_come.json", ranking(folder) | new)
        pack, early = read_pack(folder), DAY - timedelta(days=9)
        assert pack.only_of(DAY).on(early).weights_version == "xx-island-weights-next"
        assert pack.only_of(early).on(DAY).weights_version == pack.weights_version

    @pytest.mark.parametrize(
        ("coming", "rule"),
        [
            ({"weights_version": "next"}, "from which day on"),
            ({"valid_from": DAY.isoformat()}, "is that of ranking.json"),
            ({"weights_version": "next", "valid_from": "2026-01-01"}, "not later"),
        ],
    )
    def test_has_a_day_and_a_version_of_its_own(self, folder: Path, coming: dict[str, Any], rule: str) -> None:
        now = ranking(folder)
        write(folder, "ranking.json", now | {"valid_from": "2026-01-01"})
        write(folder, "ranking_to_come.json", now | coming)
        with pytest.raises(PackError, match=rule):
            read_pack(folder)

    def test_has_a_fairness_report_of_its_own(self, folder: Path) -> None:
        new = {"weights_version": "next", "valid_from": DAY.isoformat(), "threshold": 0.31}
        write(folder, "ranking_to_come.json", ranking(folder) | new)
        coming = read_pack(folder).coming
        assert coming is not None
        now = read_pack(folder).matching
        said = {"models": [now.weights_version, "next"], "digests": [now.digest, coming.digest]}
        digest = write(folder, "fairness_report_to_come.json", said)
        approved = new | APPROVED | {"fairness_report": digest}
        write(folder, "ranking_to_come.json", ranking(folder) | approved)
        found = read_pack(folder).coming
        assert found is not None
        assert found.approved_for(DAY)
