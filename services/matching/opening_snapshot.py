"""A snapshot of the openings in memory, so that the next load need not work out the facts of each of them anew.

It stands in chunks, which name no person, in the service's own database. Each says of every opening in it which
revision it is of. A load asks the store for id and revision of all openings that take people, takes from a chunk what
is of the same revision, and reads everything else from the store: so a snapshot that is old, torn, or made by other
rules makes a load slower, never wrong. What changes leaves its chunk; a chunk of which half is gone is given up, and
what is left of it goes into a new one, so what is written in all is a small multiple of what changes.

A database that was restored gives revisions anew, so a chunk that is newer than the copy may say the same revision of
another state. Such chunks are deleted before any revision is given.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import count
from typing import ClassVar, NamedTuple

import numpy as np

from services.matching import metrics
from services.matching.congestion_table import Aside
from services.matching.documents import SNAPSHOT, Stored
from services.matching.domain.columns.rows import Held
from services.matching.domain.opening_facts import OpeningFacts, opening_facts
from services.matching.domain.packed_openings import Packed, Unpacking, pack
from services.matching.repository import Repository
from services.matching.service import Matching
from shared.kit.base.logs import logger
from shared.kit.store.mongo import Document
from shared.kit.store.store import Operation
from shared.kit.store.unit_of_work import UnitOfWork

OPENINGS_IN_CHUNK = 1_000
MOST_BYTES = 6_000_000  # of a chunk; a document may have twice as many
READ_AT_ONCE = 500
LOOK_SECONDS = 1.0  # between two looks at whether there is anything to write
WRITE_SHARE = 0.1  # of the time, while other work waits
_REVISION = "<i8"
_log = logger("opening_snapshot")


class Damaged(ValueError):
    """A chunk that is not as it was written."""


@dataclass(frozen=True, slots=True)
class StoredChunk(Stored):
    """Facts of some openings by these ``rules``, each as of its revision."""

    collection: ClassVar[str] = SNAPSHOT
    number: int
    rules: str
    revisions: tuple[int, ...]
    openings: Packed

    @classmethod
    def from_document(cls, document: Document) -> StoredChunk:
        """Read it back. Raises Damaged."""
        try:
            openings = {name: (bytes(values), bytes(places)) for name, (values, places) in document["openings"].items()}
            revisions = np.frombuffer(document["revisions"], _REVISION).tolist()
            chunk = cls(int(document["_id"]), document["rules"], tuple(revisions), openings)
            intact = chunk._digest() == document["digest"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Damaged("shape") from error
        if not intact:
            raise Damaged("digest")
        return chunk

    def to_document(self) -> Document:
        """Packed bytes, and a digest of all."""
        openings = {name: list(both) for name, both in self.openings.items()}
        revisions = np.array(self.revisions, _REVISION).tobytes()
        return {
            "_id": str(self.number), "rules": self.rules, "revisions": revisions, "openings": openings,
            "digest": self._digest(),
        }  # fmt: skip

    def bytes(self) -> int:
        """How large it is, about."""
        return sum(len(values) + len(places) for values, places in self.openings.values())

    def _digest(self) -> str:
        digest = blake2b(f"{self.number}/{self.rules}/{self.revisions}".encode(), digest_size=16)
        for name, (values, places) in sorted(self.openings.items()):
            digest.update(f"{name}/{len(values)}/{len(places)}".encode() + values + places)
        return digest.hexdigest()


class Loaded(NamedTuple):
    """An opening as it is put into the index. ``chunk``: in which it stands like this; 0: in none."""

    facts: OpeningFacts
    revision: int
    chunk: int


class OpeningSnapshot:
    """``perform`` performs an operation in a transaction. `forget_after` comes first, then `load`,
    which tells it which chunks there are."""

    def __init__(
        self,
        matching: Matching,
        repository: Repository,
        perform: Callable[[Operation[None]], Awaitable[None]],
        aside: Aside,
    ) -> None:
        self._matching = matching
        self._repository = repository
        self._perform = perform
        self._aside = aside
        self._sizes: dict[int, int] = {}  # by chunk, of how many openings it was made
        self._useless: list[str] = []  # their ids
        self._next = 0.0
        self.busy = False

    async def forget_after(self, highest: int) -> None:
        """Chunks with a revision above the highest that the store gave are deleted; before it gives another."""
        later = [id async for id, revisions in self._repository.chunk_revisions() if _highest(revisions) > highest]
        for id in later:
            await self._perform(Operation(lambda work: (), partial(_delete, id)))
        metrics.snapshot_chunks_refused.of().inc(len(later))
        if later:
            _log.warning("snapshot_chunks_refused", count=len(later))

    async def load(self) -> AsyncIterator[list[Loaded]]:
        """All openings that take people, some at a time: from the snapshot what it holds as the store has it."""
        known, taken, missing, from_snapshot = await self._read(), list[Loaded](), list[str](), 0
        async for id, revision in self._repository.open_revisions(self._matching.today):
            if (one := known.get(id)) is not None and one.revision == revision:
                taken.append(one)
            else:
                missing.append(id)
            if len(taken) == READ_AT_ONCE:
                from_snapshot += len(taken)
                yield taken
                taken = []
            if len(missing) == READ_AT_ONCE:
                yield await self._from_store(missing)
                missing = []
        yield taken
        yield await self._from_store(missing)
        metrics.openings_from_snapshot.of().set(from_snapshot + len(taken))

    async def save(self) -> None:
        """One chunk is written or given up, if there is one to write and it is time."""
        began = time.monotonic()
        if began < self._next:
            self.busy = False  # or whoever asks would do nothing else until it is time
            return
        self.busy = await self._give_up() or await self._write()
        spent = time.monotonic() - began
        waits = spent / WRITE_SHARE if self._matching.waiting else 0.0
        metrics.snapshot_chunks.of().set(len(self._sizes))
        self._next = began + (waits if self.busy else LOOK_SECONDS)

    async def _read(self) -> dict[str, Loaded]:
        """What the snapshot holds, by id; of two that hold the same opening the newer revision."""
        known, unpacking = dict[str, Loaded](), Unpacking()
        async for document in self._repository.chunks():
            try:
                found = await self._aside(partial(_unpacked, document, self._matching.rules, unpacking))
            except (Damaged, ValueError, KeyError, IndexError, TypeError):
                self._useless.append(document["_id"])
                continue
            self._sizes[int(document["_id"])] = len(found)
            for one in found:
                if (other := known.get(one.facts.id)) is None or other.revision < one.revision:
                    known[one.facts.id] = one
        metrics.snapshot_chunks_refused.of().inc(len(self._useless))
        _log.info("snapshot_read", opportunities=len(known), count=len(self._sizes))
        if self._useless:
            _log.warning("snapshot_chunks_refused", count=len(self._useless))
        return known

    async def _from_store(self, ids: Sequence[str]) -> list[Loaded]:
        stored = await self._repository.stored_openings(ids)
        return await self._aside(
            lambda: [Loaded(opening_facts(one.opportunity, self._matching.pack), one.revision, 0) for one in stored]
        )

    async def _give_up(self) -> bool:
        """A chunk of which too little is left, or that cannot be used."""
        if not self._useless:
            counts = self._matching.index.count_by_chunk()
            few = (n for n, size in self._sizes.items() if 2 * (counts[n] if n < len(counts) else 0) <= size)
            self._useless.extend(map(str, few))
        if not self._useless:
            return False
        await self._perform(Operation(lambda work: (), partial(_delete, self._useless[-1])))
        id = self._useless.pop()
        if id.isdecimal() and self._sizes.pop(int(id), None) is not None:
            self._matching.index.forget_chunk(int(id))
        return True

    async def _write(self) -> bool:
        """A chunk of what stands in none, once there is enough of it."""
        held = self._matching.index.in_no_chunk(OPENINGS_IN_CHUNK)
        if not held:
            return False
        number = next(number for number in count(1) if number not in self._sizes)
        chunk = await self._aside(partial(_packed, held, number, self._matching.rules))
        await self._perform(Operation(lambda work: (), chunk.save))
        self._sizes[number] = len(chunk.revisions)
        self._matching.index.now_in_chunk(held[: len(chunk.revisions)], number)
        return True


def _unpacked(document: Document, rules: str, unpacking: Unpacking) -> list[Loaded]:
    chunk = StoredChunk.from_document(document)
    if chunk.rules != rules:
        raise Damaged("rules")
    facts = unpacking.unpack(chunk.openings)
    return [Loaded(one, revision, chunk.number) for one, revision in zip(facts, chunk.revisions, strict=True)]


def _packed(held: Sequence[Held[OpeningFacts]], number: int, rules: str) -> StoredChunk:
    """As many of these, from the first on, as fit."""
    while True:
        revisions = tuple(one.revision for one in held)
        chunk = StoredChunk(number, rules, revisions, pack([one.facts for one in held]))
        if chunk.bytes() <= MOST_BYTES or len(held) == 1:
            return chunk
        held = held[: len(held) // 2]


def _highest(revisions: object) -> int:
    """Of a chunk's; 0 of what is none: a load refuses it."""
    try:
        return int(np.frombuffer(revisions, _REVISION).max(initial=0)) if isinstance(revisions, bytes) else 0
    except ValueError:
        return 0


def _delete(id: str, work: UnitOfWork) -> None:
    work.delete(SNAPSHOT, id)
