"""Where a rule of ruff or mypy is switched off on a line, its code stands there, and the reason behind it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
FOLDERS = ("shared", "services", "clients", "samples", "verification", "deploy", "tests")
OFF = re.compile(r"#\s*(?:noqa|type:\s*ignore)")
WITH_REASON = re.compile(
    r"# (?:noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*|type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\])(?: [-#]|  #?) ?\w"
)


def without_reason(text: str) -> list[str]:
    """The lines that say no code, or not why."""
    return [line.strip() for line in text.splitlines() if OFF.search(line) and not WITH_REASON.search(line)]


def test_every_line_on_which_a_rule_is_switched_off_says_which_and_why() -> None:
    files = [each for folder in FOLDERS for each in (ROOT / folder).rglob("*.py") if each.name != Path(__file__).name]
    assert [(str(each.relative_to(ROOT)), line) for each in files for line in without_reason(each.read_text())] == []


def test_what_says_no_code_or_no_reason_is_found() -> None:
    wrong = ["x = 1  # noqa", "x = 1  # noqa: S101", "x = 1  # type: ignore", "x = 1  # type: ignore[misc]"]
    right = ["x = 1  # noqa: S101 - ours", "x = 1  # noqa: S101  ours", "x = 1  # type: ignore[misc]  # ours"]
    assert without_reason("\n".join([*wrong, *right])) == wrong
