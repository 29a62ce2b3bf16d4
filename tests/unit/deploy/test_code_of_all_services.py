"""What the code of every service and of what they share must be like, so looked at where all of it is there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.kit.base.log_allow_list import FORMS

pytestmark = pytest.mark.unit
SERVICES = sorted(found.parent.name for found in Path("services").glob("*/__main__.py"))
READS = re.compile(r"datetime\.now\(|datetime\.utcnow\(|datetime\.today\(|date\.today\(|time\.time\(|time\.time_ns\(")
# clock.py is the one place; a log line says what the machine believes, which is what whoever reads it wants to know
MAY_READ = {"shared/kit/base/clock.py", "shared/kit/base/logs.py"}


def sources() -> Iterator[Path]:
    for folder in ("shared", "services"):
        yield from sorted(Path(folder).rglob("*.py"))


def test_all_services_are_there() -> None:
    assert SERVICES == ["intake", "matching", "notifications"]


def test_only_the_kits_clock_reads_the_machines_time() -> None:
    """So that nothing trusts a clock that is in doubt by oversight."""
    found = {str(path) for path in sources() if READS.search(path.read_text())}
    assert found <= MAY_READ
    assert "shared/kit/base/clock.py" in found, "the search finds what it looks for"


def test_every_key_of_a_log_line_of_ours_is_allowed() -> None:
    """Another one would be dropped in silence."""
    used: dict[str, str] = {}
    for file in sources():
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                owner = call.func.value
                if isinstance(owner, ast.Name) and owner.id in ("_log", "log"):
                    used |= {key.arg: file.name for key in call.keywords if key.arg is not None}
    assert used.keys() >= {"attempts", "loop", "remedy"}, "the search finds what it looks for"
    assert not {key: file for key, file in used.items() if key not in FORMS and key != "exc_info"}


@pytest.mark.parametrize("service", SERVICES)
def test_cycles_are_not_searched_for_while_a_service_loads_but_for_who_only_imports_its_program(service: str) -> None:
    """As tests do: it would stay off for all that follow."""
    imported = f"import gc, services.{service}.__main__; print(gc.isenabled())"
    begun = (
        "import contextlib, gc, runpy, sys; sys.argv = ['x', 'no command of ours']\n"
        f"with contextlib.suppress(SystemExit): runpy.run_module('services.{service}', run_name='__main__')\n"
        "print(gc.isenabled())"
    )
    for program, searches in ((imported, "True\n"), (begun, "False\n")):
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert found.stdout == searches
