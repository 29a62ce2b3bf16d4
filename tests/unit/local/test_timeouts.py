"""One variable stretches every limit of the harness."""

from __future__ import annotations

import pytest

from deploy.local.errors import StartError
from deploy.local.timeouts import VARIABLE, scaled

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("value", "limit"), [("", 30.0), ("1", 30.0), ("3", 90.0), ("0.5", 15.0)])
def test_a_limit_is_multiplied(monkeypatch: pytest.MonkeyPatch, value: str, limit: float) -> None:
    monkeypatch.setenv(VARIABLE, value)
    assert scaled(30.0) == limit


def test_without_the_variable_it_is_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert scaled(30.0) == 30.0


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "long"])
def test_anything_else_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(StartError, match=f"{VARIABLE}={value}") as refused:
        scaled(30.0)
    assert f"{VARIABLE}=3" in refused.value.remedy
