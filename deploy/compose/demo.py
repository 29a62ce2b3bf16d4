"""`make compose-demo`: build the images, start everything in containers, play the demo's day, stop, remove.

``python3 -m deploy.compose.demo --kill matching``: with a container killed (SIGKILL) in the middle of the day and
started again. A compose project, volumes, ports and keys of its own: what runs beside it is not touched. The last line
is the demo's JSON with what was measured here. Ends with 1 when something was lost, doubled or not shown, or a part
stopped with an error; 2 when it could not run, or was unhealthy before or after the day. Standard library only; needs
docker and compose, 1.29 or 2 (COMPOSE= names one).
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.compose.env import administrator, variables, write
from deploy.grafana.check_queries import check, report
from deploy.local.ports import free_port

PROJECT, VERSION = "ieum-demo", "demo"
FILES = ("docker-compose.yml", "deploy/compose/demo.yml")
ADMINISTRATOR = "ieum"  # samples/world/settings
SERVICES = ("intake", "matching", "notifications")
HEALTHY = ("kafka", "database", *SERVICES, "prometheus", "alertmanager")
ENDED_WELL = {"kafka": (0, 143)}  # 143: how Java answers SIGTERM
CONTAINERS = {"broker": "kafka", **{name: name for name in SERVICES}}
PORTS = ("INTAKE_PORT", "MATCHING_PORT", "NOTIFICATIONS_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT", "GRAFANA_PORT")
ASKED_TO_KILL = "KILL"  # verification/harness/external_stack.py
SECONDS_AWAY = 2.0
PATIENCE = 180.0  # seconds until all are healthy


class Failed(Exception):
    """It could not run; says why."""


class Containers:
    """One compose project and its containers."""

    def __init__(self, compose: Sequence[str], environment_file: Path) -> None:
        files = [word for file in FILES for word in ("--file", file)]
        self._compose = [*compose, "--project-name", PROJECT, "--env-file", str(environment_file), *files]
        # nothing of the caller's variables may change what the file says
        kept = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "XDG_RUNTIME_DIR")
        self._environment = {name: os.environ[name] for name in kept if name in os.environ}
        self._environment["DOCKER_BUILDKIT"] = os.environ.get("DOCKER_BUILDKIT", "0")
        self.ended_with = 0
        self._ids: dict[str, str] = {}

    def compose(self, *arguments: str) -> None:
        """Run it and show what it says. Raises Failed."""
        command = [*self._compose, *arguments]
        if subprocess.run(command, check=False, env=self._environment, stdout=sys.stderr).returncode:
            raise Failed(f"compose {arguments[0]} failed")

    def lines(self, *arguments: str) -> Iterator[str]:
        """Run it; its output line by line, its exit code in `ended_with`. Raises Failed when that is 2 or more."""
        command = [*self._compose, *arguments]
        line = ""
        with subprocess.Popen(
            command, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None
            try:
                for line in running.stdout:
                    yield line
            except BaseException:
                running.terminate()
                raise
        self.ended_with = running.returncode
        if running.returncode > 1:
            raise Failed(f"compose {arguments[0]} ended with {running.returncode}: {line.strip()}")

    def container(self, service: str) -> str:
        """Its id, asked for once: compose takes its time. Raises Failed."""
        if service not in self._ids:
            if not (found := "".join(self.lines("ps", "--quiet", service)).split()):
                raise Failed(f"no container of {service}")
            self._ids[service] = found[0]
        return self._ids[service]

    def docker(self, *arguments: str) -> str:
        """What docker says. Raises Failed."""
        command = ["docker", *arguments]
        done = subprocess.run(command, check=False, env=self._environment, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"docker {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def inspect(self, service: str, field: str) -> str:
        """One field of its container, as docker's templates name it."""
        return self.docker("inspect", "--format", f"{{{{{field}}}}}", self.container(service))

    def kill(self, service: str) -> None:
        """SIGKILL, a pause, and a start: docker does not start again by itself what docker was told to kill."""
        container = self.container(service)
        self.docker("kill", container)
        say(f"{service} killed")
        time.sleep(SECONDS_AWAY)
        self.docker("start", container)
        say(f"{service} started again")

    def wait_until_healthy(self) -> None:
        """Raises Failed that names who is not."""
        end = time.monotonic() + PATIENCE
        while sick := [name for name in HEALTHY if self.inspect(name, ".State.Health.Status") != "healthy"]:
            if time.monotonic() > end:
                raise Failed(f"not healthy: {', '.join(sick)}")
            time.sleep(0.3)


