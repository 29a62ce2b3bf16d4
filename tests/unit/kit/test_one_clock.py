"""Only the kit's clock reads the machine's time, so that nothing trusts a clock that is in doubt by oversight."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
READS = re.compile(r"datetime\.now\(|datetime\.utcnow\(|datetime\.today\(|date\.today\(|time\.time\(|time\.time_ns\(")
# clock.py is the one place; a log line says what the machine believes, which is what whoever reads it wants to know
MAY = {"shared/kit/base/clock.py", "shared/kit/base/logs.py"}


def test_nobody_else_reads_it() -> None:
    files = [path for folder in ("shared", "services") for path in sorted((ROOT / folder).rglob("*.py"))]
    found = {str(path.relative_to(ROOT)) for path in files if READS.search(path.read_text())}
    assert found <= MAY
    assert "shared/kit/base/clock.py" in found, "the search finds what it looks for"
