"""A decision's page is called by its number, which no other has, says what was decided, and has a row in the index."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
FOLDER = Path(__file__).parents[3] / "docs" / "decisions"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))


def test_no_two_decisions_have_one_number() -> None:
    numbers = Counter(page.name[:4] for page in PAGES)
    assert len(numbers) > 10
    assert [number for number, count in numbers.items() if count > 1] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name[:4])
def test_the_heading_says_the_number_of_the_file(page: Path) -> None:
    assert page.read_text().startswith(f"# {int(page.name[:4])}. ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name[:4])
def test_a_paragraph_says_what_was_decided(page: Path) -> None:
    assert re.search(r"^\*\*Decided\.\*\*", page.read_text(), re.MULTILINE)


def test_the_index_has_a_row_for_each_page_and_no_other() -> None:
    rows = re.findall(r"^\| \[(\d+)\]\((\d{4}-[^)]+)\) \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(name for _, name in rows) == [page.name for page in PAGES]
    assert [name for number, name in rows if int(number) != int(name[:4])] == []
