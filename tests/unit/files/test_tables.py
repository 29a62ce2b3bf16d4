"""From rows to events: headings in two languages, names for codes, what spreadsheets do to data."""

from __future__ import annotations

import io
from datetime import datetime

import pytest

from shared.events.incoming import read
from shared.files import FileMapping, Unreadable
from shared.files.columns import columns_of, table_types
from shared.files.template import template_csv, template_xlsx
from tests.support.files import (
    A_JOB,
    A_JOB_SAYS,
    JOB,
    PACK,
    converted,
    converter,
    csv_of,
    data_of,
    findings,
    xlsx_of,
)

pytestmark = pytest.mark.unit


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "euc-kr", "utf-16", "utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("delimiter", [",", "\t", ";"])
    def test_the_same_table_is_the_same_event(self, encoding: str, delimiter: str) -> None:
        rows = converted(csv_of(JOB, A_JOB, encoding=encoding, delimiter=delimiter))
        assert [data_of(row) for row in rows] == [A_JOB_SAYS]

    def test_a_korean_letter_in_the_last_row_decides(self) -> None:
        plain = ("A-2", "baker", "work24-2024-occupation:871100", "legal-dong-2026:41110", "month", "2500000", "")
        head = ("reference", "title", "occupation", "region", "wage.per", "wage.minimum", "closes")
        rows = converted(csv_of(head, *[plain] * 5_000, A_JOB, encoding="cp949"))
        assert data_of(rows[-1])["title"] == "빵 굽는 사람"

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_json_is_read_in_each_of_them_too(self, encoding: str) -> None:
        lines = '{"reference": "A-1", "reason": "filled"}\n{"reference": "\uac00", "reason": "other"}\n'
        assert [data_of(row)["reason"] for row in converted(lines.encode(encoding), "job-closed")] == [
            "filled",
            "other",
        ]

    def test_a_line_that_cannot_be_read_stops_no_other(self) -> None:
        good = csv_of(JOB, A_JOB, encoding="utf-8")
        rows = converted(good + b"A-2,\xff\xfe\xff,x,x,x,1,x\r\n" + csv_of(A_JOB))
        assert (findings(rows), len([row for row in rows if row.event])) == ([(3, "", "not-readable-text")], 2)


class TestHeadings:
    def test_english_and_korean_headings_mean_the_same(self) -> None:
        english = ("reference", "Title", "OCCUPATION", "region", "wage.per", "wage_minimum", "closes*")
        assert [data_of(row) for row in converted(csv_of(english, A_JOB))] == [A_JOB_SAYS]

    def test_several_of_a_kind_have_numbers(self) -> None:
        head = ("관리번호", "교육과정2 이름", "교육과정1 이름", "교육과정1 시간", "courses.1.completed", "희망 종류")
        rows = converted(csv_of(head, ("HW-1", "제빵", "제과", "80", "2026.11", "취업;교육")), "person-updated")
        assert data_of(rows[0]) == {
            "reference": "HW-1",
            "courses": [{"title": "제과", "hours": 80, "completed": "2026-11"}, {"title": "제빵"}],
            "wants": {"kinds": ["job", "training"]},
        }

    @pytest.mark.parametrize(
        ("heading", "rule", "said"),
        [
            ("관리 번호 ", "column-twice", "reference"),
            ("마감일자", "unknown-column", "마감일 (closes)"),
            ("부서", "unknown-column", "mapping"),
            ("고향", "never-collected", "home"),
            ("교육과정99 이름", "unknown-column", ""),
        ],
    )
    def test_a_column_that_fits_none_refuses_the_table_and_names_only_words_of_ours(
        self, heading: str, rule: str, said: str
    ) -> None:
        rows = converted(csv_of((*JOB, heading), (*A_JOB, "secret")))
        assert [row.event for row in rows] == [None]
        assert findings(rows) == [(1, "H", rule)]
        assert said in PACK.remedy(rule, "", rows[0].refusals[0].values)["en"]

    def test_a_table_without_headings_shows_nothing_of_itself(self) -> None:
        rows = converted(csv_of(("김하나", "010-1234-5678"), ("이둘", "1")), "person-enrolled")
        assert all("김하나" not in str(row) and "1234" not in str(row) for row in rows)

    def test_a_mapping_knows_an_agencys_own_words(self) -> None:
        mapping = FileMapping(
            type="job-posted",
            columns={"공고 No.": "reference", "비고": ""},
            values={"wage.per": {"M급": "month"}},
            fixed={"until_filled": "예", "employment": "10"},
        )
        table = csv_of(("공고 No.", *JOB[1:6], "비고"), (*A_JOB[:4], "M급", "250만원", "메모"))
        (row,) = converted(table, None, mapping)
        assert data_of(row) == {
            **{name: value for name, value in A_JOB_SAYS.items() if name != "closes"},
            "until_filled": True,
            "employment": "work24-2024-employment:10",
        }

    def test_the_type_may_stand_in_a_column(self) -> None:
        table = csv_of(("종류", "관리번호", "사유"), ("구인마감", "A-1", "채용완료"), ("job-closed", "A-2", "기타"))
        rows = converted(table, None)
        assert [(row.event or {})["type"] for row in rows] == ["job-closed", "job-closed"]
        assert [data_of(row)["reason"] for row in rows] == ["filled", "other"]

    def test_without_a_type_nothing_is_guessed(self) -> None:
        assert findings(converted(csv_of(JOB, A_JOB), None)) == [(1, "", "missing-field")]
        assert findings(converted(csv_of(JOB, A_JOB), "agency-changed")) == [(1, "", "not-for-tables")]

    def test_a_preview_says_where_each_column_goes(self) -> None:
        found, _ = converter().opened(io.BytesIO(csv_of((*JOB, "부서"), A_JOB)), "job-posted")
        assert found is not None
        assert found.letters["/data/wage/minimum"] == "F"
        assert [one.rule for one in found.refusals] == ["unknown-column"]


