"""In small what `faults.py` does: subscriptions go away and come back while two replicas and their database are killed,
and every system has heard in the end what it must hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.errors import StartError
from deploy.local.stack import LocalStack
from tests.chaos.notifications.faults import run
from tests.support.missed import cannot_run_here

pytestmark = pytest.mark.chaos


@pytest.fixture
def apache_stack(tmp_path: Path) -> Iterator[LocalStack]:
    """Whatever broker the run has: the embedded one may wait for ever for one of two replicas that is killed."""
    try:
        stack = LocalStack(tmp_path / "stack", kind="apache").start()
    except StartError as reason:
        cannot_run_here("two replicas that are killed while subscriptions come and go", because=str(reason))
    yield stack
    stack.kill()


async def test_whoever_was_away_has_heard_all_that_it_is_owed_whoever_was_killed(
    apache_stack: LocalStack, tmp_path: Path
) -> None:
    line, wrong = await run(apache_stack, tmp_path, 4, ("both", "database", "failpoint"))
    assert wrong == []
    assert line["kills"] == 4
    assert line["resumed disabled"] + line["subscribed"] > 5, "somebody was away"
    assert line["arrived"] > 50, "there was something to lose"
