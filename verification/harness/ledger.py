"""What the agencies know after sending: what was accepted, refused and answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from samples.world import Item
from verification.harness.senders import Outcome
from verification.oracle.state import Own


@dataclass
class Ledger:
    """`accepted` in the order of acceptance; `unexpected`: right events refused, wrong ones taken or refused otherwise.

    `aliases`: the owner's alias of a person; `opportunities`: the hub's id of an opening, `titles` what it is called.
    """

    accepted: list[Item] = field(default_factory=list)
    refused: list[Outcome] = field(default_factory=list)
    unexpected: list[Outcome] = field(default_factory=list)
    aliases: dict[Own, str] = field(default_factory=dict)
    opportunities: dict[Own, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)

    def record(self, outcome: Outcome) -> None:
        """Write one answer down."""
        item = outcome.item
        if not outcome.as_expected:
            self.unexpected.append(outcome)
        if not outcome.accepted:
            self.refused.append(outcome)
            return
        self.accepted.append(item)
        if "reference" not in item.event["data"]:  # an operator's word on somebody's advert
            return
        own = (item.agency, item.event["data"]["reference"])
        if alias := outcome.receipt.get("alias"):
            self.aliases[own] = alias
        if opportunity := outcome.receipt.get("opportunity"):
            self.opportunities[own] = opportunity
            if title := item.event["data"].get("title"):
                self.titles[opportunity] = title
