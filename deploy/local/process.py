"""One server process of ours: started, waited for, stopped, hurt on purpose."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local.errors import StartError
from deploy.local.ports import LOOPBACK, require_free
from deploy.local.timeouts import VARIABLE, scaled

PARENT_DEATH = Path(__file__).with_name("parent_death.py")

# Children are tied to the thread that started them (see parent_death.py). One thread that lives as long as this process
# starts them all, so that `asyncio.to_thread(server.restart)` does not kill the server when the pool shrinks.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="server-starter")


class Server(ABC):
    """A server on one loopback port, with its log in one file.

    Promises: `start` returns only when the server answers, or raises StartError with the end of its log; it is stopped
    by its own process id; it does not outlive this process, however that ends. All calls block (well under a second as
    a rule): from a coroutine use `asyncio.to_thread`. Not for several threads at once.
    """

    name = "server"
    variable = "PORT"
    start_seconds = 120.0
    """Until it must answer: generous, for what has ended is noticed at once. TIMEOUT_SCALE stretches both of these."""
    stop_seconds = 15.0
    debug = False
    """Whether it is to log all it can; from its next start."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """host:port, as clients want it."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs (stopped by SIGSTOP counts as running), else None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server does its work now. Never raises."""

    def start(self) -> None:
        """Start and wait until it answers. Raises PortTakenError, or StartError with the end of the log."""
        if self.pid:
            return
        require_free(self.port, self.variable)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-I", "-S", str(PARENT_DEATH), str(os.getpid()), *self.command()]
        with self.log.open("ab") as log:
            self._process = _starter.submit(
                subprocess.Popen,
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                umask=0o077,  # what it writes is for its owner alone
                start_new_session=True,  # Ctrl-C is for us; we then stop the servers in the right order
            ).result()
        try:
            if not wait_until(self.answers, scaled(self.start_seconds), while_=lambda: self.pid is not None):
                raise StartError(
                    f"{self.name} on port {self.port} {self._end()}", f"read {self.log}; on a slow machine {VARIABLE}=3"
                )
        except BaseException:
            self.kill()
            raise

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's environment but the paths: a server must not see anybody's secrets."""
        return {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after `stop_seconds`. Nothing happens when it does not run."""
        if self._process is None or self._process.poll() is not None:
            return
        self.resume()  # a stopped process would not take the SIGTERM
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(scaled(self.stop_seconds))
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers. Returns once every thread stands still, on a busy machine
        some milliseconds later."""
        self._signal(signal.SIGSTOP)
        end = time.monotonic() + scaled(5.0)
        while (pid := self.pid) is not None and not _stands_still(pid) and time.monotonic() < end:
            time.sleep(0.005)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop if it runs, start again on the same port."""
        self.stop()
        self.start()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self) -> str:
        code = self._process.poll() if self._process else None
        fate = (
            f"did not answer within {scaled(self.start_seconds):.0f} s" if code is None else f"ended with code {code}"
        )
        return f"{fate}; the end of its log:\n{_tail(self.log)}"


def wait_until(true: Callable[[], bool], seconds: float, while_: Callable[[], bool] = lambda: True) -> bool:
    """Ask every 20 ms until `true()`; False when `seconds` have passed or `while_()` no longer holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and while_():
        if true():
            return True
        time.sleep(0.02)
    return False


def runnable(binary: Path, folder: Path) -> Path:
    """The binary if it may be run, else a runnable copy in `folder`: tansu's package ships it without its run bit."""
    if os.access(binary, os.X_OK):
        return binary
    copy = folder / binary.name
    if not copy.exists() or copy.stat().st_size != binary.stat().st_size:
        folder.mkdir(parents=True, exist_ok=True)
        half = folder / f".{binary.name}.{os.getpid()}"
        half.write_bytes(binary.read_bytes())
        half.chmod(0o755)
        half.replace(copy)
    return copy


def _tail(log: Path, lines: int = 8) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(f"    {line[:300]}" for line in log.read_text(errors="replace").splitlines()[-lines:])
    return "    (no log)"


def _stands_still(pid: int) -> bool:
    """Whether all threads of a process are stopped (state T in /proc)."""
    states = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            states.append((thread / "stat").read_text().rpartition(")")[2].split()[0])
    return bool(states) and set(states) == {"T"}
