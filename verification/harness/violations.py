"""What is not as it must be at the end of a day, in words; of whom stands in no line."""

from __future__ import annotations

import asyncio

from verification.harness.oracle_check import Judgement
from verification.harness.scenario import Scenario


async def violations(scenario: Scenario, quiet: bool, judgement: Judgement | None) -> list[str]:
    """Everything that is wrong, told on the screen as well. ``judgement``: None where the oracle cannot know all."""
    found = [] if quiet else ["it did not become quiet in time"]
    found += judgement.violations() if judgement else []
    if set_apart := await asyncio.to_thread(scenario.databases.quarantined):
        found.append(f"{set_apart} records were set apart")
    for outcome in scenario.ledger.unexpected:
        kind, mistake = outcome.item.event["type"], outcome.item.mistake
        wanted = mistake.rule if mistake else "accepted"
        answered = "accepted" if outcome.accepted else f"{outcome.problem['status']} {outcome.problem.get('rule')}"
        found.append(f"{kind} should have been {wanted}, was {answered}")
    if crashed := scenario.system.crashed():
        found.append(f"ended by itself and was started again: {', '.join(crashed)}")
    for violation in found:
        scenario.screen.say("문제", violation, "bold red")
    return found
