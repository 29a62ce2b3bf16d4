"""Every contender of `make bench` in small: each still starts, loses and doubles nothing (a trial that did is void)."""

from __future__ import annotations

import pytest

from deploy.local.stack import LocalStack
from verification.benchmarks.trial import Trials
from verification.benchmarks.workload import records

pytestmark = pytest.mark.e2e
EVENTS, WARM_UP = 120, 20


class TestContenders:
    @pytest.mark.parametrize("contender", ["service", "single", "bare"])
    async def test_every_event_comes_out_once(self, stack: LocalStack, contender: str) -> None:
        trials = Trials(stack, stack.broker.kind)
        assert min(await trials.latencies(contender, records(EVENTS), 40.0, 1.0, 0.5)) > 0

    @pytest.mark.parametrize("held", [False, True])
    async def test_the_transactions_alone_keep_every_document(self, stack: LocalStack, held: bool) -> None:
        assert await Trials(stack, stack.broker.kind).transactions(EVENTS, WARM_UP, held=held) > 0
