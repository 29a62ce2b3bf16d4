"""What every test may ask for: a real broker and database, a fresh database, topics of its own.

Imports only deploy/local and the client libraries, so that one service can be tested without the code of the others.
`KAFKA=` chooses the kind of broker (see deploy/local/brokers.py); unset is the embedded one.
"""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_asyncio
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from xdist.scheduler import LoadFileScheduling

from deploy.local.errors import StartError
from deploy.local.stack import LocalStack
from tests.support.broker import KAFKA
from tests.support.missed import cannot_run_here, missed
from tests.support.topics import CreateTopics, creator_of_topics

# In CI the same examples every time: a red build must be about the change. At a desk every run looks for new ones.
# Nowhere is an example timed: a busy machine is no fault of the code.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")

gc.disable()  # until all tests are found (`pytest_collection`)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The stack that all tests of a run share, on free ports. Do not hurt it: whoever kills takes `own_stack`."""
    yield from _started(tmp_path_factory.mktemp("stack"))


@pytest.fixture
def own_stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LocalStack]:
    """A stack for one test alone, which may kill, stop and restart its parts. Parametrized indirectly: with these
    parameters of mongod."""
    yield from _started(tmp_path / "stack", getattr(request, "param", None))


def _started(folder: Path, parameters: Mapping[str, str] | None = None) -> Iterator[LocalStack]:
    try:
        stack = LocalStack(folder, kind=KAFKA, parameters=parameters).start()
    except StartError as reason:
        cannot_run_here(f"everything on a real broker ({KAFKA}) and database", because=str(reason))
    try:
        yield stack
    finally:
        stack.kill()  # its data is thrown away: nothing to wait for


@pytest.fixture(scope="session")
def kafka(stack: LocalStack) -> str:
    """Bootstrap address of the shared broker."""
    return stack.kafka


@pytest.fixture(scope="session")
def mongo_url(stack: LocalStack) -> str:
    """Address of the shared database server."""
    return stack.mongo_url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mongo(mongo_url: str) -> AsyncIterator[AsyncIOMotorClient[dict[str, Any]]]:
    """One motor client on the event loop that all tests share. A test with its own loop opens its own client."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongo_url, tz_aware=True)
    yield client
    client.close()


@pytest_asyncio.fixture(loop_scope="session")
async def database(mongo: AsyncIOMotorClient[dict[str, Any]]) -> AsyncIterator[AsyncIOMotorDatabase[dict[str, Any]]]:
    """An empty database with a random name, dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    yield mongo[name]
    await mongo.drop_database(name)


@pytest.fixture
def topic_prefix() -> str:
    """What this test's topics, groups and client ids begin with; used as it is, the dot included."""
    return f"t{secrets.token_hex(4)}."


@pytest_asyncio.fixture(loop_scope="session")
async def create_topics(kafka: str, topic_prefix: str) -> CreateTopics:
    """`await create_topics("people", "matches", partitions=4)` makes them under the prefix, returns the full names."""
    return creator_of_topics(kafka, topic_prefix)


class _Together(LoadFileScheduling):
    """`--dist loadfile`, but one worker has all files of a folder that shares something that costs much to start."""

    folders = ("tests/integration/apache",)

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        folder = file.rpartition("/")[0]
        return folder if folder in self.folders else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Who gets which tests, where files stay together."""
    return _Together(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of `pytest -n` ended: what it missed belongs to the whole run."""
    missed.update(getattr(node, "workeroutput", {}).get("missed", {}))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What was loaded, and the tests that were found, stay as long as this process: no search for cycles goes through
    them."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker of `pytest -n`: hand over what was missed."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["missed"] = dict(missed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what this machine could not show, so that a green run is not taken for more than it is."""
    if missed:
        terminalreporter.section("not shown on this machine", yellow=True)
    for what, because in missed.items():
        terminalreporter.write_line(f"MISSED {what}: {because}")