class TestCells:
    def one(self, heading: str, cell: str, type: str = "job-posted") -> tuple[object, list[str]]:
        rows = converted(csv_of(("관리번호", heading), ("A-1", cell)), type)
        rules = [rule for _, _, rule in findings(rows)]
        if rows[0].event is None:
            return None, rules
        data = {name: value for name, value in data_of(rows[0]).items() if name != "reference"}
        while isinstance(data, dict):
            data = {name: value for name, value in data.items() if name != "currency"}
            (data,) = data.values()
        return data, rules

    @pytest.mark.parametrize(
        ("cell", "day", "rules"),
        [
            ("2026-12-31", "2026-12-31", []),
            ("2026.12.31.", "2026-12-31", []),
            ("2026년 12월 31일", "2026-12-31", []),
            ("2026년 12월 31일.", "2026-12-31", []),
            ("２０２６．１２．３１．", "2026-12-31", []),  # full width
            ("2026－12－31", "2026-12-31", []),
            ("2026／12／31", "2026-12-31", []),
            ("20261231", "2026-12-31", []),
            ("26/12/31", "2026-12-31", []),
            ("2026-12-31 00:00:00", "2026-12-31", []),
            ("46387", "2026-12-31", ["serial-date"]),
            ("46387.75", "2026-12-31", ["serial-date"]),
            ("2026년 12월 31일(목)", "2026-12-31", []),
            ("2026.12.31.목", "2026-12-31", []),
            ("2026.12.31.금", "2026.12.31.금", []),
            ("2026. 12. 31. (목요일)", "2026-12-31", []),
            ("2026-12-31(금)", "2026-12-31(금)", []),  # one of the two is wrong
            ("2026-12-31 오후 6:00:00", "2026-12-31", []),
            ("2026-12-31T18:00:00", "2026-12-31", []),
            ("2026년 12월 31일 목요일", "2026-12-31", []),
            ("2026.12.31 18시", "2026-12-31", []),
            ("2026호12동31", "2026호12동31", []),  # of an address
            ("'26.12.31", "2026-12-31", []),
            ("261231", "261231", []),  # of dates of birth alone
            ("곧", "곧", []),  # the contract says what is wrong with it
            ("2026-02-30", "2026-02-30", []),
        ],
    )
    def test_days(self, cell: str, day: str, rules: list[str]) -> None:
        assert self.one("마감일", cell) == (day, rules)

    @pytest.mark.parametrize(
        ("cell", "day"), [("91-03-02", "1991-03-02"), ("05.01.31", "2005-01-31"), ("910302", "1991-03-02")]
    )
    def test_nobody_is_born_in_the_future(self, cell: str, day: str) -> None:
        assert self.one("생년월일", cell, "person-enrolled") == (day, [])

    @pytest.mark.parametrize("cell", ["30405", "30405.0"])
    def test_of_six_digits_whose_zero_a_spreadsheet_took_no_day_of_another_century_is_made(self, cell: str) -> None:
        assert self.one("생년월일", cell, "person-enrolled") == (cell, [])  # 2003-04-05, or the number of 1983-03-30
        assert self.one("생년월일", "29952", "person-enrolled") == ("1982-01-01", ["serial-date"])
        assert self.one("마감일", cell) == ("1983-03-30", ["serial-date"])

    @pytest.mark.parametrize(
        ("cell", "month", "rules"),
        [("2026-11", "2026-11", []), ("2026년 11월", "2026-11", []), ("Nov-26", "2026-11", ["serial-date"])],
    )
    def test_months(self, cell: str, month: str, rules: list[str]) -> None:
        assert self.one("시작 가능 월", cell, "person-updated") == (month, rules)

    @pytest.mark.parametrize(
        ("cell", "amount"),
        [("2500000", 2500000), ("2,500,000원", 2500000), ("250 만원", 2500000), ("2.5E+06", 2500000), ("많이", "많이")],
    )
    def test_amounts(self, cell: str, amount: object) -> None:
        assert self.one("임금", cell) == (amount, [])

    @pytest.mark.parametrize(
        ("heading", "cell", "code", "rules"),
        [
            ("직종", "제과 사", "work24-2024-occupation:871100", []),
            ("직종", "871100", "work24-2024-occupation:871100", []),
            ("직종", "11200", "work24-2024-occupation:011200", ["leading-zero-lost"]),
            (
                "직종",
                "work24-2024-occupation:999999",
                "work24-2024-occupation:999999",
                [],
            ),  # the door names the nearest
            ("근무지역", "안산", "legal-dong-2026:41270", ["name-completed"]),
            ("근무지역", "서울시", "legal-dong-2026:11000", ["name-completed"]),
            ("근무지역", "광주", None, ["unknown-code-name"]),  # a city of Gyeonggi, and one of its own
            ("근무지역", "강서구", None, ["unknown-code-name"]),  # of Seoul and of Busan
            ("직종", "용접원", None, ["unknown-code-name"]),  # of two lists: both are named
            ("근무지역", "42110", "legal-dong-2026:42110", []),  # older: the door knows what became of it
            ("최소 학력", "3", "work24-2024-education:03", ["leading-zero-lost"]),
        ],
    )
    def test_codes(self, heading: str, cell: str, code: str | None, rules: list[str]) -> None:
        assert self.one(heading, cell) == (code, rules)

    def test_what_stands_in_two_rows_is_said_of_both(self) -> None:
        head, row = (*JOB, "shifts", "industry"), (*A_JOB, "kr-gyeonggi-1:day", "ksic-11:C")
        moved = dict(zip(head, row, strict=True)) | {"직종": "11200"}
        rows = converted(csv_of(head, row, row, tuple(moved.values()), tuple(moved.values())))
        shifts = [data_of(each)["shifts"] for each in rows]
        assert shifts == [["kr-gyeonggi-1:day"]] * 4
        assert shifts[0] is not shifts[1]
        assert [[one.rule for one in each.warnings] for each in rows] == [[], [], *[["leading-zero-lost"]] * 2]

    @pytest.mark.parametrize(
        ("cell", "truth"),
        [("예", True), ("O", True), ("아니오", False), ("x", False), ("?", "?"), ("○", True), ("×", False), ("-", "-")],
    )
    def test_yes_and_no(self, cell: str, truth: object) -> None:
        assert self.one("채용시까지", cell) == (truth, [])

    @pytest.mark.parametrize(("heading", "type"), [("사업자등록번호", "job-posted"), ("전화번호", "person-enrolled")])
    def test_digits_that_are_gone_are_not_guessed(self, heading: str, type: str) -> None:
        assert self.one(heading, "1.23E+11", type) == (None, ["scientific-notation"])

    def test_a_phone_gets_its_first_zero_back(self) -> None:
        assert self.one("전화번호", "1012345678", "person-enrolled") == ("01012345678", ["leading-zero-lost"])
        assert self.one("전화번호", "010-1234-5678", "person-enrolled") == ("010-1234-5678", [])

    def test_a_row_that_has_moved_is_not_read(self) -> None:
        rows = converted(csv_of(JOB, (*A_JOB[:5], "2", "500", "2026-12-31")))
        assert findings(rows) == [(2, "", "more-cells-than-headings")]


