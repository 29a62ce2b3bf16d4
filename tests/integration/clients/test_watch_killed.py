"""`ieum watch` killed between sending a file and putting it away: the file is sent again as the same events, and is
gone in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from deploy.local.timeouts import scaled
from tests.integration.clients.polled import KEY
from tests.support.files import A_JOB, JOB, csv_of

pytestmark = pytest.mark.integration
ROWS = [A_JOB, ("A-2", *A_JOB[1:]), ("A-3", *A_JOB[1:])]
KILLED_AT = """
import os, signal, sys
from clients.ieum import watching
from clients.ieum.commands import app
from verification.chaos.failpoint_service import wrap
from verification.chaos.failpoints import Failpoint

class Kill:
    def passed(self, _):
        os.kill(os.getpid(), signal.SIGKILL)

where, when = sys.argv[1:3]
wrap(Failpoint("here", where, when), Kill())
sys.argv[1:3] = []
app()
"""


class Door:
    """Takes events, each once. ``kills``: who sends is killed once that was taken, before it is answered."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []
        self.kept: dict[str, Any] = {}
        self.kills: subprocess.Popen[bytes] | None = None

    def take(self, body: bytes) -> bytes | None:
        events = json.loads(body)
        self.sent.append([event["id"] for event in events])
        statuses = ["duplicate" if event["id"] in self.kept else "accepted" for event in events]
        self.kept |= {event["id"]: event for event in events}
        if self.kills is not None:
            self.kills.kill()
            self.kills.wait()
            return None
        return json.dumps({"results": [{"status": status} for status in statuses]}).encode()

    @contextmanager
    def served(self) -> Iterator[str]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = door.take(self.rfile.read(int(self.headers["content-length"])))
                if answer is not None:
                    self.send_response(202)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def watch(folder: Path, url: str, *killed_at: str) -> subprocess.Popen[bytes]:
    program = ["-c", KILLED_AT, *killed_at] if killed_at else ["-m", "clients.ieum"]
    environment = {**os.environ, "IEUM_INTAKE": url, "IEUM_AGENCY": "gjf", "IEUM_KEY": KEY.token}
    command = [*program, "--patience", "0", "watch", str(folder), "--type", "job-posted", "--once", "--rest", "0.01"]
    return subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL)


def ends(process: subprocess.Popen[bytes]) -> int:
    return process.wait(scaled(60))


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir() if not each.name.startswith(".")}


@pytest.mark.parametrize(
    ("killed_at", "left"),
    [
        ((), {"jobs.csv"}),
        (("clients.ieum.watching:_write", "before"), {"jobs.csv"}),
        (("clients.ieum.watching:Folder._put_away", "before"), {"jobs.csv", "jobs.csv.result.json"}),
        (("clients.ieum.watching:Folder._put_away", "after"), {"jobs.csv.result.json"}),
    ],
    ids=["taken, not answered", "answered, not told", "told, not put away", "put away"],
)
def test_it_is_sent_again_as_the_same_and_is_gone_in_the_end(
    tmp_path: Path, killed_at: tuple[str, ...], left: set[str]
) -> None:
    door = Door()
    (tmp_path / "jobs.csv").write_bytes(csv_of(JOB, *ROWS, encoding="cp949"))
    with door.served() as url:
        process = watch(tmp_path, url, *killed_at)
        if not killed_at:
            door.kills = process
        assert ends(process) == -signal.SIGKILL
        assert names(tmp_path) == left
        assert len(door.kept) == len(ROWS), "it had been sent"
        door.kills = None
        assert ends(watch(tmp_path, url)) == 0
    assert names(tmp_path) == {"jobs.csv.result.json"}
    assert door.sent == [door.sent[0]] * len(door.sent), "the same events"
    assert len(door.kept) == len(ROWS)
    assert json.loads((tmp_path / "jobs.csv.result.json").read_text())["settled"]
