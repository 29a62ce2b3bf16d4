"""Runs a service's application as a process: uvicorn on uvloop, signals, exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import uvicorn
import uvloop
from fastapi import FastAPI

from shared.kit.base import metrics
from shared.kit.base.backoff import wait_or_stop
from shared.kit.base.logs import logger
from shared.kit.runtime.connect import CannotStart
from shared.kit.runtime.settings import ServiceSettings
from shared.kit.web.connection_limits import RESERVE, Connections
from shared.kit.web.edge_settings import EdgeSettings, Networks, networks
from shared.kit.web.metrics_routes import metrics_app
from shared.kit.web.uvicorn_protocol import EdgeProtocol

if TYPE_CHECKING:
    from shared.kit.runtime.service_runtime import ServiceRuntime

FAILED = 1
DRAIN_SECONDS = 8
FILES_FOR_OTHERS = 256  # Kafka, MongoDB, webhooks, logs: so many are never given to connections that come in
FILES = 65_536  # open at once, if the system lets us: thousands of endpoints that hang keep as many connections
METRICS_CONNECTIONS = 32
SWEEP_SECONDS = 1.0
# For the interpreter's lock: the driver's thread asks for it after every answer of the database, with a transaction
# open that all others wait for, and Python's default lets the loop keep it for 5 ms each time.
SWITCH_SECONDS = 0.0005
_log = logger("run")


def run(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT. Ends the process: 0 after a clean stop, 3 Kafka missing, 4 MongoDB missing, 1
    for anything else that keeps it from running."""
    sys.setswitchinterval(SWITCH_SECONDS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would keep whom the memory names; so in all children
    try:
        code = uvloop.run(_serve(app, settings))
    except CannotStart as failure:
        failure.say()
        code = failure.code
    sys.exit(code)


async def _serve(app: FastAPI, settings: ServiceSettings) -> int:
    runtime: ServiceRuntime = app.state.runtime
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a warning for every malformed request fills a disk
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, runtime.stop)
    listening = _bound(settings.host, settings.port, "IEUM_PORT")
    measuring = _bound(settings.metrics_host, settings.metrics_port, "IEUM_METRICS_PORT")
    if listening is None or (measuring is None and settings.metrics_port is not None):
        return FAILED
    try:
        with listening:
            async with _metrics_served(measuring, settings), app.router.lifespan_context(app):
                most = connections_below_files(settings.connections)
                metrics.connections_most.of().set(most)
                server = EdgeServer(edge_config(app, settings.model_copy(update={"connections": most})))
                ending = asyncio.create_task(_end_with(runtime, server))
                if not runtime.stopping.is_set():
                    await server.serve(sockets=[listening])
                runtime.stop()
                await ending
    except Exception:
        if not runtime.failed:  # else it was told where it failed
            raise
    _log.info("stopped")
    code = FAILED if runtime.failed else 0
    if runtime.cut_short:  # a thread of the driver still waits for an answer: what waits for it would be waited for
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


async def _end_with(runtime: ServiceRuntime, server: uvicorn.Server) -> None:
    await runtime.stopping.wait()
    server.should_exit = True


class EdgeConfig(uvicorn.Config):
    """With the connections that its protocol counts, and the proxies that it believes."""

    edge: Connections
    trusted: Networks


class EdgeServer(uvicorn.Server):
    """Looks at its connections once a second, and at nothing more often: uvicorn's own loop wakes ten times a second to
    see whether it should end. Here the end wakes it. Signals are not its business: at once they stop the whole service,
    whose long polls and loops would hold the end up."""

    config: EdgeConfig

    def __init__(self, config: EdgeConfig) -> None:
        self._ending = asyncio.Event()
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        return self._ending.is_set()

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        if value:
            self._ending.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            try:
                self.config.edge.sweep()
            except Exception:  # a bug in one look ends no later one
                _log.exception("sweep_failed")
            await wait_or_stop(self._ending, SWEEP_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _metrics_served(listening: socket.socket | None, settings: EdgeSettings) -> AsyncIterator[None]:
    """Metrics on a port of their own, from the start to the end."""
    if listening is None:
        yield
        return
    few = settings.model_copy(update={"connections": METRICS_CONNECTIONS})
    server = EdgeServer(edge_config(metrics_app(), few, shown=False))
    with listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="metrics")
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.wait([serving], timeout=2.0)


def edge_config(app: FastAPI, settings: EdgeSettings, *, shown: bool = True) -> EdgeConfig:
    """uvicorn with our protocol."""
    trusted = networks(settings.trusted_proxies)
    config = EdgeConfig(
        app,
        http=EdgeProtocol,
        timeout_keep_alive=max(1, round(settings.idle_seconds)),
        proxy_headers=bool(trusted),
        forwarded_allow_ips=[str(each) for each in trusted],
        lifespan="off",  # ours is entered here, so that its errors are ours to tell
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    config.edge, config.trusted = Connections(settings, shown=shown), trusted
    return config


def connections_below_files(wanted: int) -> int:
    """How many connections may come in: as wanted, but below the limit of open files, which is raised as far as the
    system lets us, and up to `FILES`: beyond what comes in there is what we open. Fewer than wanted are said."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVE + METRICS_CONNECTIONS + FILES_FOR_OTHERS
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < max(needed, FILES):
        raised = max(needed, FILES) if hard == unlimited else min(hard, max(needed, FILES))
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    most = wanted if soft == unlimited else min(wanted, soft - (needed - wanted))
    if most < wanted:
        _log.warning("few_open_files", count=most, remedy="Raise the limit of open files, or lower IEUM_CONNECTIONS.")
    return max(most, 16)


def _bound(host: str, port: int | None, setting: str) -> socket.socket | None:
    if port is None:
        return None
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        remedy = f"The port is taken or not allowed: stop whoever has it, or set {setting}."
        _log.error("cannot_start", missing="port", host=host, port=port, remedy=remedy)
        return None
    return listening
