"""What the page of sample people says of a person whose first place is other work (that the page is what the code says
looks `make samples-page-check`)."""

from __future__ import annotations

import re

import pytest

from verification.evaluation.sample_page import PAGE

pytestmark = pytest.mark.unit
TEXT = PAGE.read_text(encoding="utf-8")
CHAPTERS = re.split(r"^#+ ", TEXT, flags=re.MULTILINE)
TEN = [one for one in CHAPTERS if " / Person " in one.partition("\n")[0]]


def test_ten_people_are_shown_each_with_what_opens_more_and_why_not() -> None:
    assert len(TEN) == 10
    for chapter in TEN:
        assert "What opens more:" in chapter
        assert re.search(r"^- \d+개 / openings", chapter, re.MULTILINE)
        assert "Why not, and what opens it" in chapter


def test_why_holds_nothing_that_speaks_against_or_is_not_known() -> None:
    for line in TEXT.splitlines():
        if line.strip().startswith("- why:"):
            for other in ("Far from", "A long way", "not known", "cannot be told", "is not high", "No skills"):
                assert other not in line


def test_whose_first_place_is_other_work_is_told_what_became_of_theirs() -> None:
    for chapter in TEN:
        first = chapter.partition("\n1. ")[2].partition("\n2. ")[0]
        if "\n   - but:" in first and "Far from the work" in first.partition("\n\n")[0]:
            assert "Close to the work that is wanted or known are" in chapter


def test_english_sentences_name_codes_in_english() -> None:
    english = [part for line in TEXT.splitlines() for part in re.findall(r" / ([A-Z][^/]*)", line)]
    assert not [part for part in english if re.search(r": [^.]*[가-힣][^.]*\.$", part)]
