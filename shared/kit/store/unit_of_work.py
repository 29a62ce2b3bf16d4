"""What one transaction reads and will write, in memory. Handlers see nothing else, so they can only fail alone.

Documents are kept as BSON: what a handler gets is its own copy and looks as if it came from the server, and what cannot
be stored fails in the handler that saved it and not in the batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

import bson

from shared.kit.kafka.records import LARGEST_RECORD, EventCodec, Outgoing
from shared.kit.store.mongo import UTC_CODEC, Document

T = TypeVar("T")
LARGEST_DOCUMENT = 12 * 1024 * 1024  # the server's limit is 16 MB, and a batch is one transaction


class Need(NamedTuple):
    """What a handler wants to find in memory: one document by id, or all with this value in ``field`` (a dotted path;
    in an array: one of its items). Index it."""

    collection: str
    field: str
    value: Any

    @classmethod
    def by_id(cls, collection: str, id: str) -> Need:
        return cls(collection, "_id", id)


class NotNeeded(LookupError):
    """A handler asked for what its ``needs`` did not name."""


class TooLarge(ValueError):
    """A document, an event or an operation that could never be stored or sent."""


class NotWritten(LookupError):
    """An event for a topic that this service does not write: nobody would publish it."""


class Savepoint(NamedTuple):
    changes: int
    emitted: int
    calls: int
    last: int
    size: int


class UnitOfWork:
    """Reads and writes of many operations, in order; a later one sees what an earlier one saved.

    ``now``: aware UTC, one for the whole transaction: what is written down and scheduled. What has ended by ``latest``
    may not be sent or shown; what has ended by ``earliest`` has ended for good (clock.py; all the same without doubt).
    ``trusted``: what MongoDB compares with its own clock; a calendar that was moved moves it not.
    ``began``: before it has read anything (monotonic).
    ``topics``: those that may be emitted to; None: any. ``codec``: makes records of events; without one nothing can be
    emitted. Nothing is written before the commit; documents handed out are copies, the handler's to change freely
    (``needs`` only reads: what it is shown is shared).
    """

    def __init__(
        self,
        now: datetime,
        topics: Collection[str] | None = None,
        *,
        codec: EventCodec | None = None,
        earliest: datetime | None = None,
        latest: datetime | None = None,
        trusted: datetime | None = None,
    ) -> None:
        self.began = time.monotonic()
        self.now = now
        self.trusted = trusted or now
        self.earliest = earliest or now
        self.latest = latest or now
        self._topics = topics
        self._codec = codec
        self.asking = self._ending = False
        self.operation_index = 0
        self._documents: dict[str, dict[str, bytes | None]] = {}  # None: known to be absent, or deleted
        self._indexes: dict[str, dict[str, _Index]] = {}  # collection, field
        self._shown: dict[tuple[str, str], tuple[bytes, Document]] = {}  # to those who ask, and may not change it
        self._parsed: dict[tuple[str, str], tuple[bytes, Any]] = {}
        self._where: set[Need] = set()
        self._absent: set[tuple[str, str]] = set()  # absent in the database
        self._changed: dict[tuple[str, str], int] = {}  # and by which operation
        self._journal: list[tuple[str, str, bytes | None, bool, int | None]] = []
        self.emitted: list[Outgoing] = []
        self.size = 0  # bytes of what will be written so far
        self.calls: list[Callable[[], None]] = []
        self._last: list[tuple[int, Callable[[], None]]] = []

    # --- what handlers use

    def get(self, collection: str, id: str, *, shared: bool = False) -> Document | None:
        """The document as saved in this batch, else as loaded, else None. Raises NotNeeded if nobody named it.
        ``shared``: not a copy, but what others are shown, too; for those who only read."""
        known = self._documents.get(collection)
        if known is None or id not in known:
            if self.asking:
                return None
            raise NotNeeded(f"{collection} by id: name it in needs")
        raw = known[id]
        return None if raw is None else self._read(collection, id, raw, shared)

    def parsed(self, collection: str, id: str, parse: Callable[[Document], T]) -> T | None:
        """What ``parse`` makes of the document, made once as long as it stays the same: shared, so not to be changed.
        ``parse``: one for each collection. For what nearly every operation of a transaction reads."""
        raw = self._documents.get(collection, {}).get(id)
        known = self._parsed.get((collection, id))
        if raw is not None and known is not None and known[0] is raw:
            return cast(T, known[1])
        document = self.get(collection, id)
        if document is None or raw is None:
            return None
        found = parse(document)
        self._parsed[collection, id] = raw, found
        return found

    def find(self, collection: str, field: str, value: Hashable, *, shared: bool = False) -> list[Document]:
        """All documents with the value, sorted by ``_id``, with what this batch saved and deleted; ``shared`` as in
        `get`. Raises NotNeeded."""
        if Need(collection, field, value) not in self._where:
            if self.asking:
                return []
            raise NotNeeded(f"{collection} by {field}: name it in needs")
        ids = self._indexes[collection][field].ids.get(value, ())
        known = self._documents[collection]
        return [self._read(collection, id, raw, shared) for id in sorted(ids) if (raw := known[id]) is not None]

    def _read(self, collection: str, id: str, raw: bytes, shared: bool) -> Document:
        """A copy of its own for whoever does something; one for all who only ask what they need, again and again."""
        if not (shared or self.asking or self._ending):
            return bson.decode(raw, UTC_CODEC)
        return self._shared(collection, id, raw)

    def _shared(self, collection: str, id: str, raw: bytes | None) -> Document:
        """The one that all are shown who may not change it; of none, none."""
        if raw is None:
            return {}
        shown = self._shown.get((collection, id))
        if shown is None or shown[0] is not raw:
            shown = self._shown[collection, id] = raw, bson.decode(raw, UTC_CODEC)
        return shown[1]

    def save(self, collection: str, document: Document, *, new: bool = False, final: bool = False) -> None:
        """Write the whole document under its ``_id`` (a string). Raises when it could not be stored. ``new``: under an
        id that was made for it just now, so it is only inserted, which costs the database less than to look first.
        ``final``: whoever saves it changes it no more, so that those who may not change it are shown this very one, not
        one made anew of what is stored (in which times have no microseconds)."""
        id = document["_id"]
        if not isinstance(id, str) or not id:
            raise TypeError(f"{collection}: _id must be a string")
        raw = bson.encode(document, codec_options=UTC_CODEC)
        if len(raw) > LARGEST_DOCUMENT:
            raise TooLarge(f"{collection}: {len(raw)} bytes in one document")
        if new and id not in self._documents.get(collection, ()):
            self._absent.add((collection, id))
        self._change(collection, id, raw, document)
        if final:
            self._shown[collection, id] = raw, document

    def delete(self, collection: str, id: str) -> None:
        self._change(collection, id, None, {})

    def writes(self, collection: str, id: str) -> bool:
        """Whether this transaction writes or deletes the document so far: what was undone does not count."""
        return (collection, id) in self._changed

    def emit(self, event: Any) -> None:
        """Publish after the commit, in order, through the outbox. Raises what the codec raises, and NotWritten: the
        operation fails alone and is set apart, instead of saying what nobody will ever hear."""
        assert self._codec is not None, "a unit of work without a codec cannot emit"
        record = self._codec.encode(event)
        if self._topics is not None and record.topic not in self._topics:
            raise NotWritten(record.topic)
        self.emit_record(record)

    def emit_record(self, record: Outgoing) -> None:
        """The same for a record that is made already (dead letters). To any topic: a bad record whose dead letter was
        refused would be kept nowhere."""
        if record.size > LARGEST_RECORD:
            raise TooLarge(f"{record.topic}: {record.size} bytes in one event")
        self._forbid_while_asking()
        self.emitted.append(record)
        self.size += record.size

    def at_end(self, call: Callable[[], None]) -> None:
        """Called when all operations of the transaction are done, before it is written: it sees what became of all of
        them, and may read and save as the operation that asked for it. What it is shown is shared, as with ``needs``.
        It must not raise: all would be undone."""
        self._forbid_while_asking()
        self._last.append((self.operation_index, call))

    def after_commit(self, call: Callable[[], None]) -> None:
        """Called once the work is committed, never if it was undone. For metrics and wake-ups: it may be lost in a
        crash."""
        self.calls.append(call)

    # --- what the store uses

    def missing(self, needs: Iterable[Need]) -> list[Need]:
        """The needs that are not in memory yet. Asked of every operation, several times: one loop for all of them."""
        documents, where, none = self._documents, self._where, dict[str, bytes | None]()
        return [
            need
            for need in needs
            if (need[2] not in documents.get(need[0], none) if need[1] == "_id" else need not in where)
        ]

    def loaded(self, collection: str, field: str, values: Iterable[Hashable], found: Iterable[bytes]) -> None:
        """Take what the database holds for these values. What this batch has changed already stays."""
        known = self._documents.setdefault(collection, {})
        for raw in found:
            id = _id_of(raw)
            if id not in known:
                known[id] = raw
                if self._indexes.get(collection):
                    self._reindex(collection, id, self._shared(collection, id, raw))
        if field == "_id":
            for asked in map(str, values):
                if asked not in known:
                    known[asked] = None
                    self._absent.add((collection, asked))
            return
        if field not in self._indexes.setdefault(collection, {}):
            index = self._indexes[collection][field] = _Index(field)
            for id, document in known.items():
                index.put(id, self._shared(collection, id, document))
        self._where.update(Need(collection, field, value) for value in values)

    def end(self) -> None:
        self._ending = True
        for index, call in self._last:
            self.operation_index = index
            call()
        self._last.clear()
        self._ending = False

    def savepoint(self) -> Savepoint:
        return Savepoint(len(self._journal), len(self.emitted), len(self.calls), len(self._last), self.size)

    def rollback_to(self, savepoint: Savepoint) -> None:
        while len(self._journal) > savepoint.changes:
            collection, id, before, known, writer = self._journal.pop()
            documents = self._documents[collection]
            if self._indexes.get(collection):
                self._reindex(collection, id, self._shared(collection, id, before))
            if known:
                documents[id] = before
            else:
                del documents[id]
                self._absent.discard((collection, id))  # only `save` had said so
            if writer is None:
                del self._changed[collection, id]
            else:
                self._changed[collection, id] = writer
        del self.emitted[savepoint.emitted :]
        del self.calls[savepoint.calls :]
        del self._last[savepoint.last :]
        self.size = savepoint.size

    def changes(self) -> dict[str, list[tuple[str, bytes | None, bool, int]]]:
        """By collection: id, document (None: delete), whether it is known to be new, and which operation wrote it."""
        found: dict[str, list[tuple[str, bytes | None, bool, int]]] = {}
        for (collection, id), index in self._changed.items():
            raw = self._documents[collection][id]
            new = (collection, id) in self._absent
            if raw is not None or not new:
                found.setdefault(collection, []).append((id, raw, new, index))
        return found

    def _change(self, collection: str, id: str, raw: bytes | None, document: Document) -> None:
        """``document``: what ``raw`` holds."""
        self._forbid_while_asking()
        documents = self._documents.setdefault(collection, {})
        before, writer = documents.get(id), self._changed.get((collection, id))
        self._journal.append((collection, id, before, id in documents, writer))
        documents[id] = raw
        self._changed[collection, id] = self.operation_index
        self.size += len(raw or b"") - (len(before or b"") if writer is not None else 0)
        if self._indexes.get(collection):
            self._reindex(collection, id, document)

    def _forbid_while_asking(self) -> None:
        if self.asking:
            raise RuntimeError("needs may only read")

    def _reindex(self, collection: str, id: str, document: Document) -> None:
        for index in self._indexes[collection].values():
            index.put(id, document)


class _Index:
    """Which documents have which values in a field."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._values: dict[str, list[Hashable]] = {}  # of each document, as they are in ``ids``
        self.ids: dict[Hashable, set[str]] = {}

    def put(self, id: str, document: Document) -> None:
        """As it is now; an empty one has none."""
        old, new = self._values.get(id, []), _values(document, self._field)
        if old == new:
            return
        self._values[id] = new
        for value in old:
            self.ids[value].discard(id)
        for value in new:
            self.ids.setdefault(value, set()).add(id)


def _id_of(raw: bytes) -> str:
    """The ``_id`` of a document, which the server puts first."""
    if raw[4:9] == b"\x02_id\x00":
        length = int.from_bytes(raw[9:13], "little")
        return raw[13 : 13 + length - 1].decode()
    return str(bson.decode(raw, UTC_CODEC)["_id"])


def _values(document: Document, path: str) -> list[Hashable]:
    """The values that MongoDB would find at a dotted path: of a list, each item."""
    if not document:
        return []
    found: list[Any] = [document]
    for name in path.split("."):
        found = [value.get(name) for item in found for value in (item if isinstance(item, list | tuple) else [item])
                 if isinstance(value, dict)]  # fmt: skip
    flat = [value for item in found for value in (item if isinstance(item, list | tuple) else [item])]
    return [value for value in flat if isinstance(value, Hashable) and not isinstance(value, tuple)]
