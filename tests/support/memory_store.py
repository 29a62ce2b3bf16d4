"""The one store without a database, for unit tests: the same unit of work, attempts, savepoints and participants.

What it promises is what `tests/support/store_contract.py` asks of it and of the real one. It has no indexes (nothing is
ever rejected), and nothing is away; other writers only where a test says so (``meanwhile``).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import bson

from shared.kit.kafka.records import Outgoing
from shared.kit.runtime.cloudevent_codec import CloudEventCodec
from shared.kit.store.mongo import UTC_CODEC
from shared.kit.store.transaction_attempt import Operation, TransactionAttempt, TransactionParticipant
from shared.kit.store.transaction_io import Found, Wanted
from shared.kit.store.unit_of_work import UnitOfWork

T = TypeVar("T")
Stored = Any
"""A document as it was stored, of which type only the test knows, by the collection."""
CODEC = CloudEventCodec()


class MemoryStore:
    """Documents by collection and id, as BSON; all that was emitted; ``questions``: the values of each to the database.
    ``doubt``: how much later the other clock is; ``moved``: how far the calendar is ahead. ``meanwhile``: what others
    do between what a transaction reads and its commit; when they change what it writes, it begins anew."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self.doubt = self.moved = timedelta(0)
        self.documents: dict[str, dict[str, bytes]] = {}
        self.emitted: list[Any] = []
        self.questions: list[set[Any]] = []
        self.meanwhile: Callable[[], None] | None = None
        self._participants: list[TransactionParticipant] = []

    # --- what a test puts there and finds

    def put(self, collection: str, document: Mapping[str, Any]) -> None:
        """As if it had been committed."""
        self.documents.setdefault(collection, {})[document["_id"]] = bson.encode(document, codec_options=UTC_CODEC)

    def get(self, collection: str, id: str) -> Stored | None:
        """One document."""
        raw = self.documents.get(collection, {}).get(id)
        return None if raw is None else bson.decode(raw, UTC_CODEC)

    def all(self, collection: str, **where: Any) -> list[Stored]:
        """Documents with these values, in the order in which they came."""
        found = [bson.decode(raw, UTC_CODEC) for raw in self.documents.get(collection, {}).values()]
        return [each for each in found if all(each.get(field) == value for field, value in where.items())]

    def emit(self, record: Outgoing) -> None:
        """What is done with a record that was committed."""
        self.emitted.append(record)

    # --- as the real one

    def enlist(self, participant: TransactionParticipant) -> None:
        """Memory that must follow."""
        self._participants.append(participant)

    async def perform(self, operations: Sequence[Operation[T]], *, in_transaction: Any = None) -> list[T | Exception]:
        """In one transaction."""
        return await self._perform(operations, in_transaction)

    async def submit_all(self, operations: Sequence[Operation[T]], *, ahead: bool = False) -> list[T | Exception]:
        """In one transaction."""
        return await self._perform(operations, None)

    async def submit(self, operation: Operation[T]) -> T:
        """Raises what the operation raises."""
        results: list[T | Exception] = await self._perform([operation], None)
        return _result(results)

    # --- for tests without an event loop

    def perform_now(self, operations: Sequence[Operation[T]], *, in_transaction: Any = None) -> list[T | Exception]:
        """`perform`, at once."""
        return at_once(self._perform(operations, in_transaction))

    def submit_now(self, operation: Operation[T]) -> T:
        """`submit`, at once."""
        results: list[T | Exception] = self.perform_now([operation])
        return _result(results)

    async def _perform(self, operations: Sequence[Operation[T]], in_transaction: Any) -> list[T | Exception]:
        while True:
            latest, trusted = self.now + self.doubt, self.now - self.moved
            work = _Watched(self.now, codec=CODEC, earliest=self.now, latest=latest, trusted=trusted)
            attempt = TransactionAttempt(operations, work, self._participants, {})
            seen = {name: dict(kept) for name, kept in self.documents.items()} if self.meanwhile else self.documents
            io: Any = _Reads(seen, self.questions)
            try:
                await attempt.run(io)
                work.nobody_changed_what_others_are_shown()
                if in_transaction is not None:
                    in_transaction(None)
            except BaseException:
                attempt.aborted()
                raise
            if self.meanwhile is None:
                break
            self.meanwhile()
            written = [(name, id) for name, changes in work.changes().items() for id, *_ in changes]
            if all(seen.get(name, {}).get(id) is self.documents.get(name, {}).get(id) for name, id in written):
                break
            attempt.aborted()
        for collection, changes in work.changes().items():
            kept = self.documents.setdefault(collection, {})
            for id, raw, *_ in changes:
                if raw is None:
                    kept.pop(id, None)
                else:
                    kept[id] = raw
        for record in work.emitted:
            self.emit(record)
        attempt.committed()
        for call in work.calls:
            call()
        return attempt.results


class _Watched(UnitOfWork):
    """One that remembers what it has shown."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self._ever_shown: list[tuple[bytes, dict[str, Any]]] = []

    def _shared(self, collection: str, id: str, raw: bytes | None) -> dict[str, Any]:
        shown = super()._shared(collection, id, raw)
        if raw is not None:
            self._ever_shown.append((raw, shown))
        return shown

    def nobody_changed_what_others_are_shown(self) -> None:
        """Neither what was loaded nor what was saved for good."""
        for raw, document in self._ever_shown:
            assert bson.encode(document, codec_options=UTC_CODEC) == raw, document.keys()


class _Reads:
    """As much of the database as an attempt reads."""

    def __init__(self, documents: Mapping[str, Mapping[str, bytes]], questions: list[set[Any]]) -> None:
        self._documents = documents
        self._questions = questions

    async def read(self, wanted: Wanted) -> Found:
        self._questions.append({value for values in wanted.values() for value in values})
        return {
            (collection, field): [
                raw
                for raw in self._documents.get(collection, {}).values()
                if any(value in values for value in _values(_decoded(raw), field))
            ]
            for (collection, field), values in wanted.items()
        }


@lru_cache(maxsize=10_000)
def _decoded(raw: bytes) -> dict[str, Any]:
    """To look at. Every read looks at every document."""
    return bson.decode(raw)


def _values(document: Mapping[str, Any], path: str) -> list[Any]:
    """What MongoDB compares at a dotted path: of a list each item, and through a list of documents each of theirs."""
    name, _, rest = path.partition(".")
    here = document.get(name)
    items = here if isinstance(here, list) else [here]
    if not rest:
        return items
    return [value for item in items if isinstance(item, Mapping) for value in _values(item, rest)]


def _result(results: Sequence[T | Exception]) -> T:
    (result,) = results
    if isinstance(result, Exception):
        raise result
    return result


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """What it returns; it may wait for nothing but its turn."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
