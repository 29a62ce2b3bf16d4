"""Use cases of looking back: what became of an event, what was refused, by which alias a person goes.

Unknown and forbidden look the same. A read about a person, and an
administrator's read of what others sent, is written down before it is answered.
"""

from __future__ import annotations

import base64
import binascii
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from services.intake.answers import Emitted, Journey, Rejection, Rejections, findings, journey_of
from services.intake.changes.effect import Tools
from services.intake.changes.people import person_of
from services.intake.domain.people import alias_of
from services.intake.repository import INBOX, REJECTIONS, Repository
from shared.access.keys import Caller
from shared.events.refusal import Refusal
from shared.kit.base.ids import is_id

Document = dict[str, Any]
# Of a page of refusals: a page costs some 5 ms and 100 kB at most.
FINDINGS_LISTED = 10  # of one event
MOST_LISTED = 200  # of a page, reached by the last one


class Journeys:
    """Reads for agencies about what they sent; administrators see every agency's events, and no more of them."""

    def __init__(self, repository: Repository, tools: Tools) -> None:
        self._repository = repository
        self._tools = tools

    async def of_event(self, event_id: str, source: str, caller: Caller) -> Journey | None:
        """The journey of the event with that id and source; None when there is none for this caller."""
        agency = source.removeprefix("/agencies/")
        if not await self._may_see(agency, caller, "journey-of-others"):
            return None
        row = await self._repository.receipt(index=self._tools.references.event(source, event_id))
        if row is not None:
            return await self._journey(row, caller)
        refused = await self._repository.rejection(self._tools.ids.derived("rejection", agency, event_id))
        return None if refused is None else self._refused(refused)

    async def of_receipt(self, receipt: str, caller: Caller) -> Journey | None:
        """The same, found by the receipt."""
        row = await self._repository.receipt(receipt=receipt) if is_id(receipt) else None
        if row is None or not await self._may_see(row["agency"], caller, "journey-of-others"):
            return None
        return await self._journey(row, caller)

    async def alias(self, reference: str, caller: Caller) -> str | None:
        """The caller's name for the person of its own reference; None if it has none."""
        agency = caller.agency.agency
        index = self._tools.references.index("person", agency, reference)
        document = await self._repository.person_by_reference(index)
        found = None if document is None else alias_of(person_of(document), agency)
        await self._audit(caller, "lookup", None if document is None else document["_id"], found is not None)
        return found

    async def rejections(self, caller: Caller, limit: int, before: str | None) -> Rejections:
        """The newest refusals of the caller's events (of all agencies for an administrator), with the first findings of
        each. At most `limit`, and no more once MOST_LISTED findings are told: a page costs about the same whatever was
        refused. Raises ValueError for a `before` that is not one of ours."""
        point = None if before is None else _point(before)
        agency = None if caller.administers else caller.agency.agency
        if agency is None:
            await self._audit(caller, "rejections-of-others", None, True)
        found, told, last = list[Rejection](), 0, None
        async with aclosing(self._repository.rejections(agency, limit, point, FINDINGS_LISTED)) as rows:
            async for row in rows:
                found.append(self._rejection(row))
                told += len(found[-1].errors)
                if len(found) == limit or told >= MOST_LISTED:
                    last = row
                    break
        return Rejections(rejections=found, next=None if last is None else _cursor(last))

    async def _may_see(self, agency: str, caller: Caller, action: str) -> bool:
        """Its own, or anybody's for an administrator, whose look at others is written down first."""
        if agency == caller.agency.agency:
            return True
        if caller.administers:
            await self._audit(caller, action, None, True)
        return caller.administers

    async def _journey(self, row: Document, caller: Caller) -> Journey:
        if row["about"] == "people":
            await self._audit(caller, "journey", row.get("person"), True)  # rows of earlier versions name nobody
        matches, partners = journey_of(await self._repository.steps(row["correlationid"]))
        return Journey(
            id=self._opened(row["event"], INBOX, row["_id"]) or "",
            source=f"/agencies/{row['agency']}",
            type=row["type"],
            status="superseded" if row["status"] == "superseded" else "accepted",
            at=row["at"],
            receipt=row["receipt"],
            emitted=[Emitted(**emitted) for emitted in row["emitted"]],
            matches=matches,
            partners=partners,
        )

    def _refused(self, row: Document) -> Journey:
        told = self._rejection(row)
        return Journey(
            id=told.id or "",
            source=f"/agencies/{told.agency}",
            type=told.type,
            status="refused",
            at=told.at,
            errors=told.errors,
        )

    def _rejection(self, row: Document) -> Rejection:
        refusals = [Refusal(item["rule"], item["field"], item["values"]) for item in row["refusals"]]
        return Rejection(
            agency=row["agency"],
            id=self._opened(row["event"], REJECTIONS, row["_id"]),
            type=row["type"],
            at=row["at"],
            errors=findings(refusals, self._tools.pack),
            more=row.get("findings", 0) - len(refusals) or None,
        )

    def _opened(self, sealed: bytes, collection: str, id: str) -> str | None:
        return self._tools.sealer.open(sealed, collection, id).decode() or None

    async def _audit(self, caller: Caller, action: str, person: str | None, found: bool) -> None:
        await self._repository.audit(
            self._tools.clock.trusted(),
            caller.agency.agency,
            caller.key_id,
            action,
            person=person,
            outcome="answered" if found else "nothing",
        )


def _cursor(row: Document) -> str:
    return base64.urlsafe_b64encode(f"{row['at'].isoformat()} {row['_id']}".encode()).decode()


def _point(cursor: str) -> tuple[datetime, str]:
    try:
        at, id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not is_id(id):
            raise ValueError("a time without its zone, or no id")
        return moment.astimezone(UTC), id  # overflows for what no store can hold
    except (ValueError, OverflowError, binascii.Error):
        raise ValueError("not a cursor of ours") from None
