"""Every test that docs/delivery-situations.md names exists, no situation is left out, and no file stands for a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/delivery-situations.md").read_text()
FOLDERS = {"U/": "tests/unit/notifications/", "I/": "tests/integration/notifications/"}
NAMED = re.compile(r"`((?:U/|I/|tests/)[a-z0-9_/]+\.py)(?:::(\w+))?`")
# Rows of the tables whose last column says which tests show it.
TABLES = [
    line
    for line in PAGE.partition("## What is watched")[0].splitlines()
    if line.startswith("| ") and not line.startswith(("| | ", "| what "))
]


def names_in(file: Path) -> set[str]:
    found = ast.walk(ast.parse(file.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_what_it_names_is_there(file: str, name: str) -> None:
    path = ROOT / (FOLDERS.get(file[:2], file[:2]) + file[2:])
    assert path.is_file()
    assert not name or (name.startswith("test_") and name in names_in(path))


def test_each_row_names_a_test() -> None:
    rows = [line.split(" | ") for line in TABLES if re.match(r"\| (\d+|C\d) \|", line)]
    assert [row[0].removeprefix("| ") for row in rows] == [
        *(str(n) for n in range(1, 46)),
        *(f"C{n}" for n in range(1, 10)),
    ]


@pytest.mark.parametrize("line", TABLES)
def test_a_row_names_tests_and_not_files_alone(line: str) -> None:
    named = NAMED.findall(line)
    assert named
    assert all(name for _, name in named)
    assert len(named) == line.count(".py"), "one is written in another way, so nobody looks whether it exists"
