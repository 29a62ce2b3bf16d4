"""`python -m verification.benchmarks.bench`: four ratios, five interleaved rounds, one JSON object as the last line.

KAFKA=embedded|apache chooses the broker, ROUNDS= and EVENTS= the size. What it saw is kept in `seen` beside this file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local.stack import LocalStack
from verification.benchmarks.arithmetic import Ratio, ratio
from verification.benchmarks.command import command
from verification.benchmarks.trial import Trials
from verification.benchmarks.workload import Record, records

SEEN = Path(__file__).parent / "seen"
WARM_UP = 2_000
SINGLE_EVENTS, SINGLE_WARM_UP = 250, 50
LATENCY_SECONDS, LATENCY_WARM_UP_SECONDS = 4.0, 1.0
FLOORS = {"service_vs_bare": 0.75, "service_vs_group_transaction": 0.45, "batch_vs_single": 20.0}
CEILINGS = {"p99_vs_bare": 2.0}

RoundResult = dict[str, float]


async def one_round(trials: Trials, number: int, events: Sequence[Record]) -> RoundResult:
    """Everything once. Who begins changes from round to round."""
    seen: RoundResult = {}
    order = ["service", "bare"] if number % 2 == 0 else ["bare", "service"]
    for contender in order:
        seen[contender] = await trials.throughput(contender, events, WARM_UP)
    seen["group"] = await trials.transactions(len(events), WARM_UP)
    for contender in order:
        seen[f"{contender}_held"] = await trials.throughput(contender, events, WARM_UP, held=True)
    seen["group_held"] = await trials.transactions(len(events), WARM_UP, held=True)
    seen["single"] = await trials.throughput("single", events[:SINGLE_EVENTS], SINGLE_WARM_UP)
    for contender in reversed(order):
        per_second = seen["service"] / 2
        seconds = min(LATENCY_SECONDS, len(events) / per_second - LATENCY_WARM_UP_SECONDS)
        p50, p99 = await trials.latencies(contender, events, per_second, seconds, LATENCY_WARM_UP_SECONDS)
        seen[f"{contender}_p50_ms"], seen[f"{contender}_p99_ms"] = p50, p99
    return seen


def summary(rounds: Sequence[RoundResult], kafka: str) -> dict[str, Any]:
    """The last line: of each ratio the median over the rounds and its spread. Those with floors come first, the others
    say what limits them: ``held`` where documents are replaced and not new, ``bare`` what a loop without promises takes
    of the same transactions."""
    pairs = {
        "service_vs_bare": ("service", "bare"),
        "service_vs_group_transaction": ("service", "group"),
        "batch_vs_single": ("service", "single"),
        "p99_vs_bare": ("service_p99_ms", "bare_p99_ms"),
        "bare_vs_group_transaction": ("bare", "group"),
        "service_vs_bare_held": ("service_held", "bare_held"),
        "service_vs_group_transaction_held": ("service_held", "group_held"),
        "bare_vs_group_transaction_held": ("bare_held", "group_held"),
    }
    ratios = {name: ratio((seen[ours], seen[other]) for seen in rounds) for name, (ours, other) in pairs.items()}
    return {
        **{name: round(each.median, 2) for name, each in ratios.items()},
        "events_per_s": round(sorted(seen["service"] for seen in rounds)[len(rounds) // 2]),
        "spread": {name: [round(each.lowest, 2), round(each.highest, 2)] for name, each in ratios.items()},
        "rounds": len(rounds),
        "kafka": kafka,
    } | {"floors_held": floors_held(ratios)}


def floors_held(ratios: Mapping[str, Ratio]) -> bool:
    """Whether every median is on the right side of its floor."""
    return all(ratios[name].median >= floor for name, floor in FLOORS.items()) and all(
        ratios[name].median <= ceiling for name, ceiling in CEILINGS.items()
    )


async def run(stack: LocalStack, rounds: int, count: int) -> dict[str, Any]:
    """All rounds; writes them down and returns the summary."""
    kafka = stack.broker.kind
    trials, events, seen = Trials(stack, kafka), records(count), []
    SEEN.mkdir(exist_ok=True)
    file = SEEN / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}-{kafka}.json"
    for number in range(rounds):
        seen.append(await one_round(trials, number, events))
        print(f"round {number + 1}:", ", ".join(f"{name} {value:,.1f}" for name, value in seen[-1].items()), flush=True)
        found = summary(seen, kafka)  # after each round: what a run saw that was cut off is kept, too
        file.write_text(json.dumps({"summary": found, "rounds": seen, "events": count}, indent=1) + "\n")
    return found


if __name__ == "__main__":
    sys.exit(command(run, events=10_000))
