"""What learns is not stopped by a value that no pair of a world has."""

from __future__ import annotations

import numpy as np

from verification.evaluation.baselines import said_at_all


def test_a_column_that_nobody_has_is_nothing_and_the_others_stay() -> None:
    nothing = float("nan")
    found = said_at_all(np.array([[1.0, nothing, nothing], [2.0, nothing, 3.0]]))
    assert found[:, :2].tolist() == [[1.0, 0.0], [2.0, 0.0]]
    assert np.isnan(found[0, 2])
    assert found[1, 2] == 3.0
