"""A round as it is shown, also one of before a field was added."""

from __future__ import annotations

from typing import Any

import pytest

from services.matching.rounds.round_requests import _result

pytestmark = pytest.mark.unit
HELD: Any = {"fixed": []}
RESULT: Any = {
    "assigned": [], "waiting": [], "groups": [], "benefit": 0.0, "bound": 0.0, "optimum": 0.0, "greedy": 0.0,
    "first_come": 0.0, "model": "9", "as_of": "2026-11-22",
}  # fmt: skip


def test_a_round_of_before_terms_were_told_of_is_shown_without() -> None:
    assert _result(HELD, RESULT, {}).terms == ()
    terms = [{"terms": "none", "benefit": 1.0, "costs": 0.0, "seconds": 0.1}]
    assert [one.terms for one in _result(HELD, {**RESULT, "terms": terms}, {}).terms] == ["none"]
