"""The fit of weights on an operator's own rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from services.matching.domain.factors import FACTORS
from verification.evaluation.fit import fitted, main, of_rows

pytestmark = pytest.mark.unit


def row(person: int, gain: float, **values: float) -> str:
    return json.dumps({"person": person, "gain": gain, "values": {one.name: 0.5 for one in FACTORS} | values})


class TestRows:
    def test_of_who_has_outcomes_that_differ(self) -> None:
        values, truths = of_rows([row(0, 1.0, occupation=0.9), row(1, 1.0), row(0, 0.0), row(2, 0.0), row(2, 0.0)])
        assert [list(truth) for truth in truths] == [[1.0, 0.0]]
        names = [factor.name for factor in FACTORS]
        assert values[0][0][names.index("occupation")] == 0.9

    def test_a_factor_that_tells_yes_from_no_gains_weight(self) -> None:
        lines = [row(n, float(good), commute=0.9 if good else 0.1) for n in range(20) for good in (True, False)]
        prior = np.full(len(FACTORS), 1 / len(FACTORS))
        weights = fitted(*of_rows(lines), prior)
        assert weights[[factor.name for factor in FACTORS].index("commute")] > 2 / len(FACTORS)
        assert weights.sum() == pytest.approx(1.0)

    def test_nothing_to_fit_is_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "rows"
        path.write_text(row(0, 1.0))
        assert main(["--rows", str(path)]) == 1
        assert "nothing to fit" in capsys.readouterr().out
