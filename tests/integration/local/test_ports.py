"""Ports that several runs on one machine draw at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.local import ports
from deploy.local.errors import StartError

pytestmark = pytest.mark.integration

DRAWS = """
from deploy.local import ports
ports.FREE_PORTS = range({port}, {port} + 1)
print(ports.free_port())
"""


def drawn_by_another(port: int) -> subprocess.CompletedProcess[str]:
    program = DRAWS.format(port=port)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_what_one_process_has_drawn_no_other_draws_as_long_as_it_is_kept() -> None:
    port = ports.free_port()
    refused = drawn_by_another(port)
    assert refused.returncode != 0
    assert StartError.__name__ in refused.stderr
    for _ in range(ports.DRAWN):
        ports.free_port()
    assert drawn_by_another(port).stdout.strip() == str(port)
