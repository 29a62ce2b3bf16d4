"""Which entries belong to which day, what a line says, and which bytes a Range means: hand-written cases."""

from __future__ import annotations

import json
from datetime import date

import pytest

from services.notifications.domain.byte_ranges import NotSatisfiable, byte_range
from services.notifications.domain.feed_days import Stretch, begun, day_of, shown, stretch_of
from services.notifications.domain.feed_file_format import harmless, head_of, lines_of
from services.notifications.domain.notice_envelope import TooLong, cloudevent, encode, with_attribute
from shared.events.notices import Notice, Recall

pytestmark = pytest.mark.unit
FIRST, SECOND, THIRD = date(2026, 11, 26), date(2026, 11, 27), date(2026, 11, 28)
DAYS = [(FIRST, 1), (THIRD, 8)]  # 7 entries on the first day, none on the second, 3 on the third
ALIAS = "a" * 32
RECALL = cloudevent(Recall(notice="0" * 32, alias=ALIAS, version=2, month="2026-11", ask="/people/x/matches"))
NOTICE = cloudevent(
    Notice(
        notice="1" * 32, alias=ALIAS, opportunity="b" * 32, kind="job", version=1, state="proposed", band="high",
        month="2026-11", ask="/people/x/matches",
    )
)  # fmt: skip


class TestDays:
    def test_a_day_begins_with_its_first_entry(self) -> None:
        assert begun([], FIRST, 1) == [(FIRST, 1)]
        assert begun([(FIRST, 1)], THIRD, 8) == DAYS

    def test_a_day_that_is_over_gets_no_entry_more_whatever_a_clock_says(self) -> None:
        assert begun(DAYS, THIRD, 11) is DAYS
        assert begun(DAYS, SECOND, 11) is DAYS

    def test_each_entry_belongs_to_one_day(self) -> None:
        assert stretch_of(DAYS, FIRST, 10) == Stretch(FIRST, 1, 7, closed=True)
        assert stretch_of(DAYS, THIRD, 10) == Stretch(THIRD, 8, 10, closed=False)
        assert [day_of(DAYS, position) for position in (1, 7, 8, 10)] == [FIRST, FIRST, THIRD, THIRD]
        assert day_of([(FIRST, 5)], 4) is None

    def test_a_day_on_which_nothing_was_told_has_an_empty_file(self) -> None:
        empty = stretch_of(DAYS, SECOND, 10)
        assert empty is not None
        assert (empty.closed, empty.last - empty.first) == (True, -1)

    def test_there_is_none_before_the_feed_began_nor_of_tomorrow(self) -> None:
        assert stretch_of(DAYS, date(2026, 11, 25), 10) is None
        assert stretch_of(DAYS, date(2026, 11, 29), 10) is None
        assert stretch_of([], FIRST, 0) is None
        assert shown([], 0) == []

    def test_they_are_shown_newest_first(self) -> None:
        assert [each.day for each in shown(DAYS, 10)] == [THIRD, SECOND, FIRST]

    def test_what_is_older_than_thirty_days_is_let_go_of(self) -> None:
        later = begun(DAYS, date(2026, 12, 27), 11)
        assert later == [*DAYS, (date(2026, 12, 27), 11)]  # the first one still says that the second is empty
        assert [each.day for each in shown(later, 12)][-1] == SECOND
        assert len(shown(later, 12)) == 31
        much_later = begun(later, date(2027, 6, 1), 13)
        assert much_later == [(date(2026, 12, 27), 11), (date(2027, 6, 1), 13)]
        assert len(shown(much_later, 13)) == 31


class TestLines:
    def test_json_lines_are_the_events_byte_for_byte(self) -> None:
        assert lines_of("jsonl", [NOTICE, RECALL]) == encode(NOTICE) + b"\n" + encode(RECALL) + b"\n"
        assert head_of("jsonl") == b""

    def test_csv_has_a_heading_and_a_row_for_each(self) -> None:
        told = with_attribute(RECALL, "takesback", "2026-11-26 2026-11-27")
        assert (head_of("csv") + lines_of("csv", [NOTICE, told])).decode().split("\r\n") == [
            "id,type,alias,opportunity,kind,version,state,band,month,ask,takes_back",
            f"{'1' * 32},notice,{ALIAS},{'b' * 32},job,1,proposed,high,2026-11,/people/x/matches,",
            f"{'0' * 32},recall,{ALIAS},,,2,,,2026-11,/people/x/matches,2026-11-26 2026-11-27",
            "",
        ]

    @pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "|", "%"])
    def test_no_cell_is_computed_by_a_spreadsheet(self, begin: str) -> None:
        assert harmless(f"{begin}cmd") == f"'{begin}cmd"
        event = {**NOTICE, "data": {**NOTICE["data"], "kind": f"{begin}cmd|' /C calc'!A0"}}
        assert f"'{begin}cmd" in lines_of("csv", [event]).decode()

    def test_a_recall_that_names_days_is_no_longer_than_any_other(self) -> None:
        told = with_attribute(RECALL, "takesback", " ".join(["2026-11-26"] * 20))
        assert len(encode(told)) == len(encode(RECALL)) == 1024
        assert json.loads(encode(told))["data"]["alias"] == ALIAS
        with pytest.raises(TooLong):
            with_attribute(RECALL, "takesback", "x" * 1024)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None), ("bytes=0-0", (0, 1)), ("bytes=0-", (0, 10)), ("bytes=3-5", (3, 6)), ("bytes=5-99", (5, 10)),
        ("bytes=-3", (7, 10)), ("bytes=-99", (0, 10)), (" Bytes = 1 - 2 ", (1, 3)), ("bytes=5-3", None),
        ("bytes=-", None), ("bytes=0-1,3-4", None), ("lines=0-1", None), ("bytes=a-b", None),
        (f"bytes={'9' * 30}-", None),
    ],
)  # fmt: skip
def test_one_range(header: str | None, part: tuple[int, int] | None) -> None:
    assert byte_range(header, 10) == part


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_a_range_behind_the_end(header: str, size: int) -> None:
    with pytest.raises(NotSatisfiable):
        byte_range(header, size)
