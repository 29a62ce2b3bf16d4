"""Every test that docs/delivery-situations.md names exists, and no situation is left out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/delivery-situations.md").read_text()
FOLDERS = {"U/": "tests/unit/notifications/", "I/": "tests/integration/notifications/"}
NAMED = re.compile(r"`((?:U/|I/|tests/)[a-z_/]+\.py)(?:::(\w+))?`")


def names_in(file: Path) -> set[str]:
    found = ast.walk(ast.parse(file.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_what_it_names_is_there(file: str, name: str) -> None:
    path = ROOT / (FOLDERS.get(file[:2], file[:2]) + file[2:])
    assert path.is_file()
    assert not name or name in names_in(path)


def test_each_row_names_a_test() -> None:
    rows = [line.split(" | ") for line in PAGE.splitlines() if re.match(r"\| (\d+|C\d) \|", line)]
    assert [row[0].removeprefix("| ") for row in rows] == [
        *(str(n) for n in range(1, 46)),
        *(f"C{n}" for n in range(1, 10)),
    ]
    assert all(NAMED.search(row[2]) for row in rows)
