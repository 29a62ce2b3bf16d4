"""Logs: one JSON object per line, from an allow-list of keys; nothing that anybody sent can get in.

``log = logs.logger("outbox")``, ``log.info("published", topic="people", count=12)``. The first argument is a name
(``[a-z0-9_]``), never a sentence with values in it. Keys and forms of values: ``log_allow_list.py``; others are
dropped, the line says how many. Exceptions are written as class names and ``file:line function`` frames: no text, no
locals.

Everything else in the process goes through the same sieve: of a library's record only logger, level and the template
stay, and the template only where it stands as a constant in the calling source (a sentence built with values does
not); warnings keep their category and place; uncaught exceptions, also in threads, lose their text.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, ClassVar, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from shared.kit.base import metrics
from shared.kit.base.log_allow_list import sift

_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,59}", re.ASCII)
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "exception": 40, "critical": 50}
_LIBRARIES = logging.WARNING  # without its values a library's lower line says nothing
_MOST_FRAMES = 15
_HERE = str(Path(__file__).resolve().parents[3]) + "/"
_dropped = metrics.log_values_dropped.of()


class _State:
    """What ``setup`` decided; until then everything from info upwards is written without a service's name."""

    threshold = 20
    always: ClassVar[dict[str, str]] = {}


def setup(service: str, instance: str, level: str = "info") -> None:
    """From now on every line of this process names service and instance, and every library's line is sifted."""
    _State.threshold = _LEVELS[level]
    _State.always = {"service": service, "instance": instance}
    capture()
    warnings.showwarning = _show_warning
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def capture() -> None:
    """Route every logger that exists now through the sieve. Called again once all libraries have made theirs."""
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if _is_pytest(handler)] + [_Capture(_LIBRARIES)]
    root.setLevel(_LIBRARIES)
    for name in list(logging.root.manager.loggerDict):
        library = logging.getLogger(name)
        library.handlers[:] = [handler for handler in library.handlers if _is_pytest(handler)]
        library.propagate = True
        library.disabled = False


def logger(part: str) -> FilteringBoundLogger:
    """The logger of one part of a service."""
    made = structlog.wrap_logger(_Lines(), processors=[_render], wrapper_class=structlog.stdlib.BoundLogger, part=part)
    return cast(FilteringBoundLogger, made)


class _Lines:
    """Writes rendered lines where the process writes now; a closed or full stream never fails the caller."""

    def _write(self, line: str) -> None:
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except (OSError, ValueError):
            pass

    debug = info = warning = error = critical = exception = msg = _write


def _render(_: WrappedLogger, method: str, values: EventDict) -> str:
    if _LEVELS.get(method, 20) < _State.threshold:
        raise structlog.DropEvent
    name = values.pop("event", None)
    failure = _failure(values.pop("exc_info", None))
    if failure is not None:
        values = {**values, **describe(failure)}
    for added in ("stack_info", "stack", "positional_args"):
        values.pop(added, None)
    kept, dropped = sift(values)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        name, dropped = "unnamed", dropped + 1
    line = {"time": _now(), "level": "error" if method == "exception" else method, **_State.always, "event": name}
    if dropped:
        _dropped.inc(dropped)
        kept["dropped"] = dropped
    return json.dumps({**line, **kept}, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _failure(given: object) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple) and len(given) == 3:
        return cast("BaseException | None", given[1])
    return sys.exc_info()[1] if given else None


def describe(failure: BaseException) -> dict[str, Any]:
    """``errors``: the class names of an exception, its causes and parts; ``frames``: where it was raised."""
    return {"errors": list(dict.fromkeys(_names(failure, 8))), "frames": _frames(failure.__traceback__)}


def _names(failure: BaseException | None, left: int) -> Iterator[str]:
    if failure is None or left == 0:
        return
    yield type(failure).__name__
    if isinstance(failure, BaseExceptionGroup):
        for part in failure.exceptions[:left]:
            yield from _names(part, left - 1)
    yield from _names(failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__), left - 1)


def _frames(trace: TracebackType | None) -> list[str]:
    found = [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in traceback.walk_tb(trace)]
    return [f"{_short(file)}:{line} {name}" for file, line, name in found[-_MOST_FRAMES:]]


def _short(file: str) -> str:
    return file.rpartition("site-packages/")[2].removeprefix(_HERE)


class AlreadyLogged(Exception):
    """Whoever raises it has written down what there is to say: a library that logs it again says nothing new."""


class _Capture(logging.Handler):
    """Takes the records of every library; no argument and no built sentence gets through."""

    _log = logger("library")

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], AlreadyLogged):
            return
        level = logging.getLevelName(record.levelno).lower()
        values: dict[str, Any] = {"part": record.name}
        if _stands_in_source(record):
            values["template"] = record.msg
        if record.exc_info and record.exc_info[1] is not None:
            values |= describe(record.exc_info[1])
        getattr(self._log, level if level in _LEVELS else "info")("library", **values)

    def handleError(self, record: logging.LogRecord) -> None:
        """A record that cannot be written is dropped: its text must not go to stderr."""


def _stands_in_source(record: logging.LogRecord) -> bool:
    """Whether the message is a string constant of the function that logged it, and not built there with values."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        code = frame.f_code
        if (code.co_filename, code.co_name) == (record.pathname, record.funcName):
            return isinstance(record.msg, str) and record.msg in code.co_consts
        frame = frame.f_back
    return False


def _is_pytest(handler: logging.Handler) -> bool:
    return type(handler).__module__.startswith("_pytest")


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    place = f"{_short(filename)}:{lineno}"
    _Capture._log.warning("warning", part="warnings", category=category.__name__, location=place)


def _uncaught(kind: type[BaseException], failure: BaseException | None, trace: TracebackType | None) -> None:
    known = describe(failure) if failure is not None else {"errors": [kind.__name__], "frames": _frames(trace)}
    _Capture._log.critical("uncaught", part="process", **known)
