"""Everything that is wrong with one event, gathered, so that a sender can mend it in one go."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from shared.events.refusal import Refusal, Refused
from shared.reference import Pack

MOST_SUGGESTED = 3  # unknown titles and codes per event that get suggestions: looking for likeness costs
MOST_SUGGESTED_AT_ONCE = 20  # and per request


@lru_cache(1_024)  # a batch may say the same of each of its events
def _plain(rule: str, field: str) -> Refusal:
    return Refusal(rule, field)


class Budget:
    """What the events of one request share of what costs more than its size."""

    def __init__(self) -> None:
        self.suggestions = MOST_SUGGESTED_AT_ONCE


class Findings:
    """Collects refusals while rules go on looking. Values given to `add` must be public (limits, lists of the pack)."""

    def __init__(self, pack: Pack, budget: Budget | None = None) -> None:
        self.pack = pack
        self.refusals: list[Refusal] = []
        self.warnings: list[Refusal] = []
        self._budget = Budget() if budget is None else budget
        self._suggested = 0

    def add(self, rule: str, field: str, **values: str | int | float) -> None:
        """Note one reason."""
        self.refusals.append(Refusal(rule, field, values) if values else _plain(rule, field))

    def warn(self, rule: str, field: str, **values: str | int | float) -> None:
        """Note what is set aside, and refuses nothing."""
        self.warnings.append(Refusal(rule, field, values) if values else _plain(rule, field))

    def code(self, kind: str, code: str | None, field: str) -> None:
        """The code, if there is one, must be in the pack's list for that kind of field; else its nearest are told."""
        if code is None or self.pack.accepts(kind, code):
            return
        near = self.pack.nearest_codes(kind, code) if self._may_suggest() else ()
        schemes = ", ".join(sorted(self.pack.schemes_for(kind)))
        self.add("unknown-code", field, schemes=schemes, **({"codes": " ".join(near)} if near else {}))

    def codes(self, kind: str, codes: Iterable[str], field: str) -> None:
        """The same for a list of codes."""
        for index, code in enumerate(codes):
            if not self.pack.accepts(kind, code):
                self.code(kind, code, f"{field}/{index}")

    def title(self, kind: str, title: str, field: str) -> str | None:
        """The code that a title (or a code) stands for; None, and a finding with the pack's nearest titles, if none."""
        found = title if self.pack.accepts(kind, title) else self.pack.find(kind, title)
        if found is None:
            near = self.pack.suggestions(kind, title) if self._may_suggest() else ()
            self.add("unknown-title", field, **({"nearest": ", ".join(near)} if near else {}))
        return found

    def titles(self, kind: str, titles: Iterable[str], field: str) -> tuple[str, ...]:
        """The codes of several titles, each once, in the order given."""
        found = [self.title(kind, title, f"{field}/{index}") for index, title in enumerate(titles)]
        return tuple(dict.fromkeys(code for code in found if code is not None))

    def currency(self, currency: str, field: str) -> None:
        """Amounts are given in the pack's currency."""
        if currency != self.pack.currency:
            self.add("unknown-currency", field, currency=self.pack.currency)

    def _may_suggest(self) -> bool:
        if self._suggested >= MOST_SUGGESTED or self._budget.suggestions <= 0:
            return False
        self._suggested += 1
        self._budget.suggestions -= 1
        return True

    def end(self) -> None:
        """Raise Refused if anything was found."""
        if self.refusals:
            raise Refused(*self.refusals)
