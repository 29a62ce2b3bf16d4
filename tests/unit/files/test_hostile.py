"""Files that mean harm, or are broken: bounded, refused by name, without echo, and without stopping what is whole."""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
from importlib import import_module
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.files import (
    Converted,
    EmptyRows,
    Line,
    Report,
    Unreadable,
    amounts,
    cells,
    columns,
    dates,
    lines_about,
    work24,
    xml_adverts,
)
from shared.files.report import inert
from shared.files.text_encoding import LONGEST_LINE
from tests.support.files import A_JOB, JOB, PACK, converted, converter, csv_of, findings, with_part, xlsx_of

pytestmark = pytest.mark.unit
# With fullmatch alone, or one class alone of a heading that is cut.
MATCHED_WHOLE = frozenset({"_NUMBER", "_SCIENTIFIC", "_SERIAL", "_PARTS", "_DIGITS"})
RE_PARSER = import_module("re._parser")


def refused(content: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        converted(content)
    return caught.value.refusal.rule


class TestCsv:
    def test_a_quote_that_nobody_closes_costs_its_own_row(self) -> None:
        good = csv_of(A_JOB)
        rows = converted(csv_of(JOB) + b'A-0,"open,x,x,x,1,x\r\n' + good * 3)
        assert findings(rows) == [(2, "", "open-quote")]
        assert len([row for row in rows if row.event]) == 3

    def test_a_line_break_in_quotes_is_one_cell(self) -> None:
        rows = converted(csv_of(JOB, ("A-1", "two\nlines", *A_JOB[2:]), A_JOB))
        assert [row.row for row in rows] == [2, 4]

    def test_a_line_without_end_is_passed_over_in_pieces(self) -> None:
        rows = converted(csv_of(JOB, A_JOB) + b"x" * (3 * LONGEST_LINE) + b"\n" + csv_of(A_JOB))
        assert findings(rows) == [(3, "", "line-too-long")]
        assert len([row for row in rows if row.event]) == 2

    @pytest.mark.parametrize("at", range(len(JOB)))
    def test_a_sign_that_is_no_text_is_named_with_its_column_and_never_left_out(self, at: int) -> None:
        cells = [cell if place != at else f"{cell[:1]}\0{cell[1:]}" for place, cell in enumerate(A_JOB)]
        rows = converted(csv_of(JOB, cells, A_JOB))
        assert findings(rows) == [(2, "ABCDEFG"[at], "nul-in-cell")]
        assert [row.event is None for row in rows] == [True, False]

    def test_too_many_columns_and_too_long_cells(self) -> None:
        rows = converted(csv_of(JOB, ["x"] * 400, ("A-1", "y" * 5_000), A_JOB))
        assert findings(rows) == [(2, "", "too-many-columns"), (3, "", "too-long")]

    def test_headings_that_cannot_be_read_say_why(self) -> None:
        assert refused(csv_of(["x"] * 5_000, A_JOB)) == "too-many-columns"

    @pytest.mark.parametrize("content", [b"%PDF-1.7", b"\x1f\x8b\x08", bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 600])
    def test_what_is_no_table_is_named(self, content: bytes) -> None:
        assert refused(content) in ("unknown-format", "locked-workbook")


class TestWorkbooks:
    def test_a_zip_bomb_is_not_unpacked(self) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", "<workbook/>")
            archive.writestr("xl/worksheets/sheet1.xml", b"0" * 20_000_000)
        assert refused(stream.getvalue()) == "workbook-too-large"

    @pytest.mark.parametrize(
        "content",
        [
            b"PK\x03\x04 no zip",
            with_part(xlsx_of(JOB), "xl/workbook.xml", b"<a>"),
            with_part(xlsx_of(JOB, A_JOB), "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row r='1'><c"),
            with_part(
                xlsx_of(JOB, A_JOB),
                "xl/worksheets/sheet1.xml",
                b'<!DOCTYPE a [<!ENTITY x "y">]><worksheet><sheetData/></worksheet>',
            ),
        ],
        ids=["no zip", "no workbook", "cut off", "entities"],
    )
    def test_what_cannot_be_opened_is_one_finding(self, content: bytes) -> None:
        assert refused(content) in ("broken-workbook", "no-headings")

    @pytest.mark.parametrize(
        "cell",
        [
            b"<c><v>abc</v></c>",
            b"<c><v>nan</v></c>",
            b"<c><v>" + b"1" * 5_000 + b"</v></c>",
            b'<c t="s"><v>99999</v></c>',
            b'<c t="b"><v>maybe</v></c>',
            b'<c t="d"><v>2026-13-99</v></c>',
            b'<c s="x"><v>1</v></c>',
        ],
    )
    def test_a_cell_whose_value_is_none_of_its_kind_costs_its_own_row(self, cell: bytes) -> None:
        texts = (
            "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in row) for row in (JOB, A_JOB[:6], A_JOB)
        )
        head, short, good = (row.encode() for row in texts)
        main = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        sheet = main + b"<row>" + b"</row><row>".join((head, short + cell, good)) + b"</row></sheetData></worksheet>"
        rows = converted(with_part(xlsx_of(JOB), "xl/worksheets/sheet1.xml", sheet))
        assert findings(rows) == [(2, "G", "error-in-cell")]
        assert [row.event is None for row in rows] == [True, False]

    @pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_what_is_packed_as_no_workbook_is_is_not_unpacked(self, packed: int) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(xlsx_of(JOB, A_JOB))) as old, zipfile.ZipFile(stream, "w", packed) as new:
            for part in old.infolist():
                new.writestr(part.filename, old.read(part))
        assert refused(stream.getvalue()) == "broken-workbook"

    def test_another_zip_is_no_workbook(self) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("../../etc/passwd", "x")
        assert refused(stream.getvalue()) == "unknown-format"


