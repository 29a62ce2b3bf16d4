"""`python -m deploy.local.doctor`: what this machine lacks for `make run`, before anything is started.

Standard library only, and no syntax newer than Python 3.8: it must be able to say that the Python is too old and that
nothing is installed yet. Every finding says what is wrong and the command or variable that mends it. Changes nothing.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Iterable, Iterator, Mapping, NamedTuple  # noqa: UP035  collections.abc has no subscripts before 3.9

from deploy.local.apache.fetch import missing
from deploy.local.errors import PortTakenError
from deploy.local.folder import STACK, data_folder, holder_of, in_use
from deploy.local.ports import KAFKA_PORT, MONGO_PORT, PROGRAM_PORTS, free_port, require_free

OLDEST_PYTHON = (3, 11)
OLDEST_GLIBC = (2, 34)  # the newest symbol version that the packaged mongod asks for
LIBRARIES = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3"}  # what mongod links to -> Debian's package
ROOM = 1_000_000_000  # bytes: 0.4 GB of packages, the database with its journal, logs
VENV = Path(__file__).resolve().parents[2] / ".venv"  # where the Makefile puts the packages
PACKAGES = 500_000_000  # bytes


class Finding(NamedTuple):
    """One thing that keeps the stack from starting, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}\n  -> {self.remedy}"


def findings(data: Path, ports: Mapping[str, int] | None) -> list[Finding]:
    """Everything found wrong, in the order in which to mend it; `ports` by the variable that chooses them, 0 = any.

    The stack of a run works in a folder of `data`. None for `ports`: what is to start makes a new folder there and
    takes any free ports, so it cannot meet another run.
    """
    folder = data if ports is None else data / STACK
    return [
        *check_python(sys.version_info[:2], has_pip=importlib.util.find_spec("ensurepip") is not None),
        *check_machine(sys.platform, platform.machine(), _processor_flags(), _glibc()),
        *check_libraries(LIBRARIES),
        *check_folder(folder),
        *check_room(folder),
        *check_packages(VENV, folder),
        *(() if ports is None else check_use(folder, ports)),
    ]


def check_python(version: tuple[int, ...], has_pip: bool) -> Iterator[Finding]:
    """Old enough Pythons are refused; so is one whose `venv` module cannot make an environment with pip in it."""
    wanted = ".".join(map(str, OLDEST_PYTHON))
    if version < OLDEST_PYTHON:
        yield Finding(
            f"Python {'.'.join(map(str, version))} is too old: {wanted} or newer is needed",
            "sudo apt-get install python3.11 python3.11-venv   (or name yours: make PYTHON=/path/to/python3.11)",
        )
    elif not has_pip:
        name = f"python{version[0]}.{version[1]}-venv"
        yield Finding("this Python cannot make a virtual environment (no ensurepip)", f"sudo apt-get install {name}")


def check_machine(
    system: str, machine: str, flags: set[str] | None, glibc: tuple[int, ...] | None
) -> Iterator[Finding]:
    """The packaged mongod and broker are binaries for Linux with a recent glibc; mongod 5 and later wants AVX."""
    compose = "run it with containers instead: docker compose up"
    if system != "linux":
        yield Finding(f"the local stack runs on Linux only, this is {system}", compose)
        return
    if machine not in ("x86_64", "aarch64"):
        yield Finding(f"the local stack is built for x86_64 and aarch64, this is {machine}", compose)
    if machine == "x86_64" and flags is not None and "avx" not in flags:
        yield Finding("this processor has no AVX, which mongod needs", "in a virtual machine: pass the host's CPU on")
    if glibc is not None and glibc < OLDEST_GLIBC:
        found, wanted = (".".join(map(str, version)) for version in (glibc, OLDEST_GLIBC))
        yield Finding(
            f"glibc {found} is too old for the packaged mongod: {wanted} is needed", "Debian 12 or Ubuntu 22.04"
        )


def check_libraries(libraries: Mapping[str, str]) -> Iterator[Finding]:
    """Shared libraries that mongod links to and that no Python package brings."""
    for library, package in libraries.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            yield Finding(f"the library {library} is missing, which mongod needs", f"sudo apt-get install {package}")


