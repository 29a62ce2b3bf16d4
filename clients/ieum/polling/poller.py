"""One cycle: read the list to its end, send what is new or changed, say that what is gone is closed.

Pages move while they are read, totals are wrong, and an error comes with a good status. So the end is where a page is
empty or brings nothing new; and an advert that was not in the list is closed only when its own page does not show it
either, while it shows one that is surely there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from clients.ieum.api_client import MOST_EVENTS, Away, Hub, NotAllowed
from clients.ieum.polling.portal import MOST_PAGES, NO_SUCH, Page, Portal
from clients.ieum.polling.progress import Cycle, Known, Progress, State
from clients.ieum.sending import answered
from shared.events.refusal import Refusal
from shared.files import Converted, Converter, Line, lines_about
from shared.files.rows import Broken
from shared.files.xml_adverts import Advert
from shared.reference import Pack

MOST_LOOKED_FOR = 1_000  # adverts that are gone, in one cycle; the next goes on
MOST_FAILING = 3  # own pages that answer nothing, before it is the portal that is away
_NOT_OURS = frozenset({"not-allowed", "wrong-source"})  # of the key, not of the advert
MakeConverter = Callable[[datetime], Converter]


@dataclass(slots=True)
class Outcome:
    """What a cycle did. `unchanged`: said before; `unconfirmed`: gone from the list, and not surely closed; `whole`: it
    went through all of the list."""

    whole: bool
    pages: int = 0
    adverts: int = 0
    unchanged: int = 0
    not_sent: int = 0
    closed: int = 0
    unconfirmed: int = 0
    reached_the_end: bool = True
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether everything that was read is said."""
        return self.reached_the_end and not (self.not_sent or self.statuses["refused"] or self.statuses["failed"])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        names = ("whole", "pages", "adverts", "unchanged", "not_sent", "closed", "unconfirmed", "reached_the_end")
        return {**{name: getattr(self, name) for name in names}, **dict(self.statuses)}


@dataclass(frozen=True, slots=True)
class _News:
    """An advert that has to be said, with the hash of what the list says."""

    row: Converted
    reference: str
    said: str
    sequence: int
    open: bool  # an older version of it is