class TestXml:
    @pytest.mark.parametrize(
        "content",
        [
            b'<!DOCTYPE a [<!ENTITY x "y">]><wantedRoot><wanted>&x;</wanted></wantedRoot>',
            b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><wantedRoot/>',
        ],
    )
    def test_entities_are_refused(self, content: bytes) -> None:
        assert refused(content) == "entities-not-taken"

    def test_what_has_no_advert_says_so(self) -> None:
        assert refused(b"<wantedRoot><total>0</total></wantedRoot>") == "no-adverts"

    @pytest.mark.parametrize(
        "begin",
        [
            b"<html><body>x</body></html>",
            b"\xef\xbb\xbf\r\n<!DOCTYPE html><table></table>",
            b'<TABLE border="1"><tr><td>reference</td></tr></TABLE>',
            b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
        ],
    )
    def test_a_page_that_is_called_a_workbook_says_how_to_save_it(self, begin: bytes) -> None:
        assert refused(begin) == refused(begin.decode("utf-8-sig").encode("utf-16")) == "other-spreadsheet"

    def test_an_advert_without_end_is_bounded_and_the_next_is_read(self) -> None:
        good = b"<wanted><wantedAuthNo>K-2</wantedAuthNo></wanted>"
        large = b"<wanted><title>" + b"x" * 50_000 + b"\n</title></wanted>\n"
        rows = converted(b"<wantedRoot>" + large + good + b"</wantedRoot>", None)
        assert [(row.row, row.event is None) for row in rows] == [(1, True), (2, False)]
        assert findings(rows)[0] == (1, "", "too-long")

    def test_deep_and_wide_adverts_are_refused(self) -> None:
        deep = b"<wanted>" + b"<a>" * 40 + b"</a>" * 40 + b"</wanted>"
        wide = b"<wanted>" + b"<a>1</a>" * 400 + b"</wanted>"
        rules = [rule for _, _, rule in findings(converted(b"<wantedRoot>" + deep + wide + b"</wantedRoot>", None))]
        assert rules == ["too-deep", "too-many-values"]


class TestPatterns:
    """A search tries every place: a pattern without a longest match makes that quadratic or worse, and the regular
    expressions hold the interpreter's lock. So none that looks through outside text may have one."""

    @pytest.mark.parametrize("module", [xml_adverts, work24, dates, cells, columns, amounts])
    def test_none_matches_without_end(self, module: ModuleType) -> None:
        found = {name: value for name, value in vars(module).items() if isinstance(value, re.Pattern)}
        assert found
        endless = {name for name, form in found.items() if RE_PARSER.parse(form.pattern).getwidth()[1] > 1_000}
        assert endless <= MATCHED_WHOLE

    def test_what_begins_like_a_declaration_again_and_again_is_no_advert(self) -> None:
        assert refused(b"<?xml " * 10_922) in ("broken-xml", "no-adverts")

    def test_the_declaration_is_passed_over_at_the_beginning_alone(self) -> None:
        good = b"<wantedRoot><wanted><wantedAuthNo>K-2</wantedAuthNo></wanted></wantedRoot>"
        for head in (b"", b'<?xml version="1.0" encoding="EUC-KR"?>', b'\xef\xbb\xbf<?xml version="1.0"?>\n'):
            assert [row.row for row in converted(head + good, None)] == [1]

    def test_blanks_and_brackets_without_end_are_read(self) -> None:
        text = "\uc8fc" + " " * 15_000 + "("
        items = f"<workdayWorkhrCont>{text}x</workdayWorkhrCont><certificate>{'(' * 15_000}</certificate>"
        rows = converted(f"<wantedRoot><wanted>{items}</wanted></wantedRoot>".encode(), None)
        assert len(rows) == 1


