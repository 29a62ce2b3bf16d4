"""E-mail: whom it may be written to, what it says in every language, what the mail server's answer means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.channels.mail.composer import RULE, MailComposer, TroubleTold
from services.notifications.channels.mail.smtp_relay import MailAnswer, RelaySettings, judge
from services.notifications.delivery.notice_content import Messages
from services.notifications.domain.mail_address_rules import address_of, check_mailto
from services.notifications.domain.notice_threads import MatchSummary
from services.notifications.domain.refused_option import OptionRefused
from shared.reference import available_packs, load_pack
from tests.unit.notifications.world import hexid

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ALIAS, OPENING, NOTICE = hexid("alias"), hexid("opening"), hexid("notice")


@pytest.mark.parametrize("pack", available_packs())
def test_what_no_address_may_hold_is_said_in_every_language(pack: str) -> None:
    told = load_pack(pack).problem(("address-refused",), {})["remedy"]
    assert all(mark in each for each in told.values() for mark in "%!/=|-")


class TestAddress:
    @pytest.mark.parametrize(
        "address",
        ["jobs@partner.example", "a.b-c_d@x.y.example", "A@b.co", "a-@c.example", "o'hara+jobs@partner.example"],
    )
    def test_a_plain_one_is_taken(self, address: str) -> None:
        assert check_mailto(f"mailto:{address}") == address
        assert check_mailto(f"MAILTO:{address}") == address

    @pytest.mark.parametrize(
        ("url", "rule"),
        [
            ("https://partner.example/", "mail-scheme"),
            ("jobs@partner.example", "mail-scheme"),
            ("mailto:", "mail-form"),
            ("mailto:jobs", "mail-form"),
            ("mailto:@partner.example", "mail-form"),
            (f"mailto:{'a' * 65}@partner.example", "mail-form"),
            (f"mailto:a@{'a.' * 130}example", "mail-form"),
            ("mailto:a@partner.example,b@partner.example", "mail-local-part"),
            ("mailto:a@b@partner.example", "mail-local-part"),
            ("mailto:a@partner.example?subject=x", "mail-domain"),
            ("mailto:a@partner.example?cc=b@partner.example", "mail-local-part"),
            ("mailto:a%0d%0aBcc:b@partner.example", "mail-local-part"),
            ("mailto:a\r\nBcc: b@partner.example", "mail-local-part"),
            ("mailto:a@partner.example\r\nBcc: b", "mail-domain"),
            ("mailto:a@partner.example\n", "mail-domain"),
            ('mailto:"a b"@partner.example', "mail-local-part"),
            ("mailto:a b@partner.example", "mail-local-part"),
            ("mailto:.a@partner.example", "mail-local-part"),
            ("mailto:a..b@partner.example", "mail-local-part"),
            ("mailto:a!b%c@partner.example", "mail-local-part"),
            ("mailto:x|cmd@partner.example", "mail-local-part"),
            ("mailto:|cmd@partner.example", "mail-local-part"),
            ("mailto:-a@partner.example", "mail-local-part"),
            ("mailto:-oQ@partner.example", "mail-local-part"),
            ("mailto:<a@partner.example>", "mail-local-part"),
            ("mailto:a@localhost", "mail-domain"),
            ("mailto:a@[127.0.0.1]", "mail-domain"),
            ("mailto:a@127.0.0.1", "mail-domain"),
            ("mailto:a@-x.example", "mail-domain"),
            ("mailto:a@párt.example", "mail-domain"),
            ("mailto:á@partner.example", "mail-local-part"),
            ("mailto:a@partner.example\x00", "mail-domain"),
        ],
    )
    def test_all_else_is_refused_with_its_rule(self, url: str, rule: str) -> None:
        with pytest.raises(OptionRefused) as refused:
            check_mailto(url)
        assert refused.value.rule == rule

    def test_one_that_was_named_before_this_was_a_rule_is_still_written_to(self) -> None:
        assert address_of("mailto:-a@partner.example") == "-a@partner.example"
        with pytest.raises(OptionRefused):
            address_of("mailto:a@partner.example,b@partner.example")

    @given(st.text(max_size=60))
    def test_nothing_that_is_taken_can_be_more_than_one_address(self, text: str) -> None:
        try:
            taken = check_mailto(f"mailto:{text}")
        except OptionRefused:
            return
        assert taken.isascii()
        assert not set(taken) & set('\r\n\0 \t,;:<>()[]"\\%!/')
        assert taken.count("@") == 1


def events() -> list[dict[str, Any]]:
    told = Messages()
    summary = MatchSummary(OPENING, "job", "high")
    return [
        told.notice(NOTICE, ALIAS, 3, "2026-11", summary, "proposed"),
        told.notice(hexid("n2"), ALIAS, 4, "2026-11", summary, "ended"),
        told.recall(hexid("n3"), ALIAS, 5, "2026-11"),
    ]


def sent(pack: str, *which: int) -> Any:
    texts = MailComposer(load_pack(pack), "notices@ieum.example")
    mail = texts.told("jobs@partner.example", [events()[n] for n in which], NOW)
    return message_from_bytes(mail.as_bytes(), policy=default)


class TestText:
    def test_says_a_notice_in_korean_and_english_and_nothing_beyond_it(self) -> None:
        mail = sent("kr-gyeonggi", 0)
        assert mail["Subject"] == "알림 1건 / 1 notice"
        assert (mail["To"], mail["From"]) == ("jobs@partner.example", "notices@ieum.example")
        assert mail["Auto-Submitted"] == "auto-generated"
        text = mail.get_body(("plain",)).get_content()
        ask = f"/people/{ALIAS}/matches"
        assert text.splitlines() == [
            f"- 별칭 {ALIAS}: 공고 {OPENING}(일자리)를 살펴봐 주세요. 적합도 높음, 2026-11. "
            f"자세한 내용은 기관의 키로 조회합니다: {ask}",
            "",
            "같은 내용이 첨부 파일에 있습니다. 이 메일에는 답장하지 마세요.",
            "",
            "--------------------",
            "",
            f"- Alias {ALIAS}: opening {OPENING} (Job) is worth a look. Fit: high, 2026-11. "
            f"Ask with your own key for detail: {ask}",
            "",
            "The same is in the attached file. Please do not answer this mail.",
        ]
        (attached,) = mail.iter_attachments()
        assert attached.get_content_type() == "application/cloudevents-batch+json"
        (event,) = json.loads(attached.get_content())
        assert {**event["data"], "padding": ""} == {**events()[0]["data"], "padding": ""}

    @pytest.mark.parametrize("pack", available_packs())
    def test_every_pack_can_say_everything_in_its_languages(self, pack: str) -> None:
        mail = sent(pack, 0, 1, 2)
        text = mail.get_body(("plain",)).get_content()
        for language in load_pack(pack).languages:
            assert load_pack(pack).sentence("mail.closing", language) in text
        assert text.count(hexid("n3")) == len(load_pack(pack).languages)
        assert "/acknowledgements" in text

    def test_a_repeat_is_the_same_letter_and_other_news_are_not(self) -> None:
        assert sent("kr-gyeonggi", 0)["Message-ID"] == sent("kr-gyeonggi", 0)["Message-ID"]
        assert sent("kr-gyeonggi", 0)["Message-ID"] != sent("kr-gyeonggi", 0, 1)["Message-ID"]

    def test_a_test_event_is_called_one(self) -> None:
        texts = MailComposer(load_pack("kr-gyeonggi"), "notices@ieum.example")
        event = {"id": "1", "type": "test", "data": {"padding": ""}}
        mail = texts.told("jobs@partner.example", [event], NOW)
        assert "This is a test" in mail.get_body(("plain",)).get_content()


class TestAboutTrouble:
    CASES = (
        *(f"endpoint.{what}" for what in ("failing", "ending", "given-up", "disabled", "well")),
        *(f"{kind}.{what}" for kind in ("unread", "unacknowledged", "doubtful") for what in (kind, "well")),
    )

    @staticmethod
    def mail(pack: str, case: Any, **more: Any) -> Any:
        told = TroubleTold("s-1", "webhook", case, NOW, NOW - timedelta(days=4), 7, **more)
        mail = MailComposer(load_pack(pack), "notices@ieum.example").about_trouble("jobs@partner.example", told, NOW)
        return message_from_bytes(mail.as_bytes(), policy=default)

    def text(self, case: Any, **more: Any) -> str:
        return str(self.mail("kr-gyeonggi", case, **more).get_body(("plain",)).get_content())

    @pytest.mark.parametrize("pack", available_packs())
    @pytest.mark.parametrize("case", CASES)
    def test_every_pack_can_say_it_in_its_languages(self, pack: str, case: str) -> None:
        mail = self.mail(pack, case, ends_at=NOW, reason="gone", count=12)
        languages, text = load_pack(pack).languages, mail.get_body(("plain",)).get_content()
        assert text.count(RULE) == len(languages) - 1
        if not case.startswith("unacknowledged"):
            assert text.count("s-1") >= len(languages)
        if case.partition(".")[2] in ("unread", "unacknowledged", "doubtful"):
            assert text.count("12") >= len(languages)
        assert mail["Subject"].count(" / ") == len(languages) - 1

    def test_of_one_that_fails_says_when_it_ends_if_that_is_known(self) -> None:
        ends = "2026-12-01 21:00 (Asia/Seoul)"
        said = self.text("endpoint.failing", ends_at=datetime(2026, 12, 1, 12, tzinfo=UTC))
        assert f"구독은 {ends}에 중지됩니다" in said
        assert f"the subscription ends at {ends}." in said
        assert "ends" not in self.text("endpoint.failing")

    def test_why_one_was_disabled_is_said_as_it_was(self) -> None:
        by_answer = self.text("endpoint.disabled", reason="gone")
        by_time = self.text("endpoint.given-up", reason="failing")
        assert "by what its system answered (gone)" in by_answer
        assert "응답(gone)에 따라" in by_answer
        assert "answered" not in by_time
        assert "has given no good answer since" in by_time
        assert "한 번도 제대로 응답하지 않아" in by_time

    def test_the_same_is_the_same_letter_and_another_end_is_another(self) -> None:
        def id(**more: Any) -> str:
            return str(self.mail("kr-gyeonggi", "endpoint.failing", **more)["Message-ID"])

        assert id() == id()
        assert id() != id(ends_at=NOW)


class TestAnswer:
    @pytest.mark.parametrize(
        ("answer", "outcome", "reason", "healthy", "disable"),
        [
            (MailAnswer("mailbox", 250), "delivered", None, True, False),
            (MailAnswer("mailbox", 450, "4.2.0"), "again", "mail-450", True, False),  # greylisting
            (MailAnswer("mailbox", 452, "4.2.2"), "again", "mail-452", True, False),
            (MailAnswer("mailbox", 550, "5.1.1"), "failed", "no-such-mailbox", False, True),
            (MailAnswer("mailbox", 550, "5.1.10"), "failed", "no-such-mailbox", False, True),
            (MailAnswer("mailbox", 550, "5.7.1"), "failed", "mail-550", False, False),
            (MailAnswer("mailbox", 550), "failed", "mail-550", False, False),
            (MailAnswer("mailbox", 552, "5.2.2"), "failed", "mail-552", False, False),
            (MailAnswer("server", 535), "again", "mail-server", False, False),
            (MailAnswer("server", 554), "again", "mail-server", False, False),
            (MailAnswer("server", None), "again", "mail-server", False, False),
        ],
    )
    def test_means(self, answer: MailAnswer, outcome: str, reason: str | None, healthy: bool, disable: bool) -> None:
        verdict = judge(answer)
        assert (verdict.outcome, verdict.reason) == (outcome, reason)
        assert (verdict.endpoint_healthy, verdict.disable) == (healthy, disable)

    def test_what_may_have_been_handed_over_counts_as_sent(self) -> None:
        assert judge(MailAnswer("server", None, handed=True)).possibly_sent
        assert not judge(MailAnswer("server", None)).possibly_sent

    def test_a_report_comes_back_with_the_subscription_in_its_address(self) -> None:
        settings = RelaySettings("mail", 587, "starttls", "", "", "n@ieum.example", "bounces@ieum.example")
        assert settings.envelope_sender("ab12") == "bounces+ab12@ieum.example"
        assert RelaySettings("mail", 587, "tls", "", "", "n@ieum.example").envelope_sender("ab12") == "n@ieum.example"