def play(containers: Containers, arguments: Sequence[str]) -> dict[str, Any]:
    """The demo's day. Its last line. Raises Failed."""
    last = ""
    run = ("run", "--rm", "--no-deps", "--use-aliases", "-T", "demo", *arguments)
    for line in containers.lines(*run):
        if line.startswith(f"{ASKED_TO_KILL} "):
            containers.kill(CONTAINERS[line.split()[1]])
            continue
        last = line
        if not line.startswith("{"):
            print(line, end="", flush=True)
    try:
        result: dict[str, Any] = json.loads(last)
    except ValueError:
        raise Failed("the demo did not come to its end") from None
    return result


def perform(
    containers: Containers, prometheus: str, arguments: Sequence[str], killed: str | None
) -> tuple[dict[str, Any], bool]:
    """Build, start, play, look, stop: what was seen, and whether all was well. Raises Failed."""
    began = time.monotonic()
    containers.compose("build", *SERVICES, "demo")
    build_s = time.monotonic() - began
    images = {name: int(containers.docker("image", "inspect", "-f", "{{.Size}}", image)) for name, image in _images()}
    for name, size in images.items():
        say(f"image {name}: {size / 1e6:.0f} MB")
    began = time.monotonic()
    containers.compose("up", "--detach", "--no-build")
    containers.wait_until_healthy()
    healthy_s = time.monotonic() - began
    say(f"all {len(HEALTHY)} healthy {healthy_s:.1f} s after up")
    result = play(containers, arguments)
    well = containers.ended_with == 0
    containers.wait_until_healthy()
    shown = check(prometheus)
    print(report(shown), flush=True)
    containers.compose("stop")
    codes = {name: int(containers.inspect(name, ".State.ExitCode")) for name in HEALTHY}
    say(f"stopped: {', '.join(f'{name} {code}' for name, code in codes.items())}")
    if badly := ended_badly(codes):
        say(f"not ended well: {', '.join(badly)}")
    empty = sum(not one.well for one in shown)
    figures = {
        "killed": killed,
        "build_s": round(build_s, 1),
        "healthy_s": round(healthy_s, 1),
        "images_mb": {name: round(size / 1e6) for name, size in images.items()},
        "queries": len(shown),
        "queries_empty": empty,
    }
    return result | figures, well and not empty and not badly


def ended_badly(codes: Mapping[str, int]) -> list[str]:
    """Whose exit code after `stop` is not one of a clean end."""
    return [name for name, code in codes.items() if code not in ENDED_WELL.get(name, (0,))]


def _images() -> list[tuple[str, str]]:
    return [(name, f"ieum/{name}:{VERSION}") for name in (*SERVICES, "demo")]


@contextmanager
def prepared(compose: Sequence[str], *, offline: bool) -> Iterator[tuple[Containers, str]]:
    """A project with fresh keys, and Prometheus' address; everything of it is removed at the end but the images."""
    token, first_administrator = administrator(ADMINISTRATOR)
    ports = {name: str(free_port()) for name in PORTS}
    values = variables("development", first_administrator, offline=offline) | ports
    values |= {"EXTERNAL_ADMIN_TOKEN": token, "READER_PASSWORD": secrets.token_hex(24), "IEUM_VERSION": VERSION}
    folder = Path(tempfile.mkdtemp(prefix="compose-demo-"))
    try:
        write(folder / "env", values)
        containers = Containers(compose, folder / "env")
        containers.compose("down", "--volumes", "--remove-orphans")  # what a run that was cut off has left
        try:
            yield containers, f"http://127.0.0.1:{ports['PROMETHEUS_PORT']}"
        except BaseException:
            print("".join(containers.lines("logs", "--tail", "8")), file=sys.stderr)
            raise
        finally:
            containers.compose("down", "--volumes", "--remove-orphans")
    finally:
        shutil.rmtree(folder)


def say(text: str) -> None:
    """One line about the containers, apart from what the demo says."""
    print(f"=== {text}", flush=True)


def _compose() -> list[str]:
    if named := os.environ.get("COMPOSE"):
        return shlex.split(named)
    for command in (["docker", "compose"], ["docker-compose"]):
        if not shutil.which(command[0]):
            continue
        if not subprocess.run([*command, "version"], check=False, capture_output=True).returncode:
            return command
    raise Failed("neither docker compose nor docker-compose is there")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="make compose-demo")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--people", default="120")
    parser.add_argument("--kill", choices=sorted(CONTAINERS), help="kill its container once in the middle")
    parser.add_argument("--offline", action="store_true", help="use the images of deploy/offline/build.sh")
    given = parser.parse_args()
    arguments = ["--seed", given.seed, "--people", given.people, *(("--kill", given.kill) if given.kill else ())]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as after Ctrl-C
    try:
        with prepared(_compose(), offline=given.offline) as (containers, prometheus):
            result, well = perform(containers, prometheus, arguments, given.kill)
    except (Failed, OSError) as failed:  # OSError: Prometheus does not answer
        print(failed, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    print(json.dumps(result), flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
