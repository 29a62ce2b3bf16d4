"""A filter says which notices a subscription wants; it is bounded before it is looked into."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.notifications.domain.notice_threads import MatchSummary
from services.notifications.domain.subscription_filters import FilterRefused, checked, compiled

pytestmark = pytest.mark.unit
HIGH_JOB = MatchSummary("o1", "job", "high", "legal-dong-2026:41270")
LOW_JOB = MatchSummary("o2", "job", "low", "legal-dong-2026:11110")
HIGH_INTERNSHIP = MatchSummary("o3", "internship", "high")
ALL = (HIGH_JOB, LOW_JOB, HIGH_INTERNSHIP)
JOB, HIGH, LOW = {"exact": {"kind": "job"}}, {"exact": {"band": "high"}}, {"exact": {"band": "low"}}


def deep(levels: int) -> dict[str, Any]:
    """A filter with so many levels."""
    return JOB if levels == 1 else {"not": deep(levels - 1)}


@pytest.mark.parametrize(
    ("wanted", "passing"),
    [
        (JOB, {"o1", "o2"}),
        ({"exact": {"kind": "job", "band": "high"}}, {"o1"}),
        ({"all": [JOB, HIGH]}, {"o1"}),
        ({"any": [LOW, {"exact": {"kind": "internship"}}]}, {"o2", "o3"}),
        ({"not": LOW}, {"o1", "o3"}),
        ({"all": [{"not": {"any": [LOW, JOB]}}, HIGH]}, {"o3"}),
        ({"exact": {"kind": "training"}}, set()),
        ({"exact": {"region": "legal-dong-2026:41270"}}, {"o1"}),
        ({"prefix": {"region": "legal-dong-2026:41"}}, {"o1"}),
        ({"prefix": {"region": "legal-dong-2026:4127000000"}}, set()),
        ({"not": {"prefix": {"region": "legal-dong-2026:41"}}}, {"o2", "o3"}),
    ],
)
def test_what_it_lets_pass(wanted: dict[str, Any], passing: set[str]) -> None:
    wants = compiled(checked(wanted))
    assert {told.opportunity for told in ALL if wants(told)} == passing


def test_none_lets_everything_pass() -> None:
    assert all(compiled(None)(told) for told in ALL)


@pytest.mark.parametrize(
    ("wanted", "place", "rule"),
    [
        ({}, "", "filter-form"),
        ([], "", "filter-form"),
        ("job", "", "filter-form"),
        ({"exact": {"kind": "job"}, "not": LOW}, "", "filter-form"),
        ({"all": []}, "", "filter-form"),
        ({"any": {"exact": {}}}, "", "filter-form"),
        ({"sql": "1=1"}, "", "filter-form"),
        ({"all": [JOB, {"not": []}]}, "/all/1/not", "filter-form"),
        ({"exact": {"person": "x"}}, "/exact", "filter-field"),
        ({"exact": {"band": "best"}}, "/exact/band", "filter-value"),
        ({"prefix": {"kind": "jo"}}, "/prefix", "filter-field"),
        ({"prefix": {}}, "/prefix", "filter-form"),
        ({"exact": {"region": "41270"}}, "/exact/region", "filter-value"),
        ({"exact": {"region": "legal-dong-2026:01012345678"}}, "/exact/region", "filter-value"),
        ({"exact": {"band": "high\n"}}, "/exact/band", "filter-value"),
        ({"exact": {"kind": 1}}, "/exact/kind", "filter-value"),
        ({"exact": {"kind": "j" * 61}}, "/exact/kind", "filter-value"),
        ({"exact": {"kind": "채용"}}, "/exact/kind", "filter-value"),
        ({"exact": {"kind": "010-1234-5678"}}, "/exact/kind", "filter-value"),
        ({"exact": {"kind": "Job"}}, "/exact/kind", "filter-value"),
        ({"exact": {"kind": "job\n"}}, "/exact/kind", "filter-value"),
        ({"exact": {"kind": ""}}, "/exact/kind", "filter-value"),
        (deep(7), "/not/not/not/not/not/not", "filter-size"),
        ({"any": [JOB] * 60}, "/any/59", "filter-size"),
        ({"any": [{"exact": {"kind": "k" * 60}}] * 59}, "", "filter-size"),
    ],
)
def test_what_is_refused_and_where(wanted: object, place: str, rule: str) -> None:
    with pytest.raises(FilterRefused) as refused:
        checked(wanted)
    assert (refused.value.place, refused.value.rule) == (place, rule)


def test_as_deep_and_as_wide_as_is_allowed() -> None:
    assert json.loads(checked(deep(6))) == deep(6)
    assert json.loads(checked({"any": [JOB] * 59})) == {"any": [JOB] * 59}


def test_one_text_is_compiled_once() -> None:
    text = checked({"all": [JOB, HIGH]})
    assert compiled(text) is compiled(checked({"all": [JOB, HIGH]}))
