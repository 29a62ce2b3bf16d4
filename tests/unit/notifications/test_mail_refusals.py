"""Whether the mail server refuses us or one mailbox: by what it says, and by what becomes of mails to others."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.mail.refusal_attribution import MOST_REFUSED, PROVEN, RefusalAttribution
from services.notifications.channels.mail.smtp_relay import MailAnswer, judge
from services.notifications.domain.mail_refusals import About, status_of, whom

pytestmark = pytest.mark.unit
X, Y = "x@partner.example", "y@other.example"


class TestWhatItSays:
    def test_an_address_of_a_network_at_the_beginning_of_a_line_is_no_status(self) -> None:
        assert status_of("Your mail from\n5.1.1.7 is not wanted here") is None
        assert status_of("5.1.1.7 is not wanted here\n5.7.1 listed") == "5.7.1"
        assert status_of("5.1.1. User unknown") == "5.1.1"

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
            (550, "Requested action not taken: mailbox unavailable\n5.1.1 nobody is called so"),  # of several lines
            (552, "sorry\nno room. (#5.2.2)\nask somebody"),
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


class Clock:
    """A standing whose answers come a while apart."""

    def __init__(self, most: int = MOST_REFUSED) -> None:
        self.attribution, self.now = RefusalAttribution(60.0, most), 0.0

    def refused(self, to: str, after: float = 60.0) -> About:
        self.now += after
        return self.attribution.refused(to, self.now)

    def taken(self, to: str) -> None:
        self.attribution.taken(to, self.now)


class TestMailsToOthers:
    def test_that_are_refused_as_well_show_that_it_is_us(self) -> None:
        server = Clock()
        for _ in range(50):
            assert server.refused(X) == server.refused(Y) == "server"

    def test_that_are_taken_in_between_again_and_again_show_that_it_is_this_mailbox(self) -> None:
        server, said = Clock(), list[About]()
        for _ in range(PROVEN + 2):
            said.append(server.refused(X))
            server.taken(Y)
        assert said == ["server", *["unclear"] * (PROVEN - 1), "mailbox", "mailbox"]

    def test_that_are_taken_within_a_moment_show_nothing_however_many(self) -> None:
        server, said = Clock(), list[About]()
        for _ in range(50):
            said.append(server.refused(X, after=1.0))
            server.taken(Y)
        assert said == ["server", *["unclear"] * 49]

    def test_that_are_taken_show_nothing_while_several_are_refused(self) -> None:
        server = Clock()
        for _ in range(50):
            for name in "abc":
                assert server.refused(f"{name}@partner.example", after=20.0) != "mailbox"
                server.taken(Y)

    def test_that_are_taken_show_nothing_while_one_that_was_refused_is_taken_after_all(self) -> None:
        server = Clock()
        for _ in range(50):
            assert server.refused(X) != "mailbox"
            assert server.refused(Y, after=0.0) != "mailbox"
            server.taken(Y)

    def test_that_were_taken_before_show_nothing(self) -> None:
        server = Clock()
        for _ in range(100):
            server.taken(Y)
        assert server.refused(X) == "server"

    def test_a_proven_one_waits_where_nobody_else_was_taken_since(self) -> None:
        server = Clock()
        for _ in range(PROVEN + 1):
            server.refused(X)
            server.taken(Y)
        assert server.refused(X) == "mailbox"
        assert server.refused(X) == "server", "since then the mail server may have been set otherwise"

    def test_once_it_was_taken_itself_all_begins_anew(self) -> None:
        server = Clock()
        for _ in range(PROVEN + 1):
            server.refused(X)
            server.taken(Y)
        server.taken(X.upper())
        assert server.refused(X) == "server"
        server.taken(Y)
        assert server.refused(X) == "unclear"

    @pytest.mark.parametrize("seed", range(20))
    def test_of_two_mail_servers_behind_one_name_the_one_that_is_set_wrong_fails_nobody(self, seed: int) -> None:
        """Each of 20 recipients has 50 notices, and is asked for again a minute after it was refused."""
        server, chance, left = Clock(), random.Random(seed), dict.fromkeys(range(20), 50)
        while left:
            for each in list(left):
                to = f"{each}@partner.example"
                if chance.random() < 0.5:
                    server.taken(to)
                    left[each] -= 1
                    if not left[each]:
                        del left[each]
                else:
                    assert server.refused(to, after=0.0) != "mailbox"
            server.now += 60.0

    @given(st.lists(st.sampled_from(["good", "bad"]), max_size=60), st.integers(0, 59))
    def test_a_mail_server_that_is_set_wrong_once_fails_nobody(self, order: list[str], at: int) -> None:
        """Everybody is taken, then for a while nobody, then everybody again; who was refused is tried again."""
        server, begins, ends = Clock(), at, at + 20
        for moment, which in enumerate(order):
            to = X if which == "good" else Y
            if begins <= moment < ends:
                assert server.refused(to) in ("server", "unclear")
            else:
                server.taken(to)

    def test_no_more_is_remembered_than_so_many(self) -> None:
        server = Clock(most=2)
        for name in "abc":
            server.refused(f"{name}@partner.example")
        server.taken(Y)
        assert [server.refused(f"{name}@partner.example") for name in "cba"] == ["unclear", "unclear", "server"]


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
