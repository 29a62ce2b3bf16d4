"""What intake's worker is started without: a start is mostly imports, and each start of intake is two."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit


def test_the_worker_loads_nothing_of_the_http_edge() -> None:
    edge = {"fastapi", "uvicorn", "throttled"}
    code = f"import services.intake.worker.program, sys; print(*sorted({edge} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == ""
