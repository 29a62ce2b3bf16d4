"""`python -m services.intake.worker.program`: answers the service on its standard output, one question after the other.

It ends with the service, whatever ended that: then its standard input ends. It knows no database, no Kafka and none of
the keys that seal, writes nothing down, and holds what is opened until it is closed."""

from __future__ import annotations

import io
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from typing import Any, BinaryIO

from services.intake.dependencies import Dependencies
from services.intake.event_validation import Validation
from services.intake.file_conversion import MOST_EMPTY, converter_of, item_of
from services.intake.identity import References, Vault
from services.intake.portions import Portion, Room, Validating
from services.intake.request_body import read_types
from services.intake.worker.questions import Close, Found, Next, OpenBatch, Opened, OpenFile, Question, Start
from services.intake.worker.wire import LENGTH_BYTES, framed, read
from shared.events.http_binding import BATCH, Item, split
from shared.events.refusal import Refused
from shared.files import Converted, EmptyRows, Unreadable
from shared.kit.base import logs
from shared.kit.base.garbage_collection import tune_gc
from shared.kit.base.ids import Ids, random_bytes
from shared.kit.base.sealing import KEY_BYTES, Sealer
from shared.reference import load_pack

# A whole answer: it goes on with the next question while the service reads this one. Of uvloop's it is a socket, which
# holds some 200 KB.
PIPE_BYTES = 1_048_576


Further = Callable[[Next], Found]


class Worker:
    """What was opened and not closed yet, by number."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._validation = Validation(dependencies)
        self._open: dict[int, Further] = {}
        self._count = 0

    def answer(self, question: Question) -> Opened | Found | None:
        """Raises what nobody foresaw."""
        match question:
            case Next():
                return self._open[question.number](question)
            case Close():
                self._open.pop(question.number, None)
                return None
            case OpenBatch():
                items = split(BATCH, (), question.body)
                types, refused = list[str | None](), None
                try:
                    deque(read_types(items, question.most, types), 0)
                except Refused as wrong:
                    refused = wrong
                return self._opened(self._batch(question, items), types, refused)
            case OpenFile():
                return self._opened(self._file(question), [], None)

    def _opened(self, further: Further, types: list[str | None], refused: Refused | None) -> Opened:
        self._count += 1
        self._open[self._count] = further
        return Opened(self._count, types, refused)

    def _batch(self, asked: OpenBatch, items: Iterable[Item]) -> Further:
        validating = self._validating(asked)
        reading = enumerate(items)

        def found(further: Next) -> Found:
            portion, room = Portion(), Room()
            for number, item in reading:
                portion.append(validating.one(item, late=number in further.late))
                if room.full_with(portion[-1]):
                    break
            return Found(portion, [])

        return found

    def _file(self, asked: OpenFile) -> Further:
        empty = EmptyRows(MOST_EMPTY)
        converter = converter_of(asked.agency, asked.as_of, asked.mapping, self._dependencies)
        rows = converter.convert(io.BytesIO(asked.body), asked.type, empty)

        def found(_: Next) -> Found:
            portion, taken, stopped = Portion(), list[Converted](), None
            validating, room = self._validating(asked, testrun=asked.testrun), Room()  # as the service itself does
            try:
                for row in rows:
                    portion.append(validating.one(item_of(row, testrun=asked.testrun)))
                    taken.append(Converted(row.row, None, (), row.warnings, row.columns))
                    if room.full_with(portion[-1]):
                        break
            except Unreadable as unreadable:
                stopped = unreadable.refusal
            return Found(portion, taken, empty.empty, stopped)

        return found

    def _validating(self, asked: OpenBatch | OpenFile, *, testrun: bool = False) -> Validating:
        return Validating(self._validation, self._dependencies.pack, asked.agency, asked.now, testrun)


def main() -> None:
    """Until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the service, which ends this one once it is done
        signal.signal(number, signal.SIG_IGN)
    asking, answering = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # where its log goes
    with suppress(OSError):
        fcntl(answering, F_SETPIPE_SZ, PIPE_BYTES)
    with suppress(OSError):  # where memory ends this one goes, and not the service, which can do without
        Path("/proc/self/oom_score_adj").write_text("1000")
    questions = _questions(asking)
    start: Start = next(questions)
    logs.setup("intake", start.instance, start.log_level)
    worker = Worker(_dependencies(start))
    tune_gc()
    _say(answering, None)
    for question in questions:
        _say(answering, worker.answer(question))


def _dependencies(start: Start) -> Dependencies:
    """With keys to seal with that nobody knows: it seals nothing."""
    ids, unused = Ids(start.id_key), random_bytes(KEY_BYTES)
    return Dependencies(load_pack(start.pack), ids, Sealer(unused), Vault(unused), References(ids))


def _questions(asking: BinaryIO) -> Iterator[Any]:
    while len(length := asking.read(LENGTH_BYTES)) == LENGTH_BYTES:
        yield read(asking.read(int.from_bytes(length)))


def _say(answering: BinaryIO, thing: object) -> None:
    answering.write(framed(thing))
    answering.flush()


if __name__ == "__main__":
    main()
