"""Whether the mail server refuses us or one mailbox: by what it says, and by what becomes of mails to others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.mail.relay_standing import PROVEN, RelayStanding
from services.notifications.channels.mail.smtp_relay import MailAnswer, judge
from services.notifications.domain.mail_refusals import About, status_of, whom

pytestmark = pytest.mark.unit
X, Y = "x@partner.example", "y@other.example"


class TestWhatItSays:
    @pytest.mark.parametrize(
        ("code", "text"),
        [
            (554, "5.7.1 <x@partner.example>: Relay access denied"),  # Postfix
            (454, "4.7.1 <x@partner.example>: Relay access denied"),  # Postfix, as it is set today
            (550, "relay not permitted"),  # Exim
            (550, "Relaying denied"),  # Sendmail
            (550, "5.7.1 x@partner.example... Relaying denied. Proper authentication required."),
            (550, "5.7.1 Unable to relay"),  # Exchange
            (550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain"),
            (550, "5.7.60 SMTP; Client does not have permissions to send as this sender"),
            (550, "5.7.64 TenantAttribution; Relay Access Denied"),
            (553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),  # qmail
            (550, "5.7.0 Mail relay denied [10.0.0.5]. Invalid credentials for relay"),  # Google
            (550, "5.1.2 We do not relay"),
            (550, "authentication required"),
            (503, "5.5.1 Error: authentication not enabled"),
            (503, "AUTH first"),
            (530, "whatever"),
            (535, "5.7.8 no"),
            (550, "5.7.8 no"),
            (553, "5.7.1 <notices@ieum.example>: Sender address rejected: not logged in"),
            (550, "5.1.8 <notices@ieum.example>: Domain not found"),
            (554, "5.7.1 <unknown[10.0.0.5]>: Client host rejected: Access denied"),
            (554, "5.7.1 Service unavailable; Client host [10.0.0.5] blocked using zen.example"),
            (450, "4.7.1 <ieum>: Helo command rejected: Host not found"),
            (550, "5.7.0 Must issue a STARTTLS command first"),
            (421, "4.3.2 closing"),
            (452, "4.3.1 Insufficient system storage"),
            (451, "4.3.0 queue file write error"),
        ],
    )
    def test_of_us_is_the_mail_servers(self, code: int, text: str) -> None:
        assert whom(code, text) == "server"

    @pytest.mark.parametrize(
        ("code", "text"),
        [
            (550, "5.1.1 <x@partner.example>: Recipient address rejected: User unknown"),
            (550, "5.1.1 <x@partner.example>: Recipient address rejected: User unknown in relay recipient table"),
            (550, "sorry, no mailbox here by that name. (#5.1.1)"),
            (552, "5.2.2 mailbox full"),
            (550, "5.2.1 disabled"),
            (554, "5.6.0 not like that"),
            (552, "5.3.4 too large"),
            (552, "exceeded storage allocation"),
            (450, "4.7.1 greylisted, come back later"),
            (451, "come back later"),
            (452, "4.5.3 too many recipients"),
            (450, "4.2.1 mailbox busy"),
        ],
    )
    def test_of_a_mailbox_or_a_mail_is_its_own(self, code: int, text: str) -> None:
        assert whom(code, text) == "mailbox"

    @pytest.mark.parametrize(
        ("code", "text"),
        [
            (554, "5.7.1 no"),
            (550, "5.7.1 not you"),
            (550, "no"),
            (551, "go elsewhere"),
            (553, "5.0.0 no"),
            (550, "5.4.1 Recipient address rejected: Access denied"),
            (554, "5.4.4 no way there"),
            (550, "5.3.0 no"),
            (501, "5.5.4 what"),
            (554, "거부되었습니다"),
            (550, "5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; sender not known"),
            (550, "5.7.1 Message rejected as spam by content filtering"),
            (554, "delivery error: this user does not have an account here"),
        ],
    )
    def test_that_may_be_either_is_unclear(self, code: int, text: str) -> None:
        assert whom(code, text) == "unclear"

    @pytest.mark.parametrize(
        ("text", "status"),
        [("5.7.1 no", "5.7.1"), ("no (#5.1.1)", "5.1.1"), ("#5.1.0 no", "5.1.0"), ("no 5.1.1", None), ("", None)],
    )
    def test_its_status_is_read_where_servers_write_it(self, text: str, status: str | None) -> None:
        assert status_of(text) == status

    @given(st.integers(400, 599), st.text(max_size=200))
    def test_whatever_it_says_is_read(self, code: int, text: str) -> None:
        about = whom(code, text)
        assert about in ("server", "mailbox") if code < 500 else about in ("server", "mailbox", "unclear")

    def test_that_is_long_and_says_nothing_costs_little(self) -> None:
        assert whom(550, "relay " * 100_000) == "unclear"


class TestMailsToOthers:
    def test_that_are_refused_as_well_show_that_it_is_us(self) -> None:
        standing = RelayStanding()
        for _ in range(50):
            assert standing.refused(X) == standing.refused(Y) == "server"

    def test_that_are_taken_in_between_again_and_again_show_that_it_is_this_mailbox(self) -> None:
        standing = RelayStanding()
        said = []
        for _ in range(PROVEN + 2):
            said.append(standing.refused(X))
            standing.taken(Y)
        assert said == ["server", *["unclear"] * (PROVEN - 1), "mailbox", "mailbox"]

    def test_that_were_taken_before_show_nothing(self) -> None:
        standing = RelayStanding()
        for _ in range(100):
            standing.taken(Y)
        assert standing.refused(X) == "server"

    def test_a_proven_one_waits_where_nobody_else_was_taken_since(self) -> None:
        standing = RelayStanding()
        for _ in range(PROVEN + 1):
            standing.refused(X)
            standing.taken(Y)
        assert standing.refused(X) == "mailbox"
        assert standing.refused(X) == "server", "since then the mail server may have been set otherwise"

    def test_once_it_was_taken_itself_all_begins_anew(self) -> None:
        standing = RelayStanding()
        for _ in range(PROVEN + 1):
            standing.refused(X)
            standing.taken(Y)
        standing.taken(X.upper())
        assert standing.refused(X) == "server"
        standing.taken(Y)
        assert standing.refused(X) == "unclear"

    @given(st.lists(st.sampled_from(["good", "bad"]), max_size=60), st.integers(0, 59))
    def test_a_mail_server_that_is_set_wrong_once_fails_nobody(self, order: list[str], at: int) -> None:
        """Everybody is taken, then for a while nobody, then everybody again; who was refused is tried again."""
        standing, begins, ends = RelayStanding(), at, at + 20
        for moment, which in enumerate(order):
            to = X if which == "good" else Y
            if begins <= moment < ends:
                assert standing.refused(to) in ("server", "unclear")
            else:
                standing.taken(to)

    def test_no_more_is_remembered_than_so_many(self) -> None:
        standing = RelayStanding(most=2)
        for name in "abc":
            standing.refused(f"{name}@partner.example")
        standing.taken(Y)
        assert [standing.refused(f"{name}@partner.example") for name in "cba"] == ["unclear", "unclear", "server"]


class TestWhatFollows:
    def test_trouble_of_ours_ends_nothing_however_it_is_said(self) -> None:
        for code in (None, 421, 450, 530, 535, 550, 554):
            verdict = judge(MailAnswer("server", code, "5.7.1"))
            assert (verdict.outcome, verdict.reason) == ("again", "mail-server")
            assert verdict.ours
            assert not verdict.disable

    def test_what_is_refused_for_good_is_not_asked_for_every_few_seconds(self) -> None:
        kinds: tuple[About, ...] = ("server", "unclear", "mailbox")
        for about in kinds:
            assert judge(MailAnswer(about, 554, "5.7.1")).hold == timedelta(minutes=1)
        assert judge(MailAnswer("server", None)).hold is None
        assert judge(MailAnswer("mailbox", 450)).hold is None

    @pytest.mark.parametrize("status", [None, "5.7.1", "5.2.2", "5.6.0"])
    def test_a_recall_is_tried_again_while_there_is_a_mailbox(self, status: str | None) -> None:
        verdict = judge(MailAnswer("mailbox", 554, status))
        assert (verdict.about("notice").outcome, verdict.about("recall").outcome) == ("failed", "again")
        assert judge(MailAnswer("mailbox", 550, "5.1.1")).about("recall").outcome == "failed"

    def test_what_may_be_either_fails_nothing(self) -> None:
        verdict = judge(MailAnswer("unclear", 554, "5.7.1"))
        assert (verdict.outcome, verdict.reason, verdict.ours) == ("again", "mail-554", False)
