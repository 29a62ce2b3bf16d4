"""Use cases of looking back: what became of an event, what was refused, by which alias a person goes.

Unknown and forbidden look the same. A read about a person, and an
administrator's read of what others sent, is written down before it is answered.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from services.intake.dependencies import Dependencies
from services.intake.documents import INBOX, OPPORTUNITIES, REJECTIONS, InboxDocument, RejectionDocument, StepsSummary
from services.intake.domain.person_state import alias_of
from services.intake.event_operation import rejections_tally
from services.intake.identity import Family
from services.intake.repository import Repository
from services.intake.schemas import (
    Emitted,
    Journey,
    Matched,
    Partner,
    Rejection,
    Rejections,
    Times,
)
from shared.access.api_keys import Caller
from shared.events.refusal import Refusal
from shared.kit.base.ids import is_id
from shared.kit.store.mongo import Document
from shared.kit.web.problem_details import findings

# Of a page of refusals: a page costs some 5 ms and 100 kB at most.
FINDINGS_LISTED = 10  # of one event
MOST_LISTED = 200  # of a page, reached by the last one


@dataclass(frozen=True, slots=True)
class RejectionFilter:
    """Which refusals are looked for: of an event, of a reference, of a day (the pack's). `agency`: whose."""

    agency: str | None
    id: str | None = None
    reference: str | None = None
    day: date | None = None


class Journeys:
    """Reads for agencies about what they sent; administrators see every agency's events, and no more of them."""

    def __init__(self, repository: Repository, dependencies: Dependencies) -> None:
        self._repository = repository
        self._dependencies = dependencies

    async def of_event(self, event_id: str, source: str, caller: Caller) -> Journey | None:
        """The journey of the event with that id and source; None when there is none for this caller."""
        agency = source.removeprefix("/agencies/")
        if not await self._may_see(agency, caller, "journey-of-others"):
            return None
        row = await self._repository.receipt(index=self._dependencies.references.event(source, event_id))
        if row is not None:
            return await self._journey(row, caller)
        refused = await self._repository.rejection(self._dependencies.ids.derived("rejection", agency, event_id))
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
        index = self._dependencies.references.index("person", agency, reference)
        person = await self._repository.person_by_reference(index)
        found = None if person is None else alias_of(person.state, agency)
        await self._audit(caller, "lookup", None if person is None else person.id, found is not None)
        return found

    async def rejections(
        self, caller: Caller, limit: int, before: str | None, only: RejectionFilter | None = None
    ) -> Rejections:
        """The newest refusals of the caller's events (of all agencies for an administrator), with the first findings of
        each. At most `limit`, and no more once MOST_LISTED findings are told: a page costs about the same whatever was
        refused. Raises ValueError for a `before` that is not one of ours."""
        point = None if before is None else point_of(before)
        agency = caller.agency.agency if not caller.administers else None if only is None else only.agency
        if agency != caller.agency.agency:
            await self._audit(caller, "rejections-of-others", None, True)
        found, told, last = list[Rejection](), 0, None
        wanted = {} if only is None else self._wanted(only, agency)
        async with aclosing(self._repository.rejections(agency, limit, point, FINDINGS_LISTED, wanted)) as rows:
            async for row in rows:
                found.append(self._rejection(row))
                told += len(found[-1].errors)
                if len(found) == limit or told >= MOST_LISTED:
                    last = row
                    break
        agencies = {agency} if agency is not None else {one.agency for one in found}
        full = await self._repository.full(self._tallies(agencies), self._dependencies.most_rejections)
        told_of = sorted(id.partition("/")[0] for id in full) or None
        following = None if last is None else cursor_of(last["at"], last["_id"])
        return Rejections(rejections=found, next=following, full_today=told_of)

    def _wanted(self, only: RejectionFilter, agency: str | None) -> Document:
        """As a query. An id and a reference are found by their keyed hashes, which need to know whose they are."""
        wanted: Document = {}
        if only.id is not None and agency is not None:
            wanted["_id"] = self._dependencies.ids.derived("rejection", agency, only.id)
        if only.reference is not None and agency is not None:
            index = self._dependencies.references.index
            wanted["reference"] = {"$in": [index(family, agency, only.reference) for family in get_args(Family)]}
        if only.day is not None:
            begin = datetime.combine(only.day, time(), ZoneInfo(self._dependencies.pack.timezone))
            wanted["at"] = {"$gte": begin.astimezone(UTC), "$lt": (begin + timedelta(days=1)).astimezone(UTC)}
        return wanted

    async def _may_see(self, agency: str, caller: Caller, action: str) -> bool:
        """Its own, or anybody's for an administrator, whose look at others is written down first."""
        if agency == caller.agency.agency:
            return True
        if caller.administers:
            await self._audit(caller, action, None, True)
        return caller.administers

    async def _journey(self, row: InboxDocument, caller: Caller) -> Journey:
        if row["about"] == "people":
            await self._audit(caller, "journey", row["person"], True)
        vetting = None
        if row["about"] == OPPORTUNITIES and "opportunity" in row["answer"]:
            vetting = await self._repository.vetting(row["answer"]["opportunity"])
        matches, partners = journey_of(await self._repository.steps(row["correlationid"]))
        return Journey(
            id=self._opened(row["event"], INBOX.name, row["_id"]) or "",
            source=f"/agencies/{row['agency']}",
            type=row["type"],
            status="superseded" if row["status"] == "superseded" else "accepted",
            at=row["at"],
            receipt=row["receipt"],
            vetting=vetting,
            emitted=[Emitted(**emitted) for emitted in row["emitted"]],
            matches=matches,
            partners=partners,
        )

    def _refused(self, row: RejectionDocument) -> Journey:
        told = self._rejection(row)
        return Journey(
            id=told.id or "",
            source=f"/agencies/{told.agency}",
            type=told.type,
            status="refused",
            at=told.at,
            errors=told.errors,
        )

    def _rejection(self, row: RejectionDocument) -> Rejection:
        refusals = [Refusal(item["rule"], item["field"], item["values"]) for item in row["refusals"]]
        return Rejection(
            agency=row["agency"],
            id=self._opened(row["event"], REJECTIONS.name, row["_id"]),
            type=row["type"],
            at=row["at"],
            errors=findings(refusals, self._dependencies.pack.remedy),
            more=row.get("findings", 0) - len(refusals) or None,
        )

    def _opened(self, sealed: bytes, collection: str, id: str) -> str | None:
        return self._dependencies.sealer.open(sealed, collection, id).decode() or None

    def _tallies(self, agencies: Iterable[str]) -> list[str]:
        now = self._dependencies.clock.trusted()
        return [rejections_tally(agency, now) for agency in agencies]

    async def _audit(self, caller: Caller, action: str, person: str | None, found: bool) -> None:
        outcome = "answered" if found else "nothing"
        now = self._dependencies.clock.trusted()
        await self._repository.audit(now, caller, action, person=person, outcome=outcome)


def cursor_of(at: datetime, id: str) -> str:
    """Where to read on in a list that is sorted by time and id."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {id}".encode()).decode()


def point_of(cursor: str) -> tuple[datetime, str]:
    """Time and id back from `cursor_of`. Raises ValueError for what is not one of ours."""
    try:
        at, id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not is_id(id):
            raise ValueError("a time without its zone, or no id")
        return moment.astimezone(UTC), id  # overflows for what no store can hold
    except (ValueError, OverflowError, binascii.Error):
        raise ValueError("not a cursor of ours") from None


def journey_of(steps: Sequence[StepsSummary]) -> tuple[Matched, list[Partner]]:
    """Matches and partners from the grouped steps of `Repository.steps`."""
    matched = {"found": 0, "changed": 0, "withdrawn": 0}
    partners: dict[tuple[str, str], dict[str, Times]] = {}
    for step in steps:
        what = step["_id"]
        if what["type"].startswith("match-"):
            matched[what["type"].removeprefix("match-")] += step["count"]
            continue
        times = Times(count=step["count"], first=step["first"], last=step["last"])
        outcomes = partners.setdefault((what["recipient"], what["channel"]), {})
        name = _OUTCOMES.get((what["type"], what["about"]), "failed")
        outcomes[name] = _together(outcomes[name], times) if name in outcomes else times
    told = [
        Partner(recipient=recipient, channel=channel, **outcomes)
        for (recipient, channel), outcomes in sorted(partners.items())
    ]
    return Matched(**matched), told


_OUTCOMES = {
    ("notice-delivered", "notice"): "delivered",
    ("notice-delivered", "recall"): "recalled",
    ("notice-acknowledged", "notice"): "acknowledged",
    ("notice-acknowledged", "recall"): "recall_acknowledged",
    ("recall-acknowledged", "recall"): "recall_acknowledged",
}


def _together(one: Times, other: Times) -> Times:
    return Times(count=one.count + other.count, first=min(one.first, other.first), last=max(one.last, other.last))
