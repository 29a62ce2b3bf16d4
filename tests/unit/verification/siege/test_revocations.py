"""Until when something taken back was still sent, from what partners wrote down."""

from __future__ import annotations

import pytest

from samples.partners.held import Received
from verification.siege.revocations import Withdrawal

pytestmark = pytest.mark.unit
WITHDRAWN = Withdrawal(0, "notice", ("gjf",), at=100.0, aliases=frozenset({("gjf", "a1")}))


def received(at: float, alias: str = "a1", kind: str = "notice") -> Received:
    return Received(at, {"type": kind, "data": {"alias": alias, "notice": f"{at}"}})


class TestWhatWasSentAfterwards:
    def test_the_last_notice_about_this_person_counts(self) -> None:
        those = [received(99.0), received(101.5), received(104.0), received(103.0)]
        assert WITHDRAWN.sent({"gjf": those}) == pytest.approx(4.0)

    def test_what_came_before_or_concerns_others_does_not(self) -> None:
        those = [received(99.9), received(105.0, "a2"), received(106.0, kind="recall")]
        assert WITHDRAWN.sent({"gjf": those, "khf": [received(107.0)]}) == 0.0

    def test_the_recall_is_told_apart(self) -> None:
        those = {"gjf": [received(101.0), received(102.0, kind="recall"), received(109.0, "a2", "recall")]}
        assert WITHDRAWN.recalled(those) == pytest.approx(2.0)
        assert WITHDRAWN.recalled({"gjf": [received(101.0)]}) is None
