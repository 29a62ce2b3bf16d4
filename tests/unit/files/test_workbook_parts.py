"""Workbooks as anybody may put them together: what is not needed is not opened, what is read is held in pieces."""

from __future__ import annotations

import io
import weakref
import zipfile
from collections import Counter
from typing import Any

import pytest

from shared.files import EmptyRows, Unreadable, workbook_parts
from shared.files.rows import MOST_COLUMNS
from shared.files.workbook_parts import (
    DEEPEST,
    LONGEST_FORMAT,
    MOST_ATTRIBUTES,
    MOST_BESIDE,
    MOST_FORMATS,
    MOST_TAGS,
    Parts,
)
from shared.files.xlsx_rows import IDLE_FOR_ONE, xlsx_rows
from tests.support.files import A_JOB, JOB, converted, data_of, findings, with_part, xlsx_of

pytestmark = pytest.mark.unit
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ONE = '<row r="1"><c t="inlineStr"><is><t>one</t></is></c></row>'
TWO = '<row r="1"><c t="inlineStr"><is><t>two</t></is></c></row>'


def sheet(rows: str) -> str:
    return f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"


def book(sheets: dict[str, tuple[str, str]], **others: tuple[str, str]) -> bytes:
    """`sheets`: by relation the part of each and its attributes; `others`: by kind the part and its content."""
    listed = "".join(f'<sheet name="{name}" r:id="{name}" {more}/>' for name, (_, more) in sheets.items())
    kinds = [(name, "worksheet", part) for name, (part, _) in sheets.items()]
    kinds += [(kind, kind, part) for kind, (part, _) in others.items()]
    related = "".join(f'<Relationship Id="{id}" Type="{RELATIONS}/{kind}" Target="{at}"/>' for id, kind, at in kinds)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/workbook.xml", f'<workbook {MAIN} xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>'
        )
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships>{related}</Relationships>")
        for part, content in others.values():
            archive.writestr(f"xl/{part}", content)
    return stream.getvalue()


def one_sheet(rows: str, part: str = "worksheets/sheet1.xml", **others: tuple[str, str]) -> bytes:
    return with_part(book({"a": (part, "")}, **others), f"xl/{part}", sheet(rows).encode())


def cells(content: bytes, most_held: int = 1_000_000) -> list[Any]:
    return [getattr(row, "cells", row) for row in xlsx_rows(io.BytesIO(content), most_held)]


def refused(content: bytes, most_held: int = 1_000_000) -> str:
    with pytest.raises(Unreadable) as caught:
        cells(content, most_held)
    return caught.value.refusal.rule


class TestWhatIsOpened:
    @pytest.mark.parametrize("part", ["docProps/core.xml", "docProps/custom.xml", "xl/theme/theme1.xml"])
    def test_what_says_nothing_of_the_table_is_not_looked_at(self, part: str) -> None:
        rows = converted(with_part(xlsx_of(JOB, A_JOB), part, b"<open>"))
        assert [data_of(row)["reference"] for row in rows] == ["A-1"]

    def test_sheets_without_end_cost_no_more_than_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        opened, open_it = Counter[str](), zipfile.ZipFile.open

        def counted(archive: zipfile.ZipFile, name: str, *arguments: Any, **more: Any) -> Any:
            opened[name] += 1
            return open_it(archive, name, *arguments, **more)

        content = with_part(
            book({f"s{number}": ("one.xml", "") for number in range(50)}), "xl/one.xml", sheet(ONE).encode()
        )
        monkeypatch.setattr(zipfile.ZipFile, "open", counted)
        assert cells(content) == [{0: "one"}]
        assert opened["xl/one.xml"] == 2  # once for its merged cells, once for its rows

    def test_a_hidden_sheet_is_not_what_its_sender_sees(self) -> None:
        content = book({"a": ("a.xml", 'state="hidden"'), "b": ("b.xml", 'state="veryHidden"'), "c": ("c.xml", "")})
        for part, rows in (("a", ONE), ("b", ONE), ("c", TWO)):
            content = with_part(content, f"xl/{part}.xml", sheet(rows).encode())
        assert cells(content) == [{0: "two"}]

    def test_a_chart_with_a_sheet_of_its_own_is_passed_over(self) -> None:
        content = book({"b": ("b.xml", "")}, chartsheet=("a.xml", ""))
        content = with_part(content, "xl/b.xml", sheet(TWO).encode())
        seen = '<sheets><sheet r:id="chartsheet"/><sheet r:id="b"/></sheets>'
        seen = f'<workbook {MAIN} xmlns:r="{RELATIONS}">{seen}</workbook>'
        assert cells(with_part(content, "xl/workbook.xml", seen.encode())) == [{0: "two"}]

    def test_a_workbook_without_a_sheet_is_broken(self) -> None:
        assert refused(book({})) == "broken-workbook"


