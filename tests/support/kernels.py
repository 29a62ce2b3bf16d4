"""Matching's kernels, compiled once on a checkout (some 30 s): by the worker that comes first, while the others wait.

Else each would compile them for itself, beside the others, and what a test waits for would not come in time.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from services.matching.domain.columns import kernel


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> None:
    """Ready in this process, and kept beside the source for all others."""
    kept = Path(kernel.__file__).with_name("__pycache__")
    kept.mkdir(exist_ok=True)
    with (kept / "compiling.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kernel.compile_kernels()
