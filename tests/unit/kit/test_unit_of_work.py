from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import bson
import pytest

from shared.kit.kafka.records import LARGEST_RECORD, Outgoing
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store.unit_of_work import Need, NotNeeded, NotWritten, TooLarge, UnitOfWork
from tests.integration.kit.parts import agency_event

pytestmark = pytest.mark.unit
CODEC = CloudEventCodec()
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def work_with(collection: str, *documents: dict[str, object], absent: tuple[str, ...] = ()) -> UnitOfWork:
    work = UnitOfWork(NOW, codec=CODEC)
    ids = [str(document["_id"]) for document in documents]
    work.loaded(collection, "_id", [*ids, *absent], [bson.encode(document) for document in documents])
    return work


def test_says_what_it_writes_as_long_as_that_was_not_undone() -> None:
    work = work_with("things", {"_id": "a"})
    assert not work.writes("things", "a")
    before = work.savepoint()
    work.save("things", {"_id": "a"})
    work.delete("things", "b")
    assert (work.writes("things", "a"), work.writes("things", "b")) == (True, True)
    work.rollback_to(before)
    assert (work.writes("things", "a"), work.writes("things", "b")) == (False, False)


def test_counts_the_bytes_that_it_will_write_each_document_once_and_none_that_were_undone() -> None:
    work = work_with("things", {"_id": "a", "text": "x" * 1_000})
    assert work.size == 0
    work.save("things", {"_id": "a", "text": "x" * 3_000})
    work.save("things", {"_id": "a", "text": "x" * 2_000})
    size = len(bson.encode({"_id": "a", "text": "x" * 2_000}))
    assert work.size == size
    work.emit_record(record := Outgoing("people", b"k", b"v" * 500, []))
    assert work.size == size + record.size
    before = work.savepoint()
    work.save("things", {"_id": "b"})
    work.delete("things", "a")
    work.emit_record(record)
    work.rollback_to(before)
    assert work.size == size + record.size
    work.delete("things", "a")
    assert work.size == record.size


class TestGet:
    def test_gives_what_was_loaded_and_none_for_what_is_absent(self) -> None:
        work = work_with("people", {"_id": "a", "n": 1}, absent=("b",))
        assert work.get("people", "a") == {"_id": "a", "n": 1}
        assert work.get("people", "b") is None

    def test_raises_for_what_nobody_named(self) -> None:
        with pytest.raises(NotNeeded):
            work_with("people", {"_id": "a"}).get("people", "z")

    def test_gives_none_for_what_is_not_loaded_yet_while_needs_are_asked(self) -> None:
        work = UnitOfWork(NOW)
        work.asking = True
        assert work.get("people", "a") is None
        assert work.find("people", "city", "x") == []

    def test_hands_out_copies(self) -> None:
        work = work_with("people", {"_id": "a", "tags": ["x"]})
        mine = work.get("people", "a")
        assert mine is not None
        mine["tags"].append("y")
        assert work.get("people", "a") == {"_id": "a", "tags": ["x"]}

    def test_who_may_not_change_it_is_shown_what_was_saved_for_good_and_others_a_copy(self) -> None:
        work = work_with("people", {"_id": "a", "n": 1})
        before, document = work.savepoint(), {"_id": "a", "n": 2}
        work.save("people", document, final=True)
        assert work.get("people", "a", shared=True) is document
        mine = work.get("people", "a")
        assert mine == document
        assert mine is not document
        work.rollback_to(before)
        assert work.get("people", "a", shared=True) == {"_id": "a", "n": 1}

    def test_a_saved_document_does_not_follow_later_changes_of_the_callers_object(self) -> None:
        work = UnitOfWork(NOW)
        document = {"_id": "a", "tags": ["x"]}
        work.save("people", document)
        document["tags"] = []
        assert work.get("people", "a") == {"_id": "a", "tags": ["x"]}

    def test_times_come_back_aware(self) -> None:
        work = UnitOfWork(NOW)
        work.save("people", {"_id": "a", "at": NOW})
        assert work.get("people", "a") == {"_id": "a", "at": NOW}


class TestFind:
    def find_work(self) -> UnitOfWork:
        work = UnitOfWork(NOW)
        rows = [{"_id": "b", "person": "p"}, {"_id": "a", "person": "p"}]
        work.loaded("matches", "person", ["p", "q"], [bson.encode(row) for row in rows])
        return work

    def test_is_sorted_by_id(self) -> None:
        assert [d["_id"] for d in self.find_work().find("matches", "person", "p")] == ["a", "b"]

    def test_sees_what_this_batch_saved_changed_and_deleted(self) -> None:
        work = self.find_work()
        work.save("matches", {"_id": "c", "person": "p"})
        work.save("matches", {"_id": "a", "person": "q"})
        work.delete("matches", "b")
        assert [d["_id"] for d in work.find("matches", "person", "p")] == ["c"]
        assert [d["_id"] for d in work.find("matches", "person", "q")] == ["a"]

    def test_undo_gives_back_what_was_found_before(self) -> None:
        work = self.find_work()
        mark = work.savepoint()
        work.save("matches", {"_id": "a", "person": "q"})
        work.delete("matches", "b")
        work.rollback_to(mark)
        assert [d["_id"] for d in work.find("matches", "person", "p")] == ["a", "b"]
        assert work.find("matches", "person", "q") == []

    def test_finds_what_was_saved_before_the_field_was_asked_for(self) -> None:
        work = UnitOfWork(NOW)
        work.save("matches", {"_id": "n", "person": "p"})
        work.loaded("matches", "person", ["p"], [])
        assert [d["_id"] for d in work.find("matches", "person", "p")] == ["n"]

    def test_a_load_does_not_bring_back_what_this_batch_changed(self) -> None:
        work = UnitOfWork(NOW)
        work.save("matches", {"_id": "n", "person": "q"})
        work.loaded("matches", "person", ["p"], [bson.encode({"_id": "n", "person": "p"})])
        assert work.find("matches", "person", "p") == []

    def test_looks_into_lists_and_along_dotted_paths_as_the_database_does(self) -> None:
        work = UnitOfWork(NOW)
        work.save("people", {"_id": "n", "state": {"aliases": [{"id": "x"}, {"id": "y"}]}})
        work.loaded("people", "state.aliases.id", ["y"], [])
        assert [d["_id"] for d in work.find("people", "state.aliases.id", "y")] == ["n"]

    def test_raises_for_a_value_nobody_named(self) -> None:
        with pytest.raises(NotNeeded):
            self.find_work().find("matches", "person", "z")


