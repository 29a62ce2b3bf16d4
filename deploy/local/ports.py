"""Ports on the loopback: find a free one, say who holds a taken one. Standard library only, Linux only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from pathlib import Path

from deploy.local.errors import PortTakenError, StartError

LOOPBACK = "127.0.0.1"

KAFKA_PORT = 29092
MONGO_PORT = 27117
PROGRAM_PORTS = {"INTAKE_PORT": 8101, "MATCHING_PORT": 8102, "NOTIFICATIONS_PORT": 8103, "WEBHOOK_PORT": 8110}
"""Where `make run` listens unless told otherwise: beside the usual 9092 and 27017, which a developer's own may hold.
The programs: by the variable that chooses another."""

# Below Linux's ephemeral ports (32768 and up). A client that goes on dialling a dead server inside that range can be
# given the very same port as its own source port, connects to itself, and then blocks the server's restart.
FREE_PORTS = range(20_000, 32_000)
DRAWN = 100  # so many of the ports that this process has drawn are kept from others who draw
_drawn: deque[int] = deque()


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closing connections of a former run do not count
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port that is free, and that no other process on this machine draws while this one lives (unless it has drawn
    100 others since). Who does not draw may still take it: start the server soon, and try again when it was lost."""
    candidates = random.SystemRandom().sample(FREE_PORTS, min(200, len(FREE_PORTS)))
    for port in candidates:
        if is_free(port) and _draw(port):
            return port
    raise StartError(
        f"none of 200 ports tried between {FREE_PORTS.start} and {FREE_PORTS.stop} is free", "stop what holds them"
    )


def _draw(port: int) -> bool:
    """Lock a file in the port's name. False when another process holds it; the kernel lets go of it when we end."""
    folder = Path(tempfile.gettempdir()) / f"ports-of-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    _drawn.append(lock)
    if len(_drawn) > DRAWN:
        with contextlib.suppress(OSError):
            os.close(_drawn.popleft())
    return True


def holder_of(port: int) -> str | None:
    """Who listens on the port, as "mongod (process 4711)"; None when nobody does or the process is hidden from us."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(_link(f"/proc/{process}/fd/{fd}") in sockets for fd in os.listdir(f"/proc/{process}/fd")):
                with open(f"/proc/{process}/comm") as comm:
                    return f"{comm.read().strip()} (process {process})"
        except OSError:  # ended meanwhile, or not ours to look into
            continue
    return None


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # closed meanwhile, as the one that lists this process's own folder always is
        return ""


def _listening_inodes(port: int) -> set[str]:
    listening = "0A"  # TCP_LISTEN in include/net/tcp_states.h
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as lines:
                rows = [line.split() for line in lines][1:]
        except OSError:
            continue
        inodes |= {row[9] for row in rows if row[3] == listening and int(row[1].rpartition(":")[2], 16) == port}
    return inodes


def require_free(port: int, variable: str) -> None:
    """Raise PortTakenError, naming the port, its holder if known, and the variable that chooses another one."""
    if is_free(port):
        return
    holder = holder_of(port)
    by = f" by {holder}" if holder else ""
    raise PortTakenError(f"port {port} is taken{by}", f"stop it, or choose another port: {variable}={free_port()}")
