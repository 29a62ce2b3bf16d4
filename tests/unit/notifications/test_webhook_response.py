"""What a partner's answer to a webhook means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.webhook_response import Answer, judge, retry_after

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


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


class TestAPageForPeople:
    @pytest.mark.parametrize(
        ("content_type", "doubtful"),
        [
            ("text/html", True),
            ("Text/HTML; charset=utf-8", True),
            (" application/xhtml+xml", True),
            ("application/json", False),
            ("text/plain", False),
            ("", False),
            ("text/htmlx", False),
        ],
    )
    @pytest.mark.parametrize("status", [200, 202])
    def test_is_a_doubtful_yes(self, content_type: str, doubtful: bool, status: int) -> None:
        verdict = judge(Answer(status, {"content-type": content_type}), NOW, DAY)
        assert (verdict.outcome, verdict.doubtful) == ("delivered", doubtful)
        assert verdict.reason == ("answered-with-a-page" if doubtful else None)
        assert verdict.about("notice").outcome == "delivered"
        assert verdict.about("recall").outcome == ("again" if doubtful else "delivered")

    @pytest.mark.parametrize(("status", "empty"), [(204, False), (205, False), (200, True), (202, True)])
    def test_is_in_no_answer_without_content_whatever_the_framework_says_it_is(self, status: int, empty: bool) -> None:
        verdict = judge(Answer(status, {"content-type": "text/html; charset=utf-8"}, empty=empty), NOW, DAY)
        assert (verdict.reason, verdict.doubtful, verdict.about("recall").outcome) == (None, False, "delivered")

    def test_that_says_no_is_a_plain_no(self) -> None:
        verdict = judge(Answer(503, {"content-type": "text/html"}), NOW, DAY)
        assert (verdict.outcome, verdict.reason, verdict.doubtful) == ("again", "refused-503", False)


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

    @pytest.mark.parametrize("error", ["no-connection", "tls", "url", "secret"])
    def test_without_a_connection_nothing_can_have_reached_the_partner(self, error: str) -> None:
        assert not judge(Answer(error=error), NOW, DAY).possibly_sent

    @pytest.mark.parametrize("answer", [Answer(error="timeout"), Answer(error="connection-lost"), Answer(500, {})])
    def test_after_any_other_error_it_may_have(self, answer: Answer) -> None:
        assert judge(answer, NOW, DAY).possibly_sent

    @pytest.mark.parametrize(
        ("answer", "healthy"),
        [
            (Answer(204), True),
            (Answer(400), True),
            (Answer(404), True),
            (Answer(413), True),
            (Answer(500, {"webhook-delivery": "abort-message"}), True),
            (Answer(200, {"webhook-delivery": "disable"}), True),
            (Answer(401), False),
            (Answer(410), False),
            (Answer(429), False),
            (Answer(500), False),
            (Answer(302), False),
            (Answer(error="timeout"), False),
        ],
    )
    def test_an_endpoint_that_refuses_the_message_alone_is_healthy(self, answer: Answer, healthy: bool) -> None:
        assert judge(answer, NOW, DAY).endpoint_healthy is healthy