class TestSave:
    def test_refuses_in_the_callers_hands_what_the_database_could_not_take(self) -> None:
        work = UnitOfWork(NOW)
        with pytest.raises(bson.errors.InvalidDocument):
            work.save("people", {"_id": "a", "bad": {1, 2}})
        with pytest.raises(TooLarge):
            work.save("people", {"_id": "a", "big": "x" * 13_000_000})
        with pytest.raises(TypeError):
            work.save("people", {"_id": 7})
        assert not work.changes()
        assert not work.emitted

    def test_may_not_happen_in_needs(self) -> None:
        work = UnitOfWork(NOW, codec=CODEC)
        work.asking = True
        with pytest.raises(RuntimeError):
            work.save("people", {"_id": "a"})


class TestUndo:
    def test_takes_back_only_what_came_after_the_mark(self) -> None:
        work = work_with("people", {"_id": "a", "n": 1}, absent=("b",))
        work.save("people", {"_id": "a", "n": 2})
        mark = work.savepoint()
        work.save("people", {"_id": "a", "n": 3})
        work.save("people", {"_id": "b"})
        work.save("other", {"_id": "x"})
        work.emit(agency_event("gjf", 1))
        work.after_commit(lambda: None)
        work.rollback_to(mark)
        assert work.get("people", "a") == {"_id": "a", "n": 2}
        assert work.get("people", "b") is None
        assert work.emitted == []
        assert work.calls == []
        assert {c: [i for i, *_ in rows] for c, rows in work.changes().items()} == {"people": ["a"]}


class TestChanges:
    def test_know_inserts_from_replacements_and_skip_deletes_of_nothing(self) -> None:
        work = work_with("people", {"_id": "a"}, absent=("b", "c"))
        work.save("people", {"_id": "a", "n": 1})
        work.save("people", {"_id": "b", "n": 1})
        work.delete("people", "c")
        rows = {id: (raw is None, new) for id, raw, new, _ in work.changes()["people"]}
        assert rows == {"a": (False, False), "b": (False, True)}

    def test_what_is_said_to_be_new_is_inserted_unless_it_is_known(self) -> None:
        work = work_with("people", {"_id": "a"})
        work.save("people", {"_id": "a", "n": 1}, new=True)
        work.save("people", {"_id": "b"}, new=True)
        work.save("people", {"_id": "b", "n": 2})
        assert {id: new for id, _, new, _ in work.changes()["people"]} == {"a": False, "b": True}

    def test_what_was_only_said_to_be_new_is_forgotten_with_it(self) -> None:
        work = work_with("people", {"_id": "a"})
        mark = work.savepoint()
        work.save("people", {"_id": "b"}, new=True)
        work.rollback_to(mark)
        work.loaded("people", "_id", ["b"], [bson.encode({"_id": "b", "n": 1})])
        work.delete("people", "b")
        assert [(id, raw) for id, raw, *_ in work.changes()["people"]] == [("b", None)]


class TestEmit:
    def test_keeps_the_order_and_names_the_topic_of_the_type(self) -> None:
        work = UnitOfWork(NOW, codec=CODEC)
        work.emit(agency_event("gjf", 1))
        work.emit(agency_event("gjf", 2))
        assert [r.topic for r in work.emitted] == ["agencies", "agencies"]
        assert [dict(r.headers)["ce_sequence"] for r in work.emitted] == [b"1", b"2"]

    def test_refuses_what_kafka_could_not_take(self) -> None:
        with pytest.raises(TooLarge):
            UnitOfWork(NOW, codec=CODEC).emit_record(Outgoing("agencies", b"k", b"x" * (LARGEST_RECORD + 1), []))

    def test_refuses_a_topic_that_is_not_written_here_but_no_dead_letter(self) -> None:
        work = UnitOfWork(NOW, {"people"}, codec=CODEC)
        with pytest.raises(NotWritten, match="agencies"):
            work.emit(agency_event("gjf", 1))
        work.emit_record(Outgoing("agencies.dead", b"k", b"{}", []))
        assert [r.topic for r in work.emitted] == ["agencies.dead"]

    def test_refuses_a_naive_time_in_the_handler_that_made_it(self) -> None:
        event = agency_event("gjf", 1)
        with pytest.raises(ValueError, match="zone"):
            UnitOfWork(NOW, codec=CODEC).emit(replace(event, time=datetime(2026, 1, 1)))  # noqa: DTZ001 - naive on purpose


class TestMissing:
    def test_names_only_what_is_not_there_yet(self) -> None:
        work = work_with("people", {"_id": "a"}, absent=("b",))
        needs = [Need.by_id("people", "a"), Need.by_id("people", "b"), Need.by_id("people", "c")]
        assert list(work.missing(needs)) == [Need.by_id("people", "c")]
