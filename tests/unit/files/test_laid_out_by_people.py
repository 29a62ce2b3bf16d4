"""Tables as people lay them out for the eye: titles, merged and hidden cells, sums and notes. What is not what it looks
like is refused with its cause, and nothing is taken without what was shown with it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from openpyxl import Workbook

from shared.files import FileMapping, Unreadable
from shared.files.merged_cells import MOST_MERGED, MergedCells
from tests.support.files import A_JOB, A_JOB_SAYS, JOB, PACK, converted, csv_of, data_of, findings, xlsx_of

pytestmark = pytest.mark.unit
SECOND, THIRD = ("A-2", *A_JOB[1:]), ("A-3", *A_JOB[1:])


def laid_out(rows: Sequence[Sequence[Any]], change: Callable[[Any], object]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    change(book.active)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def merged(*ranges: str) -> Callable[[Any], object]:
    return lambda sheet: [sheet.merge_cells(each) for each in ranges]


class TestMerged:
    def test_a_value_over_several_rows_is_missing_in_all_but_the_first(self) -> None:
        head = (*JOB, "복리후생")
        rows = converted(
            laid_out([head, (*A_JOB, "4대 보험"), (*SECOND, None), (*THIRD, None)], merged("G2:G3", "H2:H3"))
        )
        assert findings(rows)[-2:] == [(3, "G", "merged-cells"), (3, "H", "merged-cells")]
        assert data_of(rows[-1])["reference"] == "A-3"

    def test_headings_in_two_rows_refuse_the_table_by_name(self) -> None:
        above = ("관리번호", "제목", "직종", "근무지역", "임금", None, "마감일")
        below = (None, None, None, None, "단위", "금액", None)
        rows = converted(laid_out([above, below, A_JOB], merged("A1:A2", "B1:B2", "C1:C2", "D1:D2", "E1:F1", "G1:G2")))
        assert findings(rows) == [(1, "F", "merged-headings")]

    def test_where_nothing_else_stands_is_an_empty_row(self) -> None:
        rows = converted(laid_out([JOB, A_JOB, (), SECOND], merged("A3:G3")))
        assert [data_of(row)["reference"] for row in rows] == ["A-1", "A-2"]

    def test_are_found_wherever_a_piece_of_the_file_ends(self) -> None:
        for before in range(65_400, 65_540):
            part = io.BytesIO(b" " * before + b'<x:mergeCell ref="B2:D3"/><mergeCell ref="A5:A6"/>')
            found = MergedCells.of(part)
            assert found.count == 2
            assert [set(found.in_row(row)) for row in range(1, 8)] == [
                set(),
                {2, 3},
                {1, 2, 3},
                set(),
                set(),
                {0},
                set(),
            ]

    def test_are_bounded(self) -> None:
        with pytest.raises(Unreadable):
            MergedCells.of(io.BytesIO(b'<mergeCell ref="A1:A2"/>' * (MOST_MERGED + 1)))


class TestHidden:
    def test_a_row_that_nobody_sees_is_named_and_not_taken(self) -> None:
        def hide(sheet: Any) -> None:
            sheet.row_dimensions[3].hidden = True

        rows = converted(laid_out([JOB, A_JOB, SECOND, THIRD], hide))
        assert findings(rows) == [(3, "", "hidden-row")]
        assert [data_of(row)["reference"] for row in rows if row.event] == ["A-1", "A-3"]

    def test_a_column_that_nobody_sees_refuses_the_table_unless_it_is_passed_over(self) -> None:
        def hide(sheet: Any) -> None:
            sheet.column_dimensions["H"].hidden = True

        content = laid_out([(*JOB, "모집인원"), (*A_JOB, 3)], hide)
        assert findings(converted(content)) == [(1, "H", "hidden-column")]
        (row,) = converted(content, mapping=FileMapping(columns={"모집인원": ""}))
        assert data_of(row) == A_JOB_SAYS

    def test_a_heading_that_is_a_formula_is_none(self) -> None:
        assert findings(converted(xlsx_of((*JOB, '="모집"&"인원"'), A_JOB))) == [(1, "H", "formula-not-taken")]


class TestAbove:
    @pytest.mark.parametrize("above", [[("2026년 구인 현황",)], [("구인 현황",), ("", "", "기준일 2026-11-28")]])
    def test_a_title_is_told_with_the_row_of_the_headings(self, above: list[tuple[str, ...]]) -> None:
        below = len(above) + 1
        for content in (csv_of(*above, JOB, A_JOB), xlsx_of(*above, JOB, A_JOB)):
            rows = converted(content)
            assert findings(rows) == [(1, "", "headings-below")]
            assert rows[0].refusals[0].values == {"row": below}
        assert f"{below}행" in PACK.remedy("headings-below", "", rows[0].refusals[0].values)["ko"]

    def test_an_agencys_own_headings_are_known_there_too(self) -> None:
        mapping = FileMapping(type="job-posted", columns={"공고 No.": "reference", "사유란": ""})
        rows = converted(csv_of(("제목 줄",), ("공고 No.", "사유란"), ("A-1", "x")), None, mapping)
        assert findings(rows) == [(1, "", "headings-below")]

    def test_a_table_without_headings_has_none_below(self) -> None:
        assert {rule for _, _, rule in findings(converted(csv_of(A_JOB, SECOND)))} == {"unknown-column"}


class TestBelow:
    @pytest.mark.parametrize(
        "last",
        [("합계", "", "", "", "", "2,500,000", ""), ("", "총 계", "3"), ("Total", "3"), ("※ 11월 기준",), ("* 세전",)],
    )
    def test_a_sum_or_a_note_is_no_record(self, last: tuple[str, ...]) -> None:
        rows = converted(csv_of(JOB, A_JOB, last))
        assert findings(rows) == [(3, "", "not-a-record")]
        assert data_of(rows[0]) == A_JOB_SAYS

    def test_a_record_that_begins_so_is_one(self) -> None:
        (row,) = converted(csv_of(JOB, ("Total", *A_JOB[1:])))
        assert data_of(row)["reference"] == "Total"

    def test_a_title_with_the_sign_of_a_note_is_one(self) -> None:
        (row,) = converted(csv_of((JOB[1], JOB[0], *JOB[2:]), ("※급구 제빵", A_JOB[0], *A_JOB[2:])))
        assert data_of(row)["title"] == "※급구 제빵"


def test_commas_in_a_heading_do_not_tell_what_separates_the_columns() -> None:
    mapping = FileMapping(columns={"임금(세전, 월, 원, 식대, 별도, 기타, 등, 등)": "wage.minimum"})
    head = (*JOB[:5], "임금(세전, 월, 원, 식대, 별도, 기타, 등, 등)", JOB[6])
    text = ";".join(f'"{cell}"' for cell in head) + "\n" + ";".join(A_JOB) + "\n"
    assert [data_of(row) for row in converted(text.encode(), mapping=mapping)] == [A_JOB_SAYS]


def test_the_strict_variant_of_a_workbook_is_the_same() -> None:
    names = (
        (
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        ),
        (
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        ),
    )
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(xlsx_of(JOB, A_JOB))) as usual,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as strict,
    ):
        for part in usual.infolist():
            content = usual.read(part)
            for old, new in names:
                content = content.replace(old, new)
            strict.writestr(part, content)
    assert [data_of(row) for row in converted(stream.getvalue())] == [A_JOB_SAYS]


@pytest.mark.parametrize(("held", "percent"), [(0.5, 50), (1, 100), (0.29, 29), (1.2, 120)])
def test_a_share_is_read_as_it_is_shown(held: float, percent: int) -> None:
    def share(sheet: Any) -> None:
        sheet["B2"].number_format = "0%"

    (row,) = converted(laid_out([("번호", "중위소득 비율"), ("A-1", held)], share), "trainee-graduated")
    assert data_of(row)["situation"] == {"income_percent_of_median": percent}


def test_another_sheet_with_the_same_headings_is_not_left_out_in_silence() -> None:
    def add(sheet: Any) -> None:
        for title, rows in (("안내", [("작성 방법",)]), ("12월", [JOB, SECOND]), ("codes", [("field", "code")])):
            other = sheet.parent.create_sheet(title)
            for row in rows:
                other.append(list(row))

    rows = converted(laid_out([JOB, A_JOB], add))
    assert data_of(rows[0]) == A_JOB_SAYS
    assert [(row.row, row.refusals[0].rule, row.refusals[0].values) for row in rows[1:]] == [
        (1, "other-sheet", {"number": 3})
    ]
