"""When to try again, and what an answer means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.retry import STANDARD_SCHEDULE, next_attempt, retry_after
from services.notifications.domain.verdict import Answer, judge

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda m: m.replace(tzinfo=UTC))  # noqa: DTZ001 - given a zone at once


class TestNextAttempt:
    def test_the_waits_are_those_of_standard_webhooks(self) -> None:
        waits = [next_attempt(STANDARD_SCHEDULE, n, NOW, NOW, 0.0) for n in range(1, 11)]
        hours = [2, 5, 10, 14, 20, 24]
        assert waits[:3] == [NOW + timedelta(seconds=s) for s in (5, 300, 1800)]
        assert waits[3:9] == [NOW + timedelta(hours=h) for h in hours]
        assert waits[9] is None

    @given(moments, moments, st.integers(1, 9), st.floats(0, 1))
    def test_it_is_never_early_and_never_goes_back(
        self, now: datetime, planned: datetime, attempts: int, jitter: float
    ) -> None:
        found = next_attempt(STANDARD_SCHEDULE, attempts, now, planned, jitter)
        assert found is not None
        assert found >= max(now, planned) + timedelta(seconds=STANDARD_SCHEDULE[attempts])

    def test_a_clock_that_was_set_back_brings_nothing_forward(self) -> None:
        assert next_attempt((0, 5), 1, NOW - timedelta(minutes=10), NOW, 0.0) == NOW + timedelta(seconds=5)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("120", 120),
            (" 7 ", 7),
            ("0", 0),
            ("Sun, 22 Nov 2026 12:01:00 GMT", 60),
            ("Sunday, 22-Nov-26 12:01:00 GMT", 60),
            ("Sun, 22 Nov 2026 21:01:00 +0900", 60),
            ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
            ("Sun, 22 Nov 2036 12:00:00 GMT", 86400),
            ("315360000", 86400),
            ("9" * 5000, 86400),
            ("-5", None),
            ("1.5", None),
            ("1e3", None),
            ("soon", None),
            ("", None),
            ("٣٠", None),
            ("Sun, 99 Nov 2026 12:01:00 GMT", None),
            ("Sun, 22 Nov 999999 12:01:00 GMT", None),
            ("\x00", None),
            (None, None),
        ],
    )
    def test_seconds_dates_garbage_and_absurd(self, header: str | None, seconds: int | None) -> None:
        expected = None if seconds is None else timedelta(seconds=seconds)
        assert retry_after(header, NOW, DAY) == expected

    @given(st.text(max_size=60))
    def test_nothing_that_a_partner_writes_raises(self, header: str) -> None:
        found = retry_after(header, NOW, DAY)
        assert found is None or timedelta(0) <= found <= DAY


class TestJudge:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    def test_every_2xx_is_delivered(self, status: int) -> None:
        assert judge(Answer(status, {}), NOW, DAY).outcome == "delivered"

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 499, 500, 501, 502, 504, 599])
    def test_other_errors_are_tried_again_and_named(self, status: int) -> None:
        verdict = judge(Answer(status, {}), NOW, DAY)
        assert (verdict.outcome, verdict.reason, verdict.hold) == ("again", f"refused-{status}", None)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_an_error(self, status: int) -> None:
        verdict = judge(Answer(status, {"location": "http://169.254.169.254/"}), NOW, DAY)
        assert (verdict.outcome, verdict.reason) == ("again", "redirect")

    def test_410_disables_at_once(self) -> None:
        verdict = judge(Answer(410, {}), NOW, DAY)
        assert (verdict.outcome, verdict.reason, verdict.disable) == ("failed", "gone", True)

    @pytest.mark.parametrize("status", [429, 503])
    def test_429_and_503_may_hold_the_endpoint(self, status: int) -> None:
        verdict = judge(Answer(status, {"retry-after": "90"}), NOW, DAY)
        assert (verdict.outcome, verdict.hold) == ("again", timedelta(seconds=90))

    def test_only_429_and_503_may(self) -> None:
        assert judge(Answer(500, {"retry-after": "90"}), NOW, DAY).hold is None

    @pytest.mark.parametrize(("status", "outcome"), [(200, "delivered"), (500, "failed")])
    def test_a_recipient_may_disable_itself(self, status: int, outcome: str) -> None:
        verdict = judge(Answer(status, {"webhook-delivery": " Disable "}), NOW, DAY)
        assert (verdict.outcome, verdict.disable) == (outcome, True)

    @pytest.mark.parametrize("status", [200, 500])
    def test_a_recipient_may_end_one_message(self, status: int) -> None:
        verdict = judge(Answer(status, {"webhook-delivery": "abort-message"}), NOW, DAY)
        assert (verdict.outcome, verdict.reason, verdict.disable) == ("failed", "aborted", False)

    def test_an_unknown_wish_changes_nothing(self) -> None:
        assert judge(Answer(200, {"webhook-delivery": "later"}), NOW, DAY).outcome == "delivered"

    @pytest.mark.parametrize("error", ["timeout", "connection-lost", "tls", "no-connection"])
    def test_no_answer_is_tried_again(self, error: str) -> None:
        verdict = judge(Answer(error=error), NOW, DAY)
        assert (verdict.outcome, verdict.reason) == ("again", error)