class TestWhatIsHeld:
    @pytest.mark.parametrize("part", ["worksheets/sheet1.xml", "anything.bin"])
    @pytest.mark.parametrize(
        "rows",
        [
            '<row r="1">' + "<c/>" * (MOST_TAGS + 1) + "</row>",
            "<row><c><v>" + "1" * 400_000 + "</v></c></row>",
            "<a>" * (DEEPEST + 1) + "</a>" * (DEEPEST + 1),
            "<a b='" + "x" * 400_000 + "'/>",
            "<!--" + "x" * 400_000 + "-->",
        ],
        ids=["cells", "text", "depth", "attribute", "comment"],
    )
    def test_a_row_that_would_fill_the_memory_is_not_read_whatever_its_part_is_called(
        self, rows: str, part: str
    ) -> None:
        assert refused(one_sheet(rows, part)) == "workbook-too-large"

    def test_shared_strings_have_a_bound_whatever_their_part_is_called(self) -> None:
        strings = f"<sst {MAIN}>" + "<si><t>abcdefg</t></si>" * 3_000 + "</sst>"
        content = one_sheet('<row r="1"><c t="s"><v>2999</v></c></row>', sharedStrings=("anything.xml", strings))
        assert cells(content) == [{0: "abcdefg"}]
        assert refused(content, 20_000) == "workbook-too-large"

    @pytest.mark.parametrize(("kind", "inside"), [("sharedStrings", "<si/>"), ("styles", "<xf/>"), ("styles", "<a/>")])
    def test_more_elements_beside_the_sheet_than_could_be_held_are_not_read(self, kind: str, inside: str) -> None:
        others = {kind: ("anything.xml", f"<x {MAIN}>" + inside * 12_000 + "</x>")}
        content = one_sheet(ONE, "worksheets/sheet1.xml", **others)
        assert refused(content, 100_000) == "workbook-too-large"
        assert cells(content) == [{0: "one"}]

    @pytest.mark.parametrize("place", ["{rows}{others}{others}", "{others}{others}{rows}", "{others}{rows}{others}"])
    def test_what_is_beside_the_rows_is_not_read_to_its_end(self, place: str) -> None:
        rows = place.format(rows=ONE, others="<a/>" * (MOST_BESIDE // 2 + 25_000))
        assert refused(one_sheet(rows)) == "workbook-too-large"

    def test_an_element_with_very_many_attributes_is_not_read(self) -> None:
        many = " ".join(f'a{number}=""' for number in range(MOST_ATTRIBUTES + 1))
        assert refused(one_sheet(f"<row><c {many}/></row>")) == "workbook-too-large"

    @pytest.mark.parametrize("something", ["", '<c t="b"><v>1</v></c>'], ids=["empty", "with something"])
    @pytest.mark.parametrize("idle", ["<c/>", '<c s="1"><v/></c>', "<x/>", "<c><x><x/></x></c>"])
    def test_a_row_with_very_many_cells_that_hold_nothing_counts_as_several_empty_ones(
        self, something: str, idle: str
    ) -> None:
        rows = ONE + f"<row>{something}{idle * (5 * IDLE_FOR_ONE)}</row>" * 10
        assert cells(one_sheet(rows))[0] == {0: "one"}
        with pytest.raises(Unreadable, match="too-many-empty-rows"):
            list(xlsx_rows(io.BytesIO(one_sheet(rows)), empty=EmptyRows(30)))

    def test_so_does_one_with_more_cells_than_may_hold_something(self) -> None:
        rows = ONE + f"<row>{'<c><v>1</v></c>' * 5_000}</row>" * 10
        with pytest.raises(Unreadable, match="too-many-empty-rows"):
            list(xlsx_rows(io.BytesIO(one_sheet(rows)), empty=EmptyRows(500)))

    def test_a_row_of_as_many_cells_as_may_hold_something_costs_itself_alone(self) -> None:
        inline = '<c t="inlineStr"><is><r><rPr/><t>x</t></r><r><t>y</t></r></is></c>'
        rows = "".join(
            f"<row>{cell * MOST_COLUMNS}</row>" for cell in ("<c><v>1</v></c>", inline, '<c s="1"/>' + inline)
        )
        empty = EmptyRows(0)
        assert len(list(xlsx_rows(io.BytesIO(one_sheet(rows)), empty=empty))) == 3
        assert empty.empty == 0

    def test_a_row_is_forgotten_once_the_next_is_read(self) -> None:
        rows = "".join(f'<row r="{number}"/>' for number in range(1, 10)) + "<mergeCells><mergeCell/></mergeCells>"
        with zipfile.ZipFile(io.BytesIO(one_sheet(rows))) as archive:
            found = Parts(archive, 1_000_000).rows()
            first = weakref.ref(next(found))
            next(found)
            assert first() is None

    def test_rows_that_go_back_are_told_and_not_passed_over(self) -> None:
        assert refused(one_sheet(ONE + '<row r="1"/>' * 3)) == "broken-workbook"

    def test_a_cell_far_to_the_right_makes_no_row_of_thousands_and_is_named(self) -> None:
        rows = converted(one_sheet(ONE.replace("one", "reference") + '<row r="2"><c r="XFD2"><v>1</v></c></row>'))
        assert findings(rows) == [(2, "", "too-many-columns")]


class TestCells:
    DAY = '<row r="1"><c s="1"><v>46387</v></c></row>'

    def styled(self, number: int, form: str | None = None) -> Any:
        own = "" if form is None else f'<numFmts><numFmt numFmtId="{number}" formatCode="{form}"/></numFmts>'
        styles = (
            f'<styleSheet {MAIN}>{own}<fonts><font><sz val="no number"/></font></fonts>'
            '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
            f'<cellXfs><xf/><xf numFmtId="{number}"/></cellXfs></styleSheet>'
        )
        ((value,),) = (row.values() for row in cells(one_sheet(self.DAY, styles=("st.xml", styles))))
        return value

    @pytest.mark.parametrize(
        ("number", "form"), [(14, None), (31, None), (57, None), (164, "yyyy&quot;년&quot; m&quot;월&quot;")]
    )
    def test_a_day_is_told_by_its_style_also_by_what_is_built_in_in_korea(self, number: int, form: str | None) -> None:
        assert f"{self.styled(number, form):%Y-%m-%d}" == "2026-12-31"

    @pytest.mark.parametrize(("number", "form"), [(0, None), (164, "0.00"), (165, "[" * LONGEST_FORMAT + "]yyyy")])
    def test_a_number_is_one_whatever_its_format_is_made_of(self, number: int, form: str | None) -> None:
        assert self.styled(number, form) == 46387

    @pytest.mark.parametrize(("number", "form"), [(9, None), (10, None), (164, "0.0%;[Red]-0.0%")])
    def test_a_share_is_what_is_shown(self, number: int, form: str | None) -> None:
        assert self.styled(number, form) == "4.6387e+06%"

    @pytest.mark.parametrize("form", ["0&quot;%&quot;", "0\\%"])
    def test_a_sign_that_is_only_shown_changes_nothing(self, form: str) -> None:
        assert self.styled(164, form) == 46387

    def test_whether_a_format_is_a_days_is_told_once_and_of_few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = Counter[str | None]()

        def counted(form: str | None) -> bool:
            asked[form] += 1
            return False

        monkeypatch.setattr(workbook_parts, "is_date_format", counted)

        def styles(formats: int) -> tuple[str, str]:
            own = "".join(f'<numFmt numFmtId="{200 + number}" formatCode="[["/>' for number in range(formats))
            used = '<xf numFmtId="200"/>'
            return "st.xml", f"<x {MAIN}>{own}<cellXfs>{used * 1_000}</cellXfs></x>"

        assert cells(one_sheet(self.DAY, styles=styles(1))) == [{0: 46387}]
        assert asked == {"[[": 1}
        assert refused(one_sheet(self.DAY, styles=styles(MOST_FORMATS + 1))) == "workbook-too-large"

    def test_a_text_of_several_runs_is_read_without_how_it_sounds(self) -> None:
        text = "<is><r><t>제과</t></r><r><t>사</t></r><rPh><t>x</t></rPh></is>"
        assert cells(one_sheet(f'<row r="1"><c t="inlineStr">{text}</c></row>')) == [{0: "제과사"}]
