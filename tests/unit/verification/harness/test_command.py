"""A program that is told to stop by SIGTERM stops everything in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from deploy.local.errors import StartError
from verification.harness.command import running, stop_on_sigterm
from verification.harness.senders import HubUnavailable

pytestmark = pytest.mark.unit


@pytest.fixture(params=[signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler])
def ctrl_c_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """What SIGINT did before: a shell's background ignores it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, request.param)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("ctrl_c_before")
def test_what_runs_is_cancelled_and_cleans_up_before_the_interrupt_comes_out() -> None:
    done: list[str] = []

    async def program() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            done.append("stopped in order")

    stop_on_sigterm()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(program())
    assert done == ["stopped in order"]


@pytest.mark.usefixtures("ctrl_c_before")
@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (StartError("no broker", "start it"), 2, str(StartError("no broker", "start it"))),
        (HubUnavailable("no answer"), 2, "no answer"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_what_did_not_run_ends_in_words(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, running():
        raise error
    assert (ended.value.code, capsys.readouterr().err) == (code, f"{words}\n")


@pytest.mark.usefixtures("ctrl_c_before")
def test_what_is_lacking_is_said_and_nothing_begins(capsys: pytest.CaptureFixture[str]) -> None:
    begun: list[str] = []
    with pytest.raises(SystemExit) as ended, running(["no Java", "no room"]):
        begun.append("begun")
    assert (ended.value.code, capsys.readouterr().err, begun) == (2, "no Java\nno room\n", [])