class Poller:
    """`details`: the own page of every new or changed advert is read, too; `closes`: whether what is gone is closed;
    `again`: what was refused is sent again although it has not changed."""

    def __init__(
        self,
        portal: Portal,
        hub: Hub,
        progress: Progress,
        make: MakeConverter,
        pack: Pack,
        language: str,
        tell: Callable[[Line], None],
        *,
        details: bool = False,
        closes: bool = True,
        again: bool = False,
    ) -> None:
        self._portal, self._hub, self._progress = portal, hub, progress
        self._make, self._pack, self._language, self._tell = make, pack, language, tell
        self._details, self._closes, self._again = details, closes, again
        self._zone = ZoneInfo(pack.timezone)

    def cycle(self, now: datetime, whole_every: timedelta, done: Callable[[int], None]) -> Outcome:
        """Go on with the cycle that was left off, or begin the next; `done` is called with the adverts so far. Raises
        what portal and hub raise: then the next call goes on from the last page that was dealt with."""
        cycle = self._progress.begin(now, whole_every)
        outcome = Outcome(cycle.whole)
        converter = self._make(cycle.began)
        if not cycle.listed:
            self._list(cycle, converter, outcome, done)
            self._progress.all_listed(cycle)
        if cycle.whole and outcome.reached_the_end and self._closes:
            self._close(cycle, converter, outcome)
        self._progress.end(cycle, datetime.now(UTC))
        return outcome

    def _list(self, cycle: Cycle, converter: Converter, outcome: Outcome, done: Callable[[int], None]) -> None:
        nothing_new = 0
        for number in range(cycle.page + 1, MOST_PAGES + 1):
            page = self._portal.page(number, cycle.since)
            outcome.pages += 1
            if not page.adverts:
                return
            new = self._page(cycle, number, page, converter, outcome)
            done(outcome.adverts)
            nothing_new = 0 if new else nothing_new + 1
            if nothing_new > 1:  # the last page again and again
                return
            if (
                len(page.adverts) < self._portal.per_page
                and page.total is not None
                and self._progress.count(cycle) >= page.total
            ):
                return
        outcome.reached_the_end = False

    def _page(self, cycle: Cycle, number: int, page: Page, converter: Converter, outcome: Outcome) -> int:
        """Deal with a page; how many of it this cycle had not seen."""
        rows = self._rows(number, page, converter, outcome)
        seen_before = self._progress.seen(cycle, [reference for _, _, reference in rows])
        known = self._progress.known(reference for _, _, reference in rows)
        news: dict[str, _News] = {}
        there: set[str] = set()
        for advert, row, reference in rows:
            one = self._news_of(row, reference, known.get(reference), converter, cycle)
            if one is None:
                there.add(reference)
            elif reference not in news:
                news[reference] = self._with_details(one, advert, converter)
        outcome.adverts += len(rows)
        outcome.unchanged += len(there)
        told = list(self._send(list(news.values()), outcome))
        self._progress.note(cycle, number, told, there | (known.keys() & news.keys() - {one.reference for one in told}))
        return len({reference for _, _, reference in rows} - seen_before)

    def _rows(
        self, number: int, page: Page, converter: Converter, outcome: Outcome
    ) -> list[tuple[Advert, Converted, str]]:
        rows = []
        for found in page.adverts:
            at = (number - 1) * self._portal.per_page
            if isinstance(found, Broken):
                self._not_sent(Converted(at + found.number, None, (found.refusal,)), "", outcome)
                continue
            row = converter.of_advert(at + found[0], found[1])
            reference = (row.event or {}).get("data", {}).get("reference", "")
            if row.event is None or not reference:
                missing = row if row.refusals else replace(row, refusals=(Refusal("missing-field", "/data/reference"),))
                self._not_sent(missing, reference, outcome)
            else:
                rows.append((found[1], row, reference))
        return rows

    def _not_sent(self, row: Converted, reference: str, outcome: Outcome) -> None:
        outcome.not_sent += 1
        self._say(row, reference, lines_about(row, self._pack, self._language))

    def _with_details(self, news: _News, listed: Advert, converter: Converter) -> _News:
        if not self._details or (more := self._portal.own_page(news.reference).advert) is None:
            return news
        row = converter.of_advert(news.row.row, {**listed, **more, "wantedAuthNo": news.reference})
        return news if row.event is None else replace(news, row=_numbered(row, news.sequence, converter))

    def _send(self, news: list[_News], outcome: Outcome) -> Iterator[Known]:
        """Send them; those that were answered for good."""
        for begin in range(0, len(news), MOST_EVENTS):
            some = news[begin : begin + MOST_EVENTS]
            for one, answer in zip(some, self._answers([each.row.event or {} for each in some]), strict=True):
                status = answer.get("status", "failed")
                outcome.statuses[status] += 1
                lines = [
                    *lines_about(one.row, self._pack, self._language),
                    *answered(one.row, answer, self._language),
                ]
                self._say(one.row, one.reference, lines)
                if status != "failed":
                    refused = status == "refused"
                    state: State = "refused" if refused else "told"
                    yield Known(one.reference, one.said, one.sequence, state, one.open or not refused)

    def _answers(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of the door. Raises NotAllowed where it is the key that is refused, and no advert."""
        answers = self._hub.send(events)
        for answer in answers:
            problem = answer.get("problem") or {}
            if any(one.get("rule") in _NOT_OURS for one in problem.get("errors") or ()):
                raise NotAllowed(403, problem)
        return answers

    def _close(self, cycle: Cycle, converter: Converter, outcome: Outcome) -> None:
        """Say of what is gone that it is closed; what its own page still shows is there."""
        gone = self._progress.gone(cycle, MOST_LOOKED_FOR)
        closed, there = self._looked_for(cycle, gone) if gone else ([], [])
        self._progress.note(cycle, cycle.page, (), [one.reference for one in there])
        outcome.unconfirmed = len(gone) - len(closed) - len(there)
        self._progress.closed(one.reference for one in closed if not one.open)  # nobody was told of it
        for some in _parts([one for one in closed if one.open], MOST_EVENTS):
            answers = self._answers([_closing(converter, one) for one in some])
            done = [one for one, answer in zip(some, answers, strict=True) if _holds(answer)]
            self._progress.closed(one.reference for one in done)
            outcome.closed += len(done)
            outcome.statuses["failed"] += len(some) - len(done)

    def _looked_for(self, cycle: Cycle, gone: list[Known]) -> tuple[list[Known], list[Known]]:
        """Those of them that are surely gone, and those that are there. Gone: twice its own page says in the same words
        as of a number that never was that it shows nothing, and before and after that the portal shows one that is
        there. Whatever else comes in place of the page, an error among it, says nothing about the advert."""
        sure = self._progress.one_of(cycle)
        silence = self._portal.own_page(NO_SUCH).silence
        there: list[Known] = []
        left, failing = gone, 0
        for _ in range(2):
            if sure is None or silence is None or self._portal.own_page(sure).advert is None:
                return [], there
            silent = []
            for one in left:
                try:
                    page = self._portal.own_page(one.reference)
                except Away:
                    failing += 1
                    if failing > MOST_FAILING:
                        raise
                    continue
                if page.advert is not None:
                    there.append(one)
                elif page.silence == silence:
                    silent.append(one)
            left = silent
        shown = not left or self._portal.own_page(sure or "").advert is not None
        return left if shown else [], there

    def _news_of(
        self, row: Converted, reference: str, known: Known | None, converter: Converter, cycle: Cycle
    ) -> _News | None:
        """What has to be said of an advert; None when it was said already. What was closed and is there again is said
        under a higher number, for only that undoes a closing."""
        event = row.event or {}
        said = sha256(json.dumps([event.get("data"), event.get("sequence")], sort_keys=True).encode()).hexdigest()
        settled = ("told",) if self._again else ("told", "refused")
        if known is not None and known.said == said and known.state in settled:
            return None
        sequence = int(event.get("sequence") or f"{cycle.began.astimezone(self._zone):%Y%m%d%H%M}")
        if known is not None:
            sequence = max(sequence, known.sequence + (known.state == "closed"))
        is_open = known is not None and known.open
        return _News(_numbered(row, sequence, converter), reference, said, sequence, is_open)

    def _say(self, row: Converted, reference: str, lines: Iterable[Line]) -> None:
        """With the portal's number of the advert, where the column of a table would stand."""
        shown = reference[:40] if reference.isascii() and reference.isalnum() else ""
        for line in lines:
            self._tell(replace(line, row=row.row, column=shown))


def _numbered(row: Converted, sequence: int, converter: Converter) -> Converted:
    """The same under this number, and so under another id."""
    event = row.event or {}
    if str(sequence) == event.get("sequence"):
        return row
    envelope = {"time": event["time"], "sequence": str(sequence)}
    return replace(row, event=converter.event(event["type"], event["data"], envelope))


def _closing(converter: Converter, known: Known) -> dict[str, Any]:
    data = {"reference": known.reference, "reason": "other"}
    return converter.event("job-closed", data, {"sequence": str(known.sequence)})


def _holds(answer: dict[str, Any]) -> bool:
    """Whether it is closed there: taken, or kept for whatever comes under this reference."""
    errors = (answer.get("problem") or {}).get("errors") or ()
    return answer.get("status") in ("accepted", "duplicate", "superseded") or any(
        one.get("rule") == "unknown-reference-kept" for one in errors
    )


def _parts(all_of_them: list[Known], most: int) -> Iterator[list[Known]]:
    for begin in range(0, len(all_of_them), most):
        yield all_of_them[begin : begin + most]
