"""What is worked out from what was seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verification.oracle.verdict import percentile

RATIO, FAST_ENOUGH_MS = 2.0, 200.0  # p99 may double, or must be this fast all the same
GROWTH_MB = 50.0
WITHDRAWN_WITHIN, ACTIVE_WITHIN = 5.0, 15.0
MATCHES_PER_PERSON = 10
CPU_RATIO = 1.5
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """One request of somebody healthy. ``at``: when it was due, on the monotonic clock; ``error``: what was wrong with
    the answer, empty when nothing was."""

    at: float
    seconds: float
    service: str
    what: str
    error: str = ""


@dataclass(frozen=True)
class Phase:
    """A stretch of one attack, from its first request until everything was calm again."""

    hostile: bool
    began: float
    ended: float
    tally: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass
class AttackResult:
    """What one attack did to others."""

    name: str
    services: Sequence[str]
    about: str
    requests: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    p99_ms: float | None = None
    harmless_p99_ms: float | None = None
    samples: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    live_misses: int = 0
    live_p99_ms: float | None = None
    live_answers: dict[str, int] = field(default_factory=dict)
    growth_mb: float = 0.0
    violations: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        """p99 under attack against p99 beside harmless load."""
        if self.p99_ms is None or not self.harmless_p99_ms:
            return None
        return self.p99_ms / self.harmless_p99_ms

    @property
    def slowed(self) -> bool:
        """Whether the healthy ones were served too slowly."""
        ratio = self.ratio
        return self.p99_ms is not None and self.p99_ms > FAST_ENOUGH_MS and (ratio is None or ratio > RATIO)

    def verdicts(self) -> list[str]:
        """Everything that is not as it must be, in words."""
        found = list(self.violations)
        if self.slowed:
            found.append(f"healthy p99 {self.p99_ms:.0f} ms, beside harmless load {self.harmless_p99_ms or 0:.0f} ms")
        if self.errors:
            found.append(f"healthy ones were answered {dict(sorted(self.errors.items()))}")
        if self.live_misses:
            found.append(f"{self.live_misses} probes of /live were not answered in time")
        if self.growth_mb >= GROWTH_MB:
            found.append(f"a service grew by {self.growth_mb:.0f} MB")
        faults = sum(count for status, count in self.statuses.items() if status in ("500", "502", "504"))
        if faults:
            found.append(f"{faults} hostile requests were answered with a fault of ours")
        return found


def p99_ms(seconds: Iterable[float]) -> float | None:
    """The 99th percentile in milliseconds; None without values."""
    found = percentile(seconds, 0.99)
    return None if found is None else 1000 * found


def within(samples: Iterable[Sample], phases: Iterable[Phase]) -> list[Sample]:
    """Those that were due in one of the phases."""
    stretches = [(phase.began, phase.ended) for phase in phases]
    return [sample for sample in samples if any(began <= sample.at < ended for began, ended in stretches)]


def growth_mb(sizes: Sequence[tuple[float, int]], phases: Sequence[Phase]) -> float:
    """How far one service's memory went over its height outside of the hostile phases, in MB. ``sizes``: moment, bytes.

    What was accepted grows in both kinds of phases alike, and is there at the end of each: so a hostile phase is
    compared with everything that lies before its beginning.
    """
    worst = 0
    for phase in phases:
        if not phase.hostile:
            continue
        before = max((size for at, size in sizes if at < phase.began), default=None)
        during = max((size for at, size in sizes if phase.began <= at < phase.ended), default=None)
        if before is not None and during is not None:
            worst = max(worst, during - before)
    return worst / MEGABYTE


def judge_phases(
    seen: AttackResult,
    phases: Sequence[Phase],
    samples: Sequence[Sample],
    sizes: Mapping[str, Sequence[tuple[float, int]]],
) -> None:
    """Fill in what follows from the phases of an attack."""
    hostile = [phase for phase in phases if phase.hostile]
    under = within(samples, hostile)
    beside = within(samples, [phase for phase in phases if not phase.hostile])
    seen.samples = len(under)
    seen.p99_ms = p99_ms(sample.seconds for sample in under)
    seen.harmless_p99_ms = p99_ms(sample.seconds for sample in beside)
    for sample in under:
        if sample.error:
            key = f"{sample.service} {sample.what}: {sample.error}"
            seen.errors[key] = seen.errors.get(key, 0) + 1
    seen.growth_mb = max((growth_mb(own, phases) for own in sizes.values()), default=0.0)
    for phase in hostile:
        for status, count in phase.tally.items():
            seen.statuses[status] = seen.statuses.get(status, 0) + count
        seen.violations += [note for note in phase.notes if note not in seen.violations]
    seen.requests = sum(seen.statuses.values())


@dataclass
class OverloadReport:
    """What the flood of adverts did. Seconds are None where nothing was measured."""

    adverts: int = 0
    people: int = 0
    withdrawals_s: list[float] = field(default_factory=list)
    revocations_s: list[float] = field(default_factory=list)
    active_s: dict[str, float] = field(default_factory=dict)
    matches_per_person: int | None = None
    events_per_person: int | None = None
    sent_twice: int | None = None
    lost: int | None = None
    flood_seconds: float | None = None
    settled_seconds: float | None = None
    violations: list[str] = field(default_factory=list)

    def verdicts(self) -> list[str]:
        """Everything that is not as it must be, in words."""
        found = list(self.violations)
        if self.withdrawals_s and max(self.withdrawals_s) > WITHDRAWN_WITHIN:
            found.append(f"a withdrawal took {max(self.withdrawals_s):.1f} s")
        if self.revocations_s and max(self.revocations_s) > WITHDRAWN_WITHIN:
            found.append(f"a revoked key was served for {max(self.revocations_s):.1f} s")
        late = {name: seconds for name, seconds in self.active_s.items() if seconds > ACTIVE_WITHIN}
        found += [f"{seconds:.1f} s until all was served again after {name}" for name, seconds in late.items()]
        if self.matches_per_person is not None and self.matches_per_person > MATCHES_PER_PERSON:
            found.append(f"{self.matches_per_person} matches stand for one person")
        if self.lost:
            found.append(f"partners differ from the oracle in {self.lost} places")
        return found


@dataclass(frozen=True)
class Backlog:
    """Deliveries that were due, and what they cost: CPU seconds by count of deliveries."""

    cpu_per_delivery: Mapping[int, float] = field(default_factory=dict)
    sent_twice: int | None = None
    violations: tuple[str, ...] = ()

    @property
    def cpu_ratio(self) -> float | None:
        """The dearest against the smallest backlog's."""
        if len(self.cpu_per_delivery) < 2:
            return None
        smallest, largest = min(self.cpu_per_delivery), max(self.cpu_per_delivery)
        return self.cpu_per_delivery[largest] / self.cpu_per_delivery[smallest]

    def verdicts(self) -> list[str]:
        """Everything that is not as it must be, in words."""
        found = list(self.violations)
        if self.cpu_ratio is not None and self.cpu_ratio > CPU_RATIO:
            found.append(f"a delivery of the largest backlog costs {self.cpu_ratio:.1f} times one of the smallest")
        if self.sent_twice:
            found.append(f"{self.sent_twice} were sent twice")
        return found