class TestJson:
    def test_a_line_that_is_none_stops_no_other(self) -> None:
        line = b'{"reference": "a", "reason": "filled"}\n'
        rows = converted(line + b"{broken\n[1]\n" + b'"x"\n' + line, "job-closed")
        assert [(row.row, row.event is None) for row in rows] == [
            (1, False),
            (2, True),
            (3, True),
            (4, True),
            (5, False),
        ]

    def test_an_array_without_line_breaks_and_a_structure_that_is_too_deep(self) -> None:
        one = '{"reference": "a", "reason": "filled"}'
        rows = converted(("[" + ",".join([one] * 9_000) + "]").encode(), "job-closed")
        assert len([row for row in rows if row.event]) == 9_000
        rows = converted(('{"a":' * 400 + "1" + "}" * 400 + "\n" + one).encode(), "job-closed")
        assert [rule for _, _, rule in findings(rows)] == ["too-deep"]

    def test_half_a_character_is_an_event_that_can_be_sent(self) -> None:
        (row,) = converted(b'{"reference": "\\ud800", "reason": "filled"}', "job-closed")
        assert row.event is not None

    def test_a_whole_array_and_one_object_over_many_lines(self) -> None:
        one = b'{\n "reference": "a",\n "reason": "filled"\n}'
        assert len([row for row in converted(one, "job-closed") if row.event]) == 1
        rows = converted(b"[" + one + b",7," + one + b",{]", "job-closed")
        assert [row.event is None for row in rows] == [False, True, False, True]


class TestReport:
    @pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "%x"])
    def test_no_cell_begins_like_a_formula(self, cell: str) -> None:
        assert inert(cell) == f"'{cell}"

    @pytest.mark.parametrize("encoding", ["cp949", "utf-8-sig", "utf-16-le"])
    def test_is_written_as_the_file_came(self, encoding: str) -> None:
        stream = io.BytesIO()
        report = Report(stream, encoding)
        report.add(Line(2, "A", "/data/reference", "wrong-form", "고쳐 주세요 \u2713"))
        report.end()
        written = stream.getvalue().decode("utf-8-sig" if encoding == "utf-16-le" else encoding)
        assert written.splitlines()[1].startswith("2,A,/data/reference,wrong-form,고쳐 주세요")


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=2_000) | st.text(max_size=800).map(str.encode),
    st.sampled_from(["job-posted", "person-enrolled"]),
)
def test_whatever_comes_is_events_or_findings(content: bytes, type: str) -> None:
    rows: list[Converted] = []
    for prefix in (b"", csv_of(JOB), b"<wantedRoot><wanted>", b'{"a":1}\n', b"PK\x03\x04"):
        with contextlib.suppress(Unreadable):
            rows = converted(prefix + content, type)
        for row in rows:
            assert (row.event is None) == bool(row.refusals)
            assert all(line.remedy for line in lines_about(row, PACK, "ko"))


class TestEmptyRows:
    """They cost work and yield nothing: the reading ends, wherever they stand."""

    SHEET = b"".join(b'<row r="%d"/>' % number for number in range(2, 400))
    WORKBOOK = with_part(
        xlsx_of(JOB),
        "xl/worksheets/sheet1.xml",
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>reference</t></is></c></row>' + SHEET + b"</sheetData></worksheet>",
    )
    TABLE = csv_of(JOB, A_JOB)
    LINE = b'{"reference": "A-1", "reason": "filled"}\n'

    @pytest.mark.parametrize(
        ("content", "full"),
        [
            (WORKBOOK, 1),
            (b"\n" * 300 + TABLE, 0),
            (TABLE + b"\n" * 300, 2),
            (TABLE + b",,,\n" * 300, 2),
            (LINE + b"\n" * 300, 1),
        ],
        ids=["xlsx", "before the headings", "after them", "empty cells", "lines of JSON"],
    )
    def test_more_than_may_be_end_the_reading(self, content: bytes, full: int) -> None:
        empty = EmptyRows(100)
        with pytest.raises(Unreadable, match="too-many-empty-rows"):
            list(converter().convert(io.BytesIO(content), "job-closed" if content[:1] == b"{" else "job-posted", empty))
        assert (empty.empty, empty.full) == (101 + full, full)

    def test_a_row_with_something_lets_one_more_be_empty(self) -> None:
        table = csv_of(JOB) + (b"\n" + csv_of(A_JOB)) * 200
        assert len(list(converter().convert(io.BytesIO(table), "job-posted", EmptyRows(0)))) == 200

    def test_elements_beside_the_adverts_are_bounded(self) -> None:
        assert refused(b"<wantedRoot>" + b"<a/>" * 60_000 + b"</wantedRoot>") == "too-many-empty-rows"
