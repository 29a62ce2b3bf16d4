"""A process that could not end all that it had begun ends all the same; and none leaves its memory in a file."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit
HELD_UP = """
import asyncio, threading
from contextlib import asynccontextmanager
from types import SimpleNamespace
from fastapi import FastAPI
from shared.kit.runtime.serve import run
from shared.kit.store.mongo import in_one_turn
from tests.support.small_service import SmallSettings

waiting = []

@asynccontextmanager
async def lifespan(app):
    waiting.append(asyncio.create_task(in_one_turn(threading.Event().wait)))
    await asyncio.sleep(0)
    app.state.runtime.stop()
    yield
    app.state.runtime.cut_short = True

app, stopping = FastAPI(lifespan=lifespan), asyncio.Event()
app.state.runtime = SimpleNamespace(stopping=stopping, stop=stopping.set, failed=False, cut_short=False)
run(app, SmallSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:1", database="small"))
"""


def test_a_thread_that_waits_for_an_answer_holds_up_no_end_that_was_cut_short() -> None:
    """Neither the loop, which waits for its tasks before it closes, nor the interpreter, which waits for threads."""
    ended = subprocess.run([sys.executable, "-c", HELD_UP], check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


DUMPED = """
import asyncio, resource
from contextlib import asynccontextmanager
from types import SimpleNamespace
from fastapi import FastAPI
from shared.kit.runtime.serve import run
from tests.support.small_service import SmallSettings

@asynccontextmanager
async def lifespan(app):
    print(*resource.getrlimit(resource.RLIMIT_CORE))
    app.state.runtime.stop()
    yield

app, stopping = FastAPI(lifespan=lifespan), asyncio.Event()
app.state.runtime = SimpleNamespace(stopping=stopping, stop=stopping.set, failed=False, cut_short=False)
run(app, SmallSettings(profile="development", kafka="127.0.0.1:1", mongo_url="mongodb://127.0.0.1:1", database="small"))
"""


def test_no_core_file_is_written_of_a_service_or_what_it_starts() -> None:
    ended = subprocess.run([sys.executable, "-c", DUMPED], check=False, capture_output=True, text=True, timeout=60)
    assert ended.stdout.splitlines()[0] == "0 0", ended.stderr
