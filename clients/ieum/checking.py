"""Conformance offline: what the door would say of a file, as far as the contract and the pack can tell.

The rules are those of the door itself (`shared/screening`). Not known here: who is registered and may do what (`check`
only names the rights that the file needs), what came before, whether a phone number or mail address can be read;
`send --testrun` asks the door for these, without any effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from clients.ieum.sending import Tally
from shared.events.refusal import MOST, Refusal
from shared.events.topics.agencies import AGENCIES
from shared.events.topics.people import ConsentWithdrawnAtDoor
from shared.files import Converted, Line, lines_about
from shared.reference import Pack
from shared.screening.consent_rules import check_withdrawn
from shared.screening.door_rules import DoorRules
from shared.screening.findings import Findings

Found = tuple[Refusal, ...]


@dataclass(slots=True)
class Checked(Tally):
    """`rights`: which ones whoever sends it needs, which only the door can look up."""

    rights: set[str] = field(default_factory=set)


class Conformance:
    """Looks at events. Made once. `agency`: who would send them, where that is said."""

    def __init__(self, pack: Pack, agency: str | None = None) -> None:
        self._pack = pack
        self._rules = DoorRules(pack)
        self._own = None if agency is None else f"/agencies/{agency}"

    def look(self, event: dict[str, Any], today: date) -> tuple[Found, Found, str | None]:
        """What it would be refused for, and what it would be taken with all the same; the right to send it, where its
        type can be read."""
        findings = Findings(self._pack)
        found = self._rules.look(event, findings, datetime.now(UTC), today)
        incoming, refusals = found.incoming, found.refusals
        if incoming is None:
            return refusals, found.warnings, None
        if found.sound and not refusals and isinstance(incoming.data, ConsentWithdrawnAtDoor):
            check_withdrawn(incoming.data.consents, findings)  # the door's last look: what it understands holds
            refusals = tuple(findings.refusals[:MOST])
        if self._own not in (None, incoming.source):
            refusals = (Refusal("wrong-source", "/source", {"source": str(self._own)}), *refusals)
        about_agencies = incoming.event_type.topic is AGENCIES
        return refusals, found.warnings, "administers" if about_agencies else f"emits {incoming.event_type.name}"


def check(
    rows: Iterable[Converted],
    pack: Pack,
    language: str,
    today: date,
    tell: Callable[[Line], None],
    done: Callable[[int], None],
    agency: str | None = None,
) -> Checked:
    """Look at every row; `tell` is called with every finding. `agency`: who would send it, where that is said."""
    conformance, tally = Conformance(pack, agency), Checked()
    for row in rows:
        tally.rows += 1
        found, warned, right = ((), (), None) if row.event is None else conformance.look(row.event, today)
        tally.rights |= set() if right is None else {right}
        tally.warnings += len(row.warnings) + len(warned)
        if row.event is None:
            tally.unsent += 1
        else:
            tally.statuses["unfit" if found else "fit"] += 1
        for line in lines_about(row, pack, language, found, warned):
            tell(line)
        done(tally.rows)
    return tally
