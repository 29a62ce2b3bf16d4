"""How far the portal was read, and what was said of each advert: an SQLite file of the agency's own, which survives a
kill at any moment. Nothing about a person is in it. One poller at a time."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from clients.ieum.settings import Missing

State = Literal["told", "refused", "closed"]
RESUMED_WITHIN = timedelta(hours=1)  # later the pages have moved too far
KEPT = timedelta(days=400)  # of an advert that is closed
_TABLES = """
CREATE TABLE IF NOT EXISTS cycles (
    number INTEGER PRIMARY KEY, whole INTEGER NOT NULL, since TEXT, began TEXT NOT NULL, page INTEGER NOT NULL,
    listed INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS adverts (
    reference TEXT PRIMARY KEY, said TEXT NOT NULL, sequence INTEGER NOT NULL, state TEXT NOT NULL,
    open INTEGER NOT NULL, cycle INTEGER NOT NULL, seen TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_cycle ON adverts (cycle);
CREATE TABLE IF NOT EXISTS source (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One way through the list. `whole`: of all of it, so that what is gone can be told; `page`: the last one that was
    dealt with; `listed`: all pages were."""

    number: int
    whole: bool
    since: str | None
    began: datetime
    page: int
    listed: bool


@dataclass(frozen=True, slots=True)
class Known:
    """An advert: what was said of it last, as a hash, under which number, and what came of that. `open`: a version was
    accepted and no closing since, whatever became of later versions."""

    reference: str
    said: str
    sequence: int
    state: State
    open: bool


class Progress:
    """Raises Missing when another poller has the folder, or it was begun for another portal, agency or query: what
    those showed would look gone."""

    def __init__(self, folder: Path, portal: str, agency: str, query: Mapping[str, str]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "progress.sqlite"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        self._database = sqlite3.connect(path, timeout=1.0, isolation_level=None)
        try:
            self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._database.executescript(f"BEGIN EXCLUSIVE;{_TABLES}COMMIT;")
        except sqlite3.OperationalError:
            self._database.close()
            raise Missing(f"{folder} is in use: one poller at a time") from None
        source = {
            "--portal": portal.rstrip("/"),
            "--agency": agency,
            "--query": json.dumps(dict(sorted(query.items()))),
        }
        known = dict(self._database.execute("SELECT name, value FROM source"))
        if not known:
            with self._transaction():
                self._database.executemany("INSERT INTO source VALUES (?, ?)", source.items())
        elif others := [name for name, value in source.items() if known.get(name) != value]:
            self._database.close()
            raise Missing(f"{folder} was begun with another {', '.join(others)}: take another folder for this one")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def begin(self, now: datetime, whole_every: timedelta) -> Cycle:
        """The cycle that was left off, if that is not long ago; else the next one: whole when the last whole one is so
        long ago, otherwise of what was registered since."""
        last = self._database.execute("SELECT * FROM cycles WHERE ended = 0 ORDER BY number DESC LIMIT 1").fetchone()
        if last is not None:
            number, whole, since, began, page, listed, _ = last
            moment = datetime.fromisoformat(began)
            if listed or now - moment < RESUMED_WITHIN:
                return Cycle(number, bool(whole), since, moment, page, bool(listed))
        before = self._moment("SELECT max(began) FROM cycles WHERE whole = 1 AND ended = 1")
        whole = before is None or now - before >= whole_every
        since = None if whole else _since(now - (self._moment("SELECT max(began) FROM cycles WHERE ended = 1") or now))
        with self._transaction():
            self._database.execute("DELETE FROM cycles WHERE ended = 0")
            numbers = self._database.execute("SELECT max(number) FROM cycles UNION SELECT max(cycle) FROM adverts")
            number = max(found[0] or 0 for found in numbers) + 1
            self._database.execute(
                "INSERT INTO cycles (number, whole, since, began, page) VALUES (?, ?, ?, ?, 0)",
                (number, whole, since, now.isoformat()),
            )
        return Cycle(number, whole, since, now, 0, listed=False)

    def known(self, references: Iterable[str]) -> dict[str, Known]:
        """Those of them that were dealt with before."""
        found = {}
        for reference in references:
            row = self._database.execute(
                "SELECT reference, said, sequence, state, open FROM adverts WHERE reference = ?", (reference,)
            ).fetchone()
            if row is not None:
                found[reference] = _known(row)
        return found

    def seen(self, cycle: Cycle, references: Sequence[str]) -> set[str]:
        """Those of them that this cycle has seen already."""
        rows = (
            self._database.execute("SELECT 1 FROM adverts WHERE reference = ? AND cycle = ?", (one, cycle.number))
            for one in references
        )
        return {one for one, row in zip(references, rows, strict=True) if row.fetchone() is not None}

    def count(self, cycle: Cycle) -> int:
        """How many adverts this cycle has seen."""
        found: int = self._database.execute("SELECT count(*) FROM adverts WHERE cycle = ?", (cycle.number,)).fetchone()[
            0
        ]
        return found

    def note(self, cycle: Cycle, page: int, told: Iterable[Known], still_there: Iterable[str]) -> None:
        """A page was dealt with: what was said, and what is there as before."""
        seen = datetime.now(UTC).isoformat()
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO adverts VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(one.reference, one.said, one.sequence, one.state, one.open, cycle.number, seen) for one in told],
            )
            self._database.executemany(
                "UPDATE adverts SET cycle = ?, seen = ? WHERE reference = ?",
                [(cycle.number, seen, one) for one in still_there],
            )
            self._database.execute("UPDATE cycles SET page = ? WHERE number = ?", (page, cycle.number))

    def all_listed(self, cycle: Cycle) -> None:
        """Every page was dealt with."""
        self._database.execute("UPDATE cycles SET listed = 1 WHERE number = ?", (cycle.number,))

    def gone(self, cycle: Cycle, most: int) -> list[Known]:
        """Adverts that this cycle has not seen, and that are not closed."""
        rows = self._database.execute(
            "SELECT reference, said, sequence, state, open FROM adverts WHERE cycle < ? AND state != 'closed'"
            " ORDER BY cycle, reference LIMIT ?",
            (cycle.number, most),
        )
        return [_known(row) for row in rows]

    def one_of(self, cycle: Cycle) -> str | None:
        """An advert that this cycle has seen."""
        found = self._database.execute(
            "SELECT reference FROM adverts WHERE cycle = ? AND state != 'closed' LIMIT 1", (cycle.number,)
        ).fetchone()
        return None if found is None else str(found[0])

    def closed(self, references: Iterable[str]) -> None:
        """They are said to be closed, or nobody was ever told of them."""
        with self._transaction():
            self._database.executemany(
                "UPDATE adverts SET state = 'closed', open = 0 WHERE reference = ?", [(one,) for one in references]
            )

    def end(self, cycle: Cycle, now: datetime) -> None:
        """All of the cycle is done."""
        with self._transaction():
            self._database.execute("UPDATE cycles SET ended = 1 WHERE number = ?", (cycle.number,))
            self._database.execute("DELETE FROM cycles WHERE number < ? AND whole = 0", (cycle.number - 1,))
            self._database.execute(
                "DELETE FROM adverts WHERE state = 'closed' AND seen < ?", ((now - KEPT).isoformat(),)
            )

    def _moment(self, query: str) -> datetime | None:
        found = self._database.execute(query).fetchone()[0]
        return None if found is None else datetime.fromisoformat(found)

    def _transaction(self) -> _Transaction:
        return _Transaction(self._database)


class _Transaction:
    """All or nothing, also when it is killed."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.execute("COMMIT" if error is None else "ROLLBACK")


def _known(row: tuple[str, str, int, State, int]) -> Known:
    return Known(*row[:4], open=bool(row[4]))


def _since(ago: timedelta) -> str:
    """The portal's word for at least so long, and a day more: its days end at midnight."""
    if ago < timedelta(days=2):
        return "D-3"
    if ago < timedelta(days=6):
        return "W-1"
    return "W-2" if ago < timedelta(days=13) else "M-1"
