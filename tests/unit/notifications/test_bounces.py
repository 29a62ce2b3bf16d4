"""Reports of undelivered mails: what counts as one, and what it means."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable
from email.message import Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.mail.smtp_relay import MailAnswer, judge
from services.notifications.domain import bounce_report
from services.notifications.domain.bounce_report import Failure, failures_of, said_of
from tests.support.undelivered import AWAY, REPORTS, crlf, postfix, written

pytestmark = pytest.mark.unit
TO = "jobs@partner.example"


def report(
    *blocks: str, kind: str = "multipart/report; report-type=delivery-status; boundary=b", more: str = ""
) -> bytes:
    """The least that is one."""
    said = "\n\n".join(["Reporting-MTA: dns; x", *blocks])
    return crlf(
        f"Content-Type: {kind}\n{more}\n\n--b\n\nsorry\n--b\nContent-Type: message/delivery-status\n\n{said}\n\n--b--\n"
    )


def encoded(said: bytes, encoding: str, kind: str = "delivery-status") -> bytes:
    """One whose statuses are packed."""
    head = crlf("Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n")
    part = crlf(f"Content-Type: message/{kind}\nContent-Transfer-Encoding: {encoding}\n\n")
    return head + part + said + b"\r\n--b--\r\n"


def block(status: str = "5.1.1", action: str = "failed", to: str = TO) -> str:
    return f"Final-Recipient: rfc822; {to}\nAction: {action}\nStatus: {status}"


def wrapped(inner: bytes, kind: str, boundary: str = "a") -> bytes:
    """A mail as a part of another."""
    head = crlf(f"Subject: x\nContent-Type: multipart/{kind}; boundary={boundary}\n\n--{boundary}\n")
    return head + inner + crlf(f"\n--{boundary}\n\na footer\n--{boundary}--\n")


SAID = crlf(f"Reporting-MTA: dns; x\n\n{block()}\n")


class TestReport:
    @pytest.mark.parametrize("server", REPORTS)
    def test_of_each_server_is_read(self, server: str) -> None:
        for status in ("5.1.1", "5.1.10", "5.2.2", "5.7.1"):
            assert failures_of(REPORTS[server](TO, status)) == (Failure(TO, status),)

    @pytest.mark.parametrize("server", REPORTS)
    @pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", "failing", ""])
    def test_of_anything_but_a_failure_says_nothing(self, server: str, action: str) -> None:
        assert failures_of(REPORTS[server](TO, "5.1.1", action)) == ()

    @pytest.mark.parametrize(
        ("name", "status", "to", "said"),
        [
            ("postfix-gone", "5.1.10", "gone5110@refuse.example", "gone"),  # an answer of several lines
            ("postfix-gone-in-other-letters", "5.1.1", "goneutf8@refuse.example", "gone"),
            ("postfix-full", "5.2.2", "full@refuse.example", "refused"),
            ("postfix-too-large", "5.3.4", "b@small.example", "refused"),
            ("postfix-no-such-domain", "5.4.4", "a@nx-domain.example", "refused"),
            ("postfix-given-up", "4.2.0", "later450@refuse.example", "refused"),
            ("postfix-nobody-answered", "4.4.1", "c@nobody-listens.example", "refused"),
            ("postfix-utf8-headers", "5.1.1", "gone511@refuse.example", "gone"),
            ("exim-gone", "5.1.10", "gone5110@refuse.example", "gone"),
            ("exim-gone-in-other-letters", "5.1.1", "goneutf8@refuse.example", "gone"),
            ("exim-no-such-domain", "5.0.0", "a@nx-domain.example", "refused"),
            ("exim-given-up", "5.0.0", "later450@refuse.example", "refused"),
        ],
    )
    def test_that_a_real_server_wrote_is_read(self, name: str, status: str, to: str, said: str) -> None:
        failures = failures_of(written(name))
        assert failures == (Failure(to, status),)
        assert said_of(to, failures) == said

    @pytest.mark.parametrize("name", ["postfix-utf8-recipient", "exim-utf8-recipient"])
    def test_of_a_recipient_in_other_letters_is_about_none_of_ours(self, name: str) -> None:
        failures = failures_of(written(name))
        assert [each.status for each in failures] == ["5.1.1"]
        assert said_of("user@refuse.example", failures) == "refused"

    @pytest.mark.parametrize("name", ["postfix-delayed", "postfix-relayed", "exim-delayed", "exim-delivered"])
    def test_that_a_real_server_wrote_of_anything_else_says_nothing(self, name: str) -> None:
        assert failures_of(written(name)) == ()

    def test_that_is_not_for_good_says_nothing(self) -> None:
        for status in ("2.0.0", "5", "5.1", "6.1.1", "55.1.1", "", "five"):
            assert failures_of(report(block(status))) == ()
        for status in ("4.2.2", "4.4.1"):
            assert failures_of(report(block(status, "delayed"))) == ()
            assert failures_of(report(block(status))) == (Failure(TO, status),)  # given up, whatever it was put off for

    def test_is_of_several_recipients(self) -> None:
        several = block(to="a@x.example"), block("4.4.1", "delayed"), block("5.7.1", to="<B@x.example>")
        found = failures_of(report(*several))
        assert found == (Failure("a@x.example", "5.1.1"), Failure("b@x.example", "5.7.1"))

    def test_what_stands_behind_the_status_and_in_other_cases_does_no_harm(self) -> None:
        odd = f"final-recipient: RFC822;{TO}\nACTION: Failed (for good)\nstatus:  5.1.1 (bad mailbox)"
        assert failures_of(report(odd)) == (Failure(TO, "5.1.1"),)

    def test_a_diagnostic_code_counts_where_the_status_says_nothing_and_only_of_smtp(self) -> None:
        for said, status in (
            ("smtp; 550 5.1.1 unknown", "5.1.1"),
            ("SMTP;550-5.1.10 unknown", "5.1.10"),
            ("smtp; 450 4.1.1 later", "5.0.0"),
            ("smtp; 550 unknown 5.1.1", "5.0.0"),
            ("x-unix; 550 5.1.1 unknown", "5.0.0"),
        ):
            assert failures_of(report(f"{block('5.0.0')}\nDiagnostic-Code: {said}")) == (Failure(TO, status),)
        assert failures_of(report(f"{block('5.7.1')}\nDiagnostic-Code: smtp; 550 5.1.1 x")) == (Failure(TO, "5.7.1"),)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\r\n",
            AWAY,
            crlf("Subject: x\n\nYour mail failed. Status: 5.1.1\nAction: failed\n"),
            report(block(), kind="multipart/mixed; report-type=delivery-status; boundary=b"),
            report(block(), kind="multipart/report; report-type=disposition-notification; boundary=b"),
            report(block(), kind="multipart/report; boundary=b"),
            report(block(), kind="multipart/report; report-type=delivery-status"),
            report(block(), kind="multipart/report; report-type=delivery-status; boundary=other"),
            report(block(), more="Content-Type: multipart/report; report-type=delivery-status; boundary=b\n"),
            report(),
            report("Action: failed\nStatus: 5.1.1"),
            report(f"Final-Recipient: x400; {TO}\nAction: failed\nStatus: 5.1.1"),
            report(f"Final-Recipient: rfc822; {TO}\nAction: failed"),
            crlf("Content-Type: multipart/report; report-type=delivery-status; boundary=b"),
        ],
    )  # fmt: skip
    def test_all_else_is_none(self, content: bytes) -> None:
        assert failures_of(content) == ()

    def test_of_the_mail_that_came_back_with_it_nothing_counts(self) -> None:
        inner = report(block()).decode()
        content = (
            crlf("Content-Type: multipart/report; report-type=delivery-status; boundary=outer\n\n--outer\n\n--outer\n")
            + crlf("Content-Type: message/rfc822\n\n")
            + inner.encode()
            + crlf("\n--outer--\n")
        )
        assert failures_of(content) == ()

    @pytest.mark.parametrize("kind", ["mixed", "signed; protocol=x", "related"])
    def test_that_was_wrapped_on_the_way_is_read(self, kind: str) -> None:
        """By a scanner, a list or a gateway that adds a footer or signs."""
        once = wrapped(report(block()), kind)
        assert failures_of(once) == (Failure(TO, "5.1.1"),)
        assert failures_of(wrapped(once, "mixed", "c")) == (Failure(TO, "5.1.1"),)
        assert failures_of(wrapped(wrapped(once, "mixed", "c"), "mixed", "d")) == ()
        other = b"\r\n--a\r\nContent-Type: multipart/alternative; boundary=z\r\n\r\n--z--"
        assert failures_of(once.replace(b"\r\n--a\r\n", other + b"\r\n--a\r\n", 1)) == (Failure(TO, "5.1.1"),)

    @pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers", "application/octet-stream"])
    def test_that_somebody_hands_on_says_nothing(self, kind: str) -> None:
        assert failures_of(wrapped(crlf(f"Content-Type: {kind}\n\n") + report(block()), "mixed")) == ()

    def test_of_two_parts_with_statuses_the_first_counts(self) -> None:
        content = report(block("4.4.1", "delayed")).replace(
            b"--b--", b"--b\r\nContent-Type: message/delivery-status\r\n\r\nR: x\r\n\r\n" + block().encode()
        )
        assert failures_of(content) == ()

    @pytest.mark.parametrize(
        ("encoding", "packed"),
        [
            ("base64", base64.encodebytes),
            ("Base64 (in lines)", base64.encodebytes),
            ("quoted-printable", quopri.encodestring),
            ("7bit (as it should be)", bytes),
            ("8BIT", bytes),
        ],
    )
    @pytest.mark.parametrize("kind", ["delivery-status", "global-delivery-status"])
    def test_that_is_packed_is_read(self, kind: str, encoding: str, packed: Callable[[bytes], bytes]) -> None:
        assert failures_of(encoded(packed(SAID), encoding, kind)) == (Failure(TO, "5.1.1"),)

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param((SAID, "base64"), id="said to be packed"),
            pytest.param((base64.encodebytes(SAID), "7bit"), id="said not to be"),
            pytest.param((base64.encodebytes(SAID)[:-3], "base64"), id="cut"),
            pytest.param((SAID, "x-uuencode"), id="unknown"),
            pytest.param((base64.encodebytes(b" " * 50_000 + SAID), "base64"), id="too large"),
        ],
    )
    def test_that_is_packed_otherwise_than_it_says_is_none(self, content: tuple[bytes, str]) -> None:
        assert failures_of(encoded(*content)) == ()

    def test_that_was_cut_off_behind_its_statuses_is_read(self) -> None:
        whole = postfix(TO)
        assert failures_of(whole[: whole.index(b"Content-Description: Undelivered")]) == (Failure(TO, "5.1.1"),)


def nested(depth: int) -> bytes:
    kind = "multipart/report; report-type=delivery-status"
    levels = "".join(f"Content-Type: {kind}; boundary=b{n}\n\n--b{n}\n" for n in range(depth))
    return crlf(f"{levels}Content-Type: message/delivery-status\n\nR: x\n\n{block()}\n")


STATUSES = "Content-Type: message/delivery-status"
ODD_CHARSETS = "report-type*=no-such-charset''delivery-status; boundary*=x'y'%ff"
HEAD = "Content-Type: multipart/report; report-type=delivery-status; boundary=b"
AFTER_HEAD = crlf(f"\n--b\n{STATUSES}\n\nR: x\n\n{block()}\n")


class TestHostile:
    """None of it is a report, none of it raises, none of it costs more than its bytes."""

    @pytest.mark.parametrize("around", ["", "Content-Type: multipart/mixed; boundary=a\n\n--a\n"])
    def test_the_parameters_of_a_long_content_type_are_not_looked_for(
        self, around: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found, looked = Message.get_param, list[int]()

        def get_param(headers: Message, *asked: Any) -> Any:
            looked.append(len(str(headers["Content-Type"])))
            return found(headers, *asked)

        monkeypatch.setattr(Message, "get_param", get_param)
        for length in (10, 60_000):
            assert failures_of(crlf(f'{around}{HEAD}; x="' + ";" * length + '"\n') + AFTER_HEAD) == (
                (Failure(TO, "5.1.1"),) if length == 10 else ()
            )
        assert looked
        assert max(looked) <= bounce_report.LONGEST_CONTENT_TYPE

    @pytest.mark.parametrize(
        "content",
        [
            nested(2),
            nested(3_000),
            crlf(f"{HEAD}\n\n" + "--b\n\nx\n" * 10_000 + f"--b\n{STATUSES}\n\nR: x\n\n{block()}\n"),
            crlf(f"{HEAD}\n" + "X: y\n" * 20_000) + report(block()),
            crlf(f"X: {'y' * 200_000}\n") + report(block()),
            crlf(f"X: y\n{' z' * 100_000}\n") + report(block()),
            crlf(f'{HEAD}; x="' + ";" * 60_000 + "\n\n") + report(block()),
            crlf(f"{HEAD}; " + "; ".join(f"x*{n}=y" for n in range(9_000)) + "\n\n--b\n"),
            crlf(f"Content-Type: multipart/report; {ODD_CHARSETS}\n\n--b\n{STATUSES}\n\nR: x\n\n{block()}"),
            b"Content-Type: multipart/report; report-type=delivery-status; boundary=\xff\xfe\r\n\r\n--\xff\xfe\r\n\r\n",
            crlf(f"{HEAD}\n\n--b\nContent-Type: message/delivery-status\n\nR: x\n\n" + "X: y\n\n" * 30_000 + block()),
            crlf(f"{HEAD}\n\n--b\nContent-Type: message/delivery-status\n\nR: x\n\n" + "x" * 70_000 + f"\n\n{block()}"),
            crlf(f"{HEAD}\n\n--b\n" + "X: y\n" * 9_000 + f"Content-Type: message/delivery-status\n\nR: x\n\n{block()}"),
            report(block()) + b"x" * bounce_report.MOST_BYTES,
            b"\r\n" * 131_072,
            b"\x00" * 262_144,
            b"--b\r\n" * 50_000,
            crlf(f"{HEAD}\n\n" + "\n \t" * 60_000),
            crlf(f"{HEAD}\n") + b"X: y\r" * 9_000 + AFTER_HEAD,
            crlf(f"{HEAD}\n\n") + (b"--b\r\n" + b"X:\r" * 1_900 + b"\r\n\r\n") * 8 + AFTER_HEAD[2:],
            crlf(f"{HEAD}\n\n" + ("--b\n" + "X:\n" * 103 + "\n\n") * 8) + AFTER_HEAD[2:],
            crlf(f"{HEAD}\n\n--b\n{STATUSES}\n\nR: x\n\n" + "X:\n" * 103 + f"\n{block()}\n"),
        ],
        ids=range(22),
    )  # fmt: skip
    def test_is_no_report(self, content: bytes) -> None:
        assert failures_of(content) == ()

    def test_odd_bytes_in_a_report_are_passed_over(self) -> None:
        odd = report(f"{block()}\nX-Odd: \udcff\udcfe".encode("utf-8", "replace").decode(), block("5.7.1"))
        odd = odd.replace(b"sorry", b"\xff\xfe\x00\xed\xa0\x80").replace(b"X-Odd: ??", b"X-Odd: \xff\xfe")
        assert failures_of(odd) == (Failure(TO, "5.1.1"), Failure(TO, "5.7.1"))

    def test_only_so_many_recipients_are_read(self) -> None:
        found = failures_of(report(*[block(to=f"{n}@x.example") for n in range(500)]))
        assert len(found) == bounce_report.MOST_RECIPIENTS

    @given(st.binary(max_size=400), st.integers(0, 1_500), st.integers(0, 60))
    def test_whatever_is_put_in_it_never_raises_nor_ends_anybody_else(self, odd: bytes, at: int, gone: int) -> None:
        content = postfix(TO)
        content = content[:at] + odd + content[at + gone :]
        assert said_of("other@partner.example", failures_of(content)) in (None, "refused")


class TestMeaning:
    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ("5.1.1", "gone"), ("5.1.2", "gone"), ("5.1.3", "gone"), ("5.1.6", "gone"), ("5.1.10", "gone"),
            ("5.1.0", "refused"),  # says nothing
            ("5.1.7", "refused"), ("5.1.8", "refused"),  # our own address
            ("5.2.1", "refused"), ("5.2.2", "refused"),  # it exists
            ("5.4.1", "refused"), ("5.4.4", "refused"), ("5.7.1", "refused"), ("5.0.0", "refused"),
        ],
    )  # fmt: skip
    def test_is_that_of_the_mail_servers_own_answer(self, status: str, said: str) -> None:
        assert said_of(TO, failures_of(postfix(TO, status))) == said
        assert judge(MailAnswer("mailbox", 550, status)).disable == (said == "gone")

    @pytest.mark.parametrize("status", ["4.1.1", "4.2.0", "4.2.2", "4.4.1", "4.4.3", "4.7.1"])
    def test_what_was_put_off_until_the_mail_server_gave_up_is_lost_and_ends_nothing(self, status: str) -> None:
        assert said_of(TO, failures_of(postfix(TO, status))) == "refused"

    def test_a_mailbox_behind_ours_that_is_gone_does_not_end_ours(self) -> None:
        assert said_of(TO, failures_of(postfix("member@partner.example"))) == "refused"

    def test_ours_among_others_does_and_its_case_does_not_matter(self) -> None:
        found = failures_of(report(block("5.7.1", to="a@x.example"), block(to="JOBS@Partner.Example")))
        assert said_of("Jobs@partner.example", found) == "gone"

    def test_nothing_that_failed_means_nothing(self) -> None:
        assert said_of(TO, ()) is None

    def test_an_address_is_not_shown(self) -> None:
        assert TO not in repr(failures_of(postfix(TO)))