class TestEvents:
    def test_the_same_file_again_is_the_same_events(self) -> None:
        once, again = (converted(csv_of(JOB, A_JOB, encoding=e)) for e in ("utf-8", "cp949"))
        assert [row.event for row in once] == [row.event for row in again]

    def test_another_time_agency_or_value_is_another_event(self) -> None:
        table = csv_of(JOB, A_JOB)
        ids = {(row.event or {})["id"] for row in converted(table)}
        ids |= {(row.event or {})["id"] for row in converter(agency="khf").convert(io.BytesIO(table), "job-posted")}
        ids |= {(row.event or {})["id"] for row in converted(csv_of(JOB, (*A_JOB[:6], "2026-12-30")))}
        ids |= {(row.event or {})["id"] for row in converted(csv_of((*JOB, "일시"), (*A_JOB, "2026-11-27T09:00:00Z")))}
        assert len(ids) == 4

    def test_an_id_has_no_digits_that_could_look_like_a_number_that_is_never_collected(self) -> None:
        rows = converted(csv_of(JOB, *[(f"A-{number}", *A_JOB[1:]) for number in range(50)]))
        assert not any(sign.isdigit() for row in rows for sign in (row.event or {})["id"])

    def test_what_is_made_fits_the_contract(self) -> None:
        (row,) = converted(csv_of(JOB, A_JOB))
        assert read(row.event or {}).time == datetime.fromisoformat("2026-11-28T09:00:00+00:00")