def check_folder(folder: Path) -> Iterator[Finding]:
    """The data folder, or what will hold it, must be ours to write to."""
    place = _existing(folder)
    if not os.access(place, os.W_OK | os.X_OK):
        yield Finding(
            f"{place} is not writable for this user", f"sudo chown -R $(id -u) {place}, or choose another: DATA="
        )


def check_room(folder: Path, room: int = ROOM) -> Iterator[Finding]:
    """Free disk space where the data will be."""
    place = _existing(folder)
    free = shutil.disk_usage(str(place)).free
    if free < room:
        yield Finding(
            f"only {free / 1e9:.1f} GB are free at {place}, {room / 1e9:.1f} GB are needed",
            "free some space there, or choose another disk: DATA=/a/folder/elsewhere",
        )


def check_packages(venv: Path, folder: Path, room: int = PACKAGES) -> Iterator[Finding]:
    """Free disk space for the packages that are not installed yet, where it is another disk than the data's."""
    place = _existing(venv)
    if (venv / "run.installed").exists() or _disk(place) == _disk(_existing(folder)):
        return
    free = shutil.disk_usage(str(place)).free
    if free < room:
        yield Finding(
            f"only {free / 1e9:.1f} GB are free at {place}, the packages in {venv} need {room / 1e9:.1f} GB",
            "free some space there, or put this project on another disk",
        )


def check_use(folder: Path, ports: Mapping[str, int]) -> Iterator[Finding]:
    """Another run on the same folder, a mongod that it left behind, or a port that somebody else holds."""
    holder = holder_of(folder)
    if holder:
        refusal = in_use(folder, holder)
        yield Finding(refusal.what, refusal.remedy)
        return  # the ports are that run's
    for left in _left_behind(folder):
        yield Finding(f"a mongod of a former run (process {left}) still holds {folder}", f"kill {left}")
    for variable, port in ports.items():
        try:
            if port:
                require_free(port, variable)
        except PortTakenError as taken:
            yield Finding(taken.what, taken.remedy)


def check_kind(kind: str) -> Iterator[Finding]:
    """What Apache Kafka needs beyond the local stack, when it is the wanted kind of broker."""
    if kind == "apache":
        for error in missing():
            yield Finding(error.what, error.remedy)


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())


def _disk(place: Path) -> int:
    return place.stat().st_dev


def _left_behind(folder: Path) -> Iterable[int]:
    data = os.fsencode(folder.absolute() / "mongod")
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            arguments = Path("/proc", process, "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if data in arguments and b"--dbpath" in arguments:
            yield int(process)


def _processor_flags() -> set[str] | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    return next((set(line.split()) for line in lines if line.startswith("flags")), None)


def _glibc() -> tuple[int, ...] | None:
    try:
        return tuple(map(int, (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[1].split(".")))
    except (ValueError, IndexError, OSError):
        return None  # another C library: the import of the first package will tell


def main(arguments: list[str] | None = None) -> int:
    """0 when nothing is missing, 1 with every finding on standard error."""
    environment = os.environ.get
    parser = argparse.ArgumentParser(prog="python -m deploy.local.doctor")
    parser.add_argument("--data", type=Path, default=data_folder(), help="where runs keep their data (DATA=)")
    parser.add_argument("--quiet", action="store_true", help="say nothing when all is well")
    parser.add_argument("--free-ports", action="store_true", help="what is to start takes these, and a new folder")
    given = parser.parse_args(arguments)
    usual = {} if given.free_ports else {"KAFKA_PORT": KAFKA_PORT, "MONGO_PORT": MONGO_PORT, **PROGRAM_PORTS}
    wanted = {name: environment(name) or str(port) for name, port in usual.items()}
    for name, number in wanted.items():
        if not (number.isascii() and number.isdecimal() and len(number) < 10 and int(number) < 65536):
            print(
                Finding(f"{name}={number} is not a port", f"a number up to 65535: {name}={free_port()}"),
                file=sys.stderr,
            )
            return 1
    ports = {name: int(number) for name, number in wanted.items()}
    found = findings(given.data, None if given.free_ports else ports)
    found += check_kind(environment("KAFKA") or "embedded")
    for finding in found:
        print(finding, file=sys.stderr)
    if not found and not given.quiet:
        print(f"nothing is missing: Python {platform.python_version()}, {platform.machine()}, data in {given.data}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
