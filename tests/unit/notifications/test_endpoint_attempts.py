"""An attempt: its slot is freed by what was taken before it is written down, kept by everything else; a good answer
after an outage brings forward what waits."""

from __future__ import annotations

from typing import Any

import pytest

from services.notifications.delivery.notice_content import Messages
from services.notifications.domain.attempt_phase import phase_of
from services.notifications.domain.attempt_verdict import FAILED_HERE, Verdict
from services.notifications.domain.retry_schedule import OUTAGE
from tests.unit.notifications.fake_dependencies import AGAIN, DELIVERED, MOST_UNRECORDED, SLOTS, FakeDependencies

pytestmark = pytest.mark.unit


async def test_what_was_taken_does_not_wait_to_be_written_down_but_not_without_bound() -> None:
    deps = FakeDependencies(DELIVERED)
    assert await deps.run_until_stuck() == MOST_UNRECORDED
    assert len(set(deps.sent)) == len(deps.sent)


@pytest.mark.parametrize(
    "verdict",
    [AGAIN, Verdict("failed", "gone", disable=True), Verdict("delivered", disable=True, endpoint_healthy=True)],
)
async def test_any_other_verdict_is_written_down_before_the_slot_is_used_again(verdict: Verdict) -> None:
    assert await FakeDependencies(verdict).run_until_stuck() == SLOTS


@pytest.mark.parametrize(("failures", "chunks"), [(0, 2), (OUTAGE - 1, 2), (OUTAGE, 0)])
async def test_what_waits_is_brought_forward_until_none_is_left_and_only_after_an_outage(
    failures: int, chunks: int
) -> None:
    deps = FakeDependencies(DELIVERED)
    deps.failures = failures
    deps.written.set()
    await deps.run_until_stuck()
    assert len(deps.chunks) == chunks
    assert (deps.outages_ended > 0) == (failures > 0)


async def test_a_bad_answer_brings_nothing_forward() -> None:
    deps = FakeDependencies(AGAIN)
    deps.failures = OUTAGE
    await deps.run_until_stuck()
    assert (len(deps.chunks), deps.outages_ended) == (2, 0)


class Faulty(FakeDependencies):
    """A channel with a bug; what came of its attempts."""

    def __init__(self) -> None:
        super().__init__(DELIVERED)
        self.verdicts: list[Verdict] = []
        self.written.set()

    async def send(self, endpoint: Any, notice: str, *_: Any) -> Verdict:
        self.sent.append(notice)
        raise ValueError("a bug")

    def after_attempt(self, _: Any, verdict: Verdict, *__: Any) -> None:
        self.verdicts.append(verdict)


async def test_a_fault_of_ours_is_written_down_like_any_other_failure() -> None:
    """What has no outcome stays claimed as long as this process runs, and its queue behind it."""
    deps = Faulty()
    assert await deps.run_until_stuck() == 100
    assert deps.verdicts == [Verdict("again", FAILED_HERE, endpoint_healthy=True)] * 100
    assert phase_of(FAILED_HERE) is None  # it may have left, or not: nobody says that no connection stood


async def test_of_what_could_not_even_be_written_nothing_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    deps = Faulty()

    def no_body(*_: Any) -> bytes:
        raise ValueError("a bug")

    monkeypatch.setattr(Messages, "body", no_body)
    await deps.run_until_stuck()
    assert deps.sent == []
    assert set(deps.verdicts) == {Verdict("again", FAILED_HERE, endpoint_healthy=True, possibly_sent=False)}
