"""Every rule of the converter has a sentence of its own in every pack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.reference import available_packs, load_pack

pytestmark = pytest.mark.unit
SOURCES = "\n".join(path.read_text() for path in Path("shared/files").glob("*.py"))
IN_A_CELL = ["formula-not-taken", "error-in-cell"]
RULES = sorted({*IN_A_CELL, *re.findall(r'(?:Refusal|Unreadable)\(\s*"([a-z0-9-]+)"', SOURCES)})


def test_the_rules_are_found() -> None:
    assert {"unknown-column", "no-adverts"} <= set(RULES)


@pytest.mark.parametrize("name", available_packs())
@pytest.mark.parametrize("rule", RULES)
def test_has_a_sentence(name: str, rule: str) -> None:
    assert f"remedy.{rule.replace('-', '_')}" in load_pack(name).sentences.names
