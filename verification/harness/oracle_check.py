"""The oracle applied to a scenario: what should be true at its end, and what is."""

from __future__ import annotations

from dataclasses import dataclass

from verification.harness.scenario import Scenario
from verification.oracle.expected import Expected, expected_of, receivers
from verification.oracle.state import Own, State
from verification.oracle.verdict import Verdict, verdict_of


@dataclass(frozen=True)
class Judgement:
    """What the oracle says to what there is."""

    state: State
    expected: Expected
    verdict: Verdict
    unlike: int  # matches that stand and should not, or the other way round

    def violations(self) -> list[str]:
        """Everything that is not as it must be, counted, in words; of whom stands in no line."""
        counted = {
            "notices are missing at the partners": len(self.verdict.missing),
            "are held that should not be": len(self.verdict.surplus),
            "changes were told under two ids": self.verdict.doubled,
            "matches differ from the oracle's": self.unlike,
        }
        return [f"{count} {what}" for what, count in counted.items() if count]


def judge(scenario: Scenario) -> Judgement:
    """Work out what should be, from what was accepted, and compare it with what the partners hold."""
    ledger, databases, world = scenario.ledger, scenario.databases, scenario.world
    state = State(world.pack)
    for item in ledger.accepted:
        state.apply(item.agency, item.event)
    known = databases.aliases()
    person_ids = {own: known[own[0], alias] for own, alias in ledger.aliases.items()}
    owns: dict[str, Own] = {person: own for own, person in person_ids.items()}
    holdings = scenario.holdings()
    partners = receivers(world.agencies()) & holdings.keys()
    expected = expected_of(state, partners, person_ids, ledger.opportunities, world.today, databases.prices())
    person_of = {key: owns[person] for key, person in known.items() if person in owns}
    opening_of = {opportunity: own for own, opportunity in ledger.opportunities.items()}
    verdict = verdict_of(expected.told, holdings, person_of, opening_of)
    standing = {(owns.get(p, ("?", p)), opening_of.get(o, ("?", o))) for p, o in databases.current_matches()}
    return Judgement(state, expected, verdict, len(standing ^ expected.matches))
