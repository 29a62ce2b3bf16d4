"""A load with a snapshot holds what a load without one holds, whatever became of the snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from typing import Any, TypeVar

import pytest

from services.matching import opening_snapshot as opening_snapshot_module
from services.matching.documents import StoredOpening
from services.matching.domain.opening_facts import opening_facts
from services.matching.opening_snapshot import OpeningSnapshot
from shared.events.topics.opportunities import Opportunity
from shared.kit.store.mongo import Document
from shared.kit.store.store import Operation
from tests.support.matching import TODAY, a_job, a_person
from tests.support.memory_store import MemoryStore
from tests.unit.matching.asking import PACK
from tests.unit.matching.scene import Scene

pytestmark = pytest.mark.unit
T = TypeVar("T")
IN_CHUNK = 5


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_snapshot_module, "OPENINGS_IN_CHUNK", IN_CHUNK)
    monkeypatch.setattr(opening_snapshot_module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(opening_snapshot_module, "WRITE_SHARE", 1e9)


class Kept:
    """The store as a load reads it, and which openings it was asked for in full."""

    def __init__(self, store: MemoryStore) -> None:
        self.store, self.asked = store, list[str]()

    async def chunks(self) -> AsyncIterator[Document]:
        for one in self.store.all("opening_chunks"):
            yield one

    async def chunk_revisions(self) -> AsyncIterator[tuple[str, object]]:
        for one in self.store.all("opening_chunks"):
            yield one["_id"], one.get("revisions")

    async def open_revisions(self, today: date) -> AsyncIterator[tuple[str, int]]:
        for one in self.store.all("opportunities", open=True):
            yield one["_id"], one["revision"]

    async def stored_openings(self, ids: Sequence[str]) -> list[StoredOpening]:
        self.asked.extend(ids)
        return [StoredOpening.from_document(one) for one in self.store.all("opportunities") if one["_id"] in ids]


class Snapshot:
    """Of a scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.kept = scene, Kept(scene.store)
        repository: Any = self.kept
        self.made = OpeningSnapshot(scene.matching, repository, self._perform, self._aside)

    async def _perform(self, operation: Operation[None]) -> None:
        self.scene.perform(operation)

    async def _aside(self, work: Callable[[], T]) -> T:
        return work()

    async def save_all(self) -> None:
        while True:
            await self.made.save()
            if not self.made.busy:
                return

    async def load(self) -> dict[str, int]:
        """What a load puts into the index, with its revision; the index holds it then."""
        found = dict[str, int]()
        await self.made.forget_after(max(in_store(self.scene).values(), default=0))
        async for some in self.made.load():
            for one in some:
                assert one.facts.id not in found
                found[one.facts.id] = one.revision
                self.scene.matching.index.put_opening(*one)
        return found

    def chunks(self) -> dict[str, Document]:
        return {one["_id"]: one for one in self.scene.store.all("opening_chunks")}


def in_store(scene: Scene) -> dict[str, int]:
    return {one["_id"]: one["revision"] for one in scene.store.all("opportunities", open=True)}


def jobs(*numbers: int, **more: Any) -> list[Opportunity]:
    return [a_job(number, **more) for number in numbers]


async def written(*things: Any) -> tuple[Scene, Snapshot]:
    scene = Scene()
    scene.does(*things)
    snapshot = Snapshot(scene)
    await snapshot.save_all()
    return scene, snapshot


async def test_what_did_not_change_is_taken_from_it_and_the_rest_from_the_store() -> None:
    scene, snapshot = await written(a_person(), *jobs(*range(12)))
    assert len(snapshot.chunks()) == 2
    scene.does(*jobs(3, wage={"minimum": 3_000_000}), *jobs(4, status="closed"))
    again = Snapshot(scene)
    scene.matching.reset(TODAY)
    assert await again.load() == in_store(scene)
    unsaved, changed = 2, 1
    assert len(again.kept.asked) == unsaved + changed
    assert a_job(3).opportunity in again.kept.asked