def line_of(
    seen: Sequence[AttackResult], forged: int | None, overload: OverloadReport | None, backlog: Backlog | None
) -> dict[str, Any]:
    """The one object of the last line. What was not measured is null."""
    measured = [one for one in seen if one.ratio is not None]
    slow = [one for one in measured if (one.p99_ms or 0) > FAST_ENOUGH_MS]
    worst = max(slow or measured, key=lambda one: one.ratio or 0.0, default=None)
    return {
        "attacks": len(seen),
        "healthy_p99_ratio": _rounded(worst.ratio if worst else None, 2),
        "healthy_p99_ms": _rounded(worst.p99_ms if worst else None, 0),
        "healthy_errors": sum(sum(one.errors.values()) for one in seen),
        "rss_growth_mb": _rounded(max((one.growth_mb for one in seen), default=None), 1),
        "live_misses": sum(one.live_misses for one in seen),
        "forged_effects": forged,
        "withdrawal_p99_s": _rounded(_worst_share(overload.withdrawals_s if overload else ()), 2),
        "revocation_p99_s": _rounded(_worst_share(overload.revocations_s if overload else ()), 2),
        "matches_per_person_max": overload.matches_per_person if overload else None,
        "events_per_person_max": overload.events_per_person if overload else None,
        "active_after_kill_s": _rounded(max(overload.active_s.values(), default=None) if overload else None, 1),
        "sent_twice": backlog.sent_twice if backlog else None,
        "backlog_cpu_ratio": _rounded(backlog.cpu_ratio if backlog else None, 2),
    }


def _worst_share(values: Iterable[float]) -> float | None:
    return percentile(values, 0.99)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
