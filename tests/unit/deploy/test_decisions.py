"""Pages of decisions are called by their numbers: each has one of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
PAGES = sorted((Path(__file__).parents[3] / "docs" / "decisions").glob("*.md"))


def test_no_two_decisions_have_one_number() -> None:
    numbers = Counter(page.name[:4] for page in PAGES)
    assert len(numbers) > 10
    assert [number for number, count in numbers.items() if count > 1] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name[:4])
def test_the_heading_says_the_number_of_the_file(page: Path) -> None:
    assert page.read_text().startswith(f"# {int(page.name[:4])}. ")
