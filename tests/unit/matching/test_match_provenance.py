"""What is kept of what matches were told by: how much of one person, for how long, and what goes with their consent."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.matching import match_provenance
from services.matching.match_provenance import MOST_STATES
from shared.kit.store.unit_of_work import UnitOfWork
from tests.support.matching import TODAY, a_job, a_person, numbered
from tests.unit.matching.scene import NOW, Scene
from tests.unit.matching.test_recomputation import again, results

pytestmark = pytest.mark.unit
FOUND, CHANGED, WITHDRAWN = "match-found", "match-changed", "match-withdrawn"


def until(day: str) -> dict[str, Any]:
    return {"consents": [{"purpose": "matching", "until": day}]}


def of(scene: Scene, person: int = 1) -> list[dict[str, Any]]:
    return scene.store.all("told_people", person=numbered(person))


def listed(scene: Scene) -> list[tuple[int, datetime]]:
    """What the one document about a person says is kept."""
    [found] = scene.store.all("told_revisions")
    return [(one["revision"], one["expires"]) for one in found["kept"]]


class TestStatesOfAPerson:
    def test_are_the_newest_however_often_they_change(self) -> None:
        scene = Scene()
        scene.does(a_job(), *(a_person(wants={"growth": bool(n % 2)}) for n in range(MOST_STATES + 4)))
        assert len(scene.told()) == MOST_STATES + 4
        kept = sorted(int(one["_id"].partition("/")[2]) for one in of(scene))
        assert kept == [revision for revision, _ in listed(scene)] == list(range(6, MOST_STATES + 6))

    def test_that_are_older_say_that_they_are_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(match_provenance, "MOST_STATES", 2)
        scene = Scene()
        scene.does(a_job(), *(a_person(wants={"growth": bool(n % 2)}) for n in range(4)))
        assert results(again(scene)) == [(4, "equal"), (3, "equal"), (2, "inputs-gone"), (1, "inputs-gone")]

    def test_go_at_once_and_no_more_of_them_is_read_than_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read = []
        find = UnitOfWork.find

        def counted(work: UnitOfWork, collection: str, *asked: Any, **how: Any) -> list[Any]:
            found = find(work, collection, *asked, **how)
            read.append(len(found))
            return found

        monkeypatch.setattr(UnitOfWork, "find", counted)
        scene = Scene()
        scene.does(a_job(), a_person(2), *(a_person(wants={"growth": bool(n % 2)}) for n in range(MOST_STATES + 4)))
        assert read == []
        scene.hear(a_person(consents=[]))
        assert read == [MOST_STATES]
        assert of(scene) == []
        assert [one["_id"] for one in scene.store.all("told_revisions")] == [numbered(2)]

    def test_that_a_standing_match_was_told_by_stay_although_others_are_told_over_and_over(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(match_provenance, "MOST_STATES", 2)
        scene = Scene()
        scene.does(a_job(1), a_job(2), a_person())
        for number in range(6):  # another state by which both read as before, and then one of them does not
            scene.does(a_person(aliases=[{"agency": "gjf", "alias": numbered(0xC0000 + number)}]))
            scene.does(a_job(1, wage={"minimum": 2_600_000 + 100_000 * number}))
            latest = [again(scene, match["_id"])["versions"][0] for match in scene.store.all("matches")]
            assert {one["result"] for one in latest} == {"equal"}
            assert len(of(scene)) <= 2
        assert sorted(one["sequence"] for one in scene.store.all("matches")) == [1, 7]

    def test_are_written_once_in_a_transaction_and_so_are_openings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        saved: Counter[tuple[str, str]] = Counter()
        save = UnitOfWork.save

        def counted(work: UnitOfWork, collection: str, document: Any, **how: Any) -> None:
            saved[collection, document["_id"]] += 1
            save(work, collection, document, **how)

        monkeypatch.setattr(UnitOfWork, "save", counted)
        scene = Scene()
        scene.hear(*(a_job(n) for n in range(5)), *(a_person(n) for n in range(4)))
        scene.matching.drain_inbox()
        for _ in range(9):
            scene.matching.advance(1.0)
        operations = [scene.matching.deltas.publish(delta) for delta in scene.matching.deltas.due(9)]
        assert len(operations) == 4
        scene.store.perform_now(operations)
        kept = {of: count for of, count in saved.items() if of[0].startswith("told_")}
        assert set(kept.values()) == {1}
        assert Counter(collection for collection, _ in kept) == {
            "told_people": 4, "told_revisions": 4, "told_openings": 5,
        }  # fmt: skip


class TestAConsentGivenAnew:
    def test_for_longer_keeps_what_a_standing_match_comes_out_of_for_as_long(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(**until("2026-12-01")), a_person(**until("2027-03-31")))
        assert scene.told() == [(FOUND, 1)]
        scene.store.documents["told_people"].pop(f"{numbered(1)}/2")  # as the database will on the old last day
        assert results(again(scene)) == [(1, "equal")]
        assert [one["expires"] for one in of(scene)] == [datetime(2027, 3, 31, 15, tzinfo=UTC)]

    def test_for_as_long_as_it_is_kept_already_writes_nothing(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(**until("2099-12-31")), a_person(**until("2099-12-30")))
        assert [revision for revision, _ in listed(scene)] == [2]

    def test_before_anybody_looked_at_its_end_leaves_no_telling_of_before(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        scene.hear(a_person(consents=[]), a_person())
        assert of(scene) == []
        assert again(scene)["versions"] == []  # not even until it is looked at
        scene.publish_changes()
        assert scene.told() == [(FOUND, 1)]
        assert results(again(scene)) == [(1, "equal")]
        match = scene.match()
        assert match is not None
        assert [one["revisions"][:2] for one in match["told"]] == [[4, 1]]

    def test_and_another_state_with_it_is_told_and_only_that(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        scene.hear(a_person(consents=[]), a_person(wants={"growth": False}))
        scene.publish_changes()
        assert scene.told() == [(FOUND, 1), (CHANGED, 2)]
        assert results(again(scene)) == [(2, "equal")]

    def test_after_its_last_day_was_over_names_nothing_of_before(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(**until(TODAY.isoformat())))
        scene.store.now = NOW + timedelta(days=1)
        scene.hear(a_person())
        assert again(scene)["versions"] == []

    def test_takes_with_it_what_was_told_of_a_match_that_is_withdrawn_meanwhile(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        scene.hear(a_person(consents=[]), a_person(), a_job(status="closed"))
        scene.publish_changes()
        assert scene.told() == [(FOUND, 1), (WITHDRAWN, 2)]
        match = scene.match()
        assert match is not None
        assert match["told"] == []


class TestAConsentThatIsShorterNow:
    @pytest.mark.parametrize("change", [{}, {"wants": {"growth": False}}])
    def test_ends_all_that_is_kept_on_its_new_last_day(self, change: dict[str, Any]) -> None:
        scene = Scene()
        scene.does(a_job(), a_person(**until("2027-05-15")), a_person(wants={"growth": True}, certificates=[]))
        scene.hear(a_person(**change, **until("2026-12-01")))
        end = datetime(2026, 12, 1, 15, tzinfo=UTC)  # midnight where the pack lives
        assert {one["expires"] for one in of(scene)} == {expires for _, expires in listed(scene)} == {end}
        [revisions] = scene.store.all("told_revisions")
        assert revisions["expires"] == end
        scene.publish_changes()
        assert {one["expires"] for one in of(scene)} == {end}

    def test_to_a_day_that_is_over_leaves_nothing(self) -> None:
        scene = Scene()
        scene.does(a_job(), a_person())
        scene.hear(a_person(**until((TODAY - timedelta(days=1)).isoformat())))
        assert of(scene) == scene.store.all("told_revisions") == []

    def test_reads_no_state_of_whom_it_leaves_as_long_as_before(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def never(*asked: Any, **how: Any) -> list[Any]:
            raise AssertionError

        monkeypatch.setattr(UnitOfWork, "find", never)
        scene = Scene()
        scene.does(a_job(), a_person(), a_person(wants={"growth": False}), a_person(certificates=[]))

    def test_ends_by_the_clock_of_the_database_where_the_calendar_was_moved(self) -> None:
        scene = Scene()
        scene.store.moved = timedelta(days=3)
        scene.does(a_job(), a_person(**until("2026-12-01")))
        assert [one["expires"] for one in of(scene)] == [datetime(2026, 11, 28, 15, tzinfo=UTC)]


def test_an_opening_that_stands_for_long_is_kept_anew_before_it_goes() -> None:
    scene = Scene()
    scene.does(a_job(), a_person(**until("2099-12-31")))
    [first] = scene.store.all("told_openings")
    scene.store.now = NOW + timedelta(days=match_provenance.KEEP_DAYS - match_provenance.RENEW_DAYS + 1)
    scene.does(a_person(education="work24-2024-education:03", **until("2099-12-30")))
    [second] = scene.store.all("told_openings")
    assert second["expires"] > first["expires"]
    assert results(again(scene)) == [(1, "equal")]