class TestWorkbooks:
    def test_typed_cells_are_the_same_event_as_text(self) -> None:
        closes = datetime(2026, 12, 31)  # noqa: DTZ001 - a cell knows no zone
        rows = converted(xlsx_of(JOB, (*A_JOB[:5], 2500000, closes)))
        assert [data_of(row) for row in rows] == [A_JOB_SAYS]

    def test_a_formula_or_an_error_is_refused_and_nothing_of_it_is_used(self) -> None:
        rows = converted(xlsx_of(JOB, (*A_JOB[:5], "=1+1", "#N/A"), A_JOB))
        assert findings(rows) == [(2, "F", "formula-not-taken"), (2, "G", "error-in-cell")]
        assert data_of(rows[1]) == A_JOB_SAYS

    def test_a_long_number_has_lost_digits(self) -> None:
        rows = converted(xlsx_of((*JOB, "사업자등록번호"), (*A_JOB, 1234567890123456789)))
        assert findings(rows) == [(2, "H", "scientific-notation")]

    def test_a_number_that_should_be_text_is_its_digits(self) -> None:
        rows = converted(xlsx_of(JOB, (7, *A_JOB[1:])))
        assert data_of(rows[0])["reference"] == "7"


class TestTemplates:
    @pytest.mark.parametrize("type", table_types())
    def test_every_heading_of_a_template_is_taken(self, type: str) -> None:
        for content in (
            template_csv(type, PACK, "cp949"),
            template_csv(type, PACK, "utf-8-sig"),
            template_xlsx(type, PACK),
        ):
            found, _ = converter().opened(io.BytesIO(content), type)
            assert found is not None
            assert found.refusals == []
            assert "reference" in found.paths

    @pytest.mark.parametrize("type", table_types())
    def test_every_column_has_a_heading_in_the_packs_words(self, type: str) -> None:
        assert [path for path in columns_of(type) if path not in PACK.words.columns] == []

    def test_an_empty_template_is_no_event(self) -> None:
        assert converted(template_csv("job-posted", PACK, "cp949")) == []

    def test_an_empty_file_says_so(self) -> None:
        with pytest.raises(Unreadable, match="empty-file"):
            converted(b"")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("title", ["빵 굽는 사람", "빵\n굽는 사람", "빵\r굽는 사람"])
def test_lines_may_end_with_a_carriage_return_alone(encoding: str, title: str) -> None:
    text = ",".join(JOB) + "\r" + ",".join((A_JOB[0], f'"{title}"', *A_JOB[2:4], A_JOB[4], '"2,500,000"', A_JOB[6]))
    rows = converted(f"{text}\r{text.split(chr(13), 1)[1]}\r".encode(encoding))
    assert [data_of(row)["reference"] for row in rows] == ["A-1", "A-1"]
    assert all(" ".join(data_of(row)["title"].split()) == "빵 굽는 사람" for row in rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_a_line_that_is_too_long_costs_itself_however_lines_end(encoding: str, end: str) -> None:
    long = ",".join(("A-2", "x" * 300_000, *A_JOB[2:]))
    content = end.join(",".join(f'"{cell}"' for cell in row) for row in (JOB, A_JOB)) + f"{end}{long}{end}"
    rows = converted((content + ",".join(f'"{cell}"' for cell in A_JOB)).encode(encoding))
    assert [row.event is None for row in rows] == [False, True, False]
