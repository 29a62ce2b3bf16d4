"""What a service's queries cost, seen by the database itself: MongoDB's profiler while the service runs.

Nobody has to name a query: whatever the service asks while it is watched is looked at. A query is sound when it
examines no more than it gives or changes and a few, by an index, and does not sort in memory. So its cost does not grow
with the store. Run the same flow on a small and on a large store: with little data the planner may choose otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from shared.kit.store import transaction_io

FEW = 12  # documents and keys beyond what is given: the ends of ranges, a lost race, a plan that was tried
SERVICE = "ieum"  # the name under which the kit's clients connect; a test's own queries have none
LOG_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Query:
    """One query as it ran. ``given``: documents that it returned or changed; ``asked``: values that it looks up one by
    one, found or not."""

    what: str
    plan: str
    given: int
    asked: int
    documents: int
    keys: int
    sorts: bool

    @property
    def violations(self) -> list[str]:
        """Why its cost grows with the store; nothing when it does not."""
        found = []
        if "COLLSCAN" in self.plan and self.documents > FEW:
            found.append("scans the collection")
        if self.documents > self.given + FEW:
            found.append(f"examines {self.documents} documents for {self.given}")
        if self.keys > 3 * max(self.given, self.asked) + FEW:  # for each value of a list two keys and a seek
            found.append(f"examines {self.keys} keys for {self.given}")
        if self.sorts and self.given > FEW:
            found.append("sorts in memory")
        return found


class Seen:
    """``queries``: all of them, once the watching is over."""

    def __init__(self) -> None:
        self.queries: list[Query] = []

    def violations(self, *allowed: str) -> list[str]:
        """One line for every kind of query that is not sound. ``allowed``: beginnings of lines to leave out; each needs
        its reason beside it."""
        lines = {
            f"{query.what} [{query.plan}]: {', '.join(query.violations)}" for query in self.queries if query.violations
        }
        return sorted(line for line in lines if not line.startswith(allowed or ("\0",)))  # no line begins so

    @property
    def collections(self) -> set[str]:
        """Those that were asked."""
        return {query.what.split(" ")[1] for query in self.queries}


@asynccontextmanager
async def watched(database: Any) -> AsyncIterator[Seen]:
    """Watch all that the kit's clients ask of this database. What a transaction asks of several collections in one
    command is asked one by one, so that each can be looked at: tests/integration/kit/test_store.py looks at the one."""
    seen = Seen()
    await database.command("profile", 0)
    await database.drop_collection("system.profile")
    await database.create_collection("system.profile", capped=True, size=LOG_BYTES)
    await database.command("profile", 2)
    try:
        with patch.object(transaction_io, "MOST_TOGETHER", 0):
            yield seen
    finally:
        await database.command("profile", 0)
    async for entry in database["system.profile"].find({"appName": SERVICE}):
        if (query := query_of(entry)) is not None:
            seen.queries.append(query)


@asynccontextmanager
async def collection_scans(database: Any) -> AsyncIterator[set[str]]:
    """Every kind of query of the kit's clients that no index serves, whatever there is at the moment; filled when the
    watching is over. MongoDB writes down these alone, so that a whole test can be watched. Where the planner has an
    index it takes it with little data, too."""
    found: set[str] = set()
    await database.command("profile", 1, filter={"planSummary": {"$regex": "COLLSCAN"}, "appName": SERVICE})
    yield found
    await database.command("profile", 0, filter="unset")
    async for entry in database["system.profile"].find({"planSummary": {"$regex": "COLLSCAN"}, "appName": SERVICE}):
        if (query := query_of(entry)) is not None:
            found.add(query.what)


def query_of(entry: dict[str, Any]) -> Query | None:
    """One line of the profiler, if it is about a query."""
    collection = entry["ns"].partition(".")[2]
    if entry["op"] not in ("query", "command", "update", "remove", "getmore") or collection.startswith("system."):
        return None
    command = entry.get("originatingCommand") or entry["command"]
    if "planSummary" not in entry and "docsExamined" not in entry:
        return None
    given = max(
        entry.get("nreturned", 0), entry.get("nMatched", 0), entry.get("nModified", 0), entry.get("ndeleted", 0)
    )
    return Query(
        what=f"{entry['op']} {collection} {_shape(command)}",
        plan=entry.get("planSummary", ""),
        given=given,
        asked=_asked(command),
        documents=entry.get("docsExamined", 0),
        keys=entry.get("keysExamined", 0),
        sorts=bool(entry.get("hasSortStage")),
    )


def _asked(command: Any) -> int:
    """How many values its longest list names; without bound when the profiler cut it off."""
    if isinstance(command, list):
        return max((len(command), *map(_asked, command)), default=0)
    if not isinstance(command, dict):
        return 0
    return 10**9 if "$truncated" in command else max(map(_asked, command.values()), default=0)


def _shape(command: dict[str, Any]) -> str:
    """The query without its values."""
    asked = command.get("filter") or command.get("q") or command.get("query") or command.get("pipeline") or {}
    return str(_fields(asked)) + (f" sort {list(command['sort'])}" if command.get("sort") else "")


def _fields(asked: Any) -> Any:
    if isinstance(asked, dict):
        return {
            name: _fields(value) if name.startswith("$") or isinstance(value, dict) else "?"
            for name, value in asked.items()
        }
    if isinstance(asked, list):
        return [_fields(each) for each in asked if isinstance(each, dict)]
    return "?"