@pytest.mark.parametrize("harm", ["digest", "rules", "bytes", "field", "shape", "id", "torn"])
async def test_a_chunk_that_is_not_as_it_was_written_is_refused_and_given_up(harm: str) -> None:
    scene, snapshot = await written(*jobs(*range(10)))
    chunk = snapshot.chunks()["1"]
    if harm == "rules":
        chunk["rules"] = "others"
    elif harm == "bytes":
        values, places = chunk["openings"]["hours"]
        chunk["openings"]["hours"] = [values, places[:-1] + b"\x07"]
    elif harm == "field":
        del chunk["openings"]["region"]
    elif harm == "shape":
        chunk["openings"] = 7
    elif harm == "torn":
        chunk = {"_id": "1", "rules": chunk["rules"]}
    else:
        chunk["digest" if harm == "digest" else "_id"] = "x"
    scene.store.put("opening_chunks", chunk)
    again = Snapshot(scene)
    scene.matching.reset(TODAY)
    assert await again.load() == in_store(scene)
    assert len(again.kept.asked) == (0 if harm == "id" else IN_CHUNK)
    await again.save_all()
    assert set(again.chunks()) == {"1", "2"}
    last = Snapshot(scene)
    scene.matching.reset(TODAY)
    assert await last.load() == in_store(scene)
    assert last.kept.asked == []


async def test_chunks_of_which_half_is_gone_are_put_together() -> None:
    scene, snapshot = await written(*jobs(*range(20)))
    assert len(snapshot.chunks()) == 4
    for number in range(20):
        if number % 5 < 3:
            scene.does(a_job(number, status="closed"))
    await snapshot.save_all()
    assert len(snapshot.chunks()) == 1
    again = Snapshot(scene)
    scene.matching.reset(TODAY)
    assert await again.load() == in_store(scene)
    assert len(again.kept.asked) == 8 - IN_CHUNK


async def test_a_chunk_that_would_be_too_large_holds_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_snapshot_module, "MOST_BYTES", 1)
    scene, snapshot = await written(*jobs(*range(6)))
    assert {len(one["revisions"]) // 8 for one in snapshot.chunks().values()} == {1}
    again = Snapshot(scene)
    scene.matching.reset(TODAY)
    assert await again.load() == in_store(scene)


async def test_no_person_is_in_it() -> None:
    scene, snapshot = await written(a_person(), *jobs(*range(5)))
    [person] = [one["_id"] for one in scene.store.all("people")]
    assert person.encode() not in repr(snapshot.chunks()).encode()


async def test_after_a_restore_a_chunk_that_is_newer_than_the_copy_is_not_taken_for_what_is_held() -> None:
    scene = Scene()
    scene.does(*jobs(*range(5)))
    copy = scene.store.all("opportunities")
    scene.does(*jobs(1, wage={"minimum": 2_600_000}), *jobs(0, wage={"minimum": 2_700_000}))
    await Snapshot(scene).save_all()
    for one in copy:  # of which the chunks are no part
        scene.store.put("opportunities", one)
    scene.begin()
    await Snapshot(scene).load()  # and is killed before it could write anything
    first, last = jobs(0, wage={"minimum": 2_700_000}), jobs(0, wage={"minimum": 3_000_000})
    scene.does(*first, *last)  # the revision that the chunk has of another state
    again = Snapshot(scene)
    scene.matching.reset(TODAY)
    await again.load()
    held = {one.facts.id: one.facts for one in scene.matching.index.in_no_chunk(IN_CHUNK)}
    assert held[last[0].opportunity].wage == opening_facts(last[0], PACK).wage


async def test_while_a_snapshot_waits_it_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_snapshot_module, "WRITE_SHARE", 1e-9)
    scene = Scene()
    scene.does(a_person(), *jobs(*range(15)))
    snapshot = Snapshot(scene)
    scene.hear(*jobs(20))
    scene.matching.drain_inbox()
    assert scene.matching.waiting
    await snapshot.made.save()
    assert snapshot.made.busy
    await snapshot.made.save()
    assert not snapshot.made.busy
    assert len(snapshot.chunks()) == 1
