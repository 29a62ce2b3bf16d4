"""Conformance offline: what the door would say of a file, as far as the contract and the pack can tell.

The rules are those of the door itself (`shared/screening`). Not known here: who is registered and may do what, what
came before, whether a phone number or mail address can be read; `send --testrun` asks the door for these, without any
effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

from clients.ieum.sending import Tally
from shared.events.refusal import Refusal
from shared.events.registry import load_topics
from shared.files import Converted, Line, lines_about
from shared.reference import Pack
from shared.screening.door_rules import DoorRules
from shared.screening.findings import Findings


class Conformance:
    """Looks at events. Made once. `agency`: who would send them, where that is said."""

    def __init__(self, pack: Pack, agency: str | None = None) -> None:
        load_topics()
        self._pack = pack
        self._rules = DoorRules(pack)
        self._own = None if agency is None else f"/agencies/{agency}"

    def look(self, event: dict[str, Any], today: date) -> tuple[tuple[Refusal, ...], tuple[Refusal, ...]]:
        """What it would be refused for, and what it would be taken with all the same."""
        found = self._rules.look(event, Findings(self._pack), datetime.now(UTC), today)
        if found.incoming is None or self._own in (None, found.incoming.source):
            return found.refusals, found.warnings
        return (Refusal("wrong-source", "/source", {"source": str(self._own)}), *found.refusals), found.warnings


def check(
    rows: Iterable[Converted],
    pack: Pack,
    language: str,
    today: date,
    tell: Callable[[Line], None],
    done: Callable[[int], None],
    agency: str | None = None,
) -> Tally:
    """Look at every row; `tell` is called with every finding. `agency`: who would send it, where that is said."""
    conformance, tally = Conformance(pack, agency), Tally()
    for row in rows:
        tally.rows += 1
        found, warned = ((), ()) if row.event is None else conformance.look(row.event, today)
        tally.warnings += len(row.warnings) + len(warned)
        if row.event is None:
            tally.unsent += 1
        else:
            tally.statuses["unfit" if found else "fit"] += 1
        for line in lines_about(row, pack, language, found, warned):
            tell(line)
        done(tally.rows)
    return tally
