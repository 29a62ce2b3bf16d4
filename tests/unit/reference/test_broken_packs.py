"""Wrong data is refused with the file, the place and the rule."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.reference import PackError, read_pack

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the small pack to break."""
    return Path(shutil.copytree("shared/reference/packs/xx_island", tmp_path / "xx_island"))


def edit(path: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def append(path: Path, line: str) -> int:
    """Adds a line and says its number."""
    text = path.read_text(encoding="utf-8") + line + "\n"
    path.write_text(text, encoding="utf-8")
    return text.count("\n")


def test_the_copy_is_sound_before_it_is_broken(folder: Path) -> None:
    assert read_pack(folder).name == "xx-island"


def number_of(digits: int, written: str) -> dict[str, Any]:
    return {"digits": digits, "weights": [1] * (digits - 1), "written": written}


class TestTables:
    @pytest.mark.parametrize(
        ("file", "line", "rule"),
        [
            ("regions.csv", "W1,W,Again,Encore,,", "there twice"),
            ("regions.csv", "X1,X,Nowhere,Nulle part,,", "parent isle-region-1:X of"),
            ("regions.csv", "X1,W,Far,Loin,95,0", "lies outside"),
            ("regions.csv", "X1,W,Half,Demi,10,", "'lon' is empty"),
            ("regions.csv", "X1,W,Half,Demi,ten,1", "valid number"),
            ("regions.csv", "X1,W,,Sans nom,,", "'en' is empty"),
            ("regions.csv", "X1,W", "2 cells under 6 headings"),
            ("programme_words.csv", "sunny,weather,Sunny,Soleil", "field 'weather' is not one of"),
            ("education.csv", "phd,Doctor,Docteur,high", "valid integer"),
            ("synonyms.csv", "isle-paper-1:cook,Cook", "not in any list"),
            ("synonyms.csv", "isle-paper-1:baker,---", "no letter or digit"),
            ("work_strengths.csv", "isle-work-1:22,6", "at most 5"),
            ("work_strengths.csv", "isle-work-1:99,2", "not in any list"),
            ("invented_residents.csv", "isle-region-1:W1,2", "there twice"),
            ("plain_meanings.csv", "isle-1:tide,isle-1:dawn", "not in any list"),
            ("courses.csv", "sew,Couture e\u0301t\u00e9,Couture", "composed form"),
        ],
    )
    def test_a_wrong_line_is_named(self, folder: Path, file: str, line: str, rule: str) -> None:
        number = append(folder / "data" / file, line)
        with pytest.raises(PackError, match=rule) as told:
            read_pack(folder)
        assert told.value.file == file
        assert f"line {number}" in told.value.where

    def test_a_title_that_leads_to_two_certificates_is_refused(self, folder: Path) -> None:
        append(folder / "data" / "synonyms.csv", "isle-paper-1:pilot,care-worker")
        with pytest.raises(PackError, match="leads to several codes"):
            read_pack(folder)

    def test_an_unknown_column_is_refused(self, folder: Path) -> None:
        path = folder / "data" / "courses.csv"
        path.write_text("code,en,de\nfood,Food,Essen\n", encoding="utf-8")
        with pytest.raises(PackError, match="unknown columns"):
            read_pack(folder)

    @pytest.mark.parametrize(
        ("content", "rule"), [(b"# only a remark\n", "no heading"), (b"code,en\n\xff,x\n", "UTF-8")]
    )
    def test_a_file_that_is_no_table_is_refused(self, folder: Path, content: bytes, rule: str) -> None:
        (folder / "data" / "courses.csv").write_bytes(content)
        with pytest.raises(PackError, match=rule):
            read_pack(folder)

    def test_a_missing_file_is_named(self, folder: Path) -> None:
        (folder / "data" / "plain_meanings.csv").unlink()
        with pytest.raises(PackError, match=r"plain_meanings\.csv: the file is missing"):
            read_pack(folder)


class TestDocuments:
    @pytest.mark.parametrize(
        ("file", "change", "rule"),
        [
            ("ranking.json", lambda d: d["weights"].update(wage=0.2), "add up to 1"),
            ("pack.json", lambda d: d.update(clocks=[9, 3]), "rise"),
            ("pack.json", lambda d: d.update(timezone="Nowhere/Land"), "no such time zone"),
            ("pack.json", lambda d: d.update(name="xx-other"), "does not fit the folder"),
            ("pack.json", lambda d: d.update(colour="blue"), "colour: Extra inputs"),
            ("pack.json", lambda d: d["adverts"].update(employer_number=number_of(2, "(")), "not a regular expression"),
            ("pack.json", lambda d: d["adverts"].update(employer_number=number_of(2, "[1-9]{2}")), "zeros"),
            ("pack.json", lambda d: d["money"].pop("fr"), "exactly the languages"),
            ("commuting.json", lambda d: d[0]["bands"][0].update(least=11), "least is above minutes"),
            ("commuting.json", lambda d: d[0].update(homes_within=["isle-region-1:Z"]), "not in any list"),
            ("pack.json", lambda d: d["occupation_tree"].update(schemes=["other-1"]), "not one of the pack's schemes"),
            ("pack.json", lambda d: d["occupation_tree"]["levels"].update({"3": 0.1}), "must not fall"),
            ("wages.json", lambda d: d["minimum"][1].update(valid_from="2026-07-02"), "day after the row before"),
            ("wages.json", lambda d: d["minimum"][1].update(valid_from="2026-06-30"), "day after the row before"),
            ("wages.json", lambda d: d["minimum"][1].update(valid_to=None), "valid_to is missing"),
            ("wages.json", lambda d: d["minimum"][0].update(valid_to="2020-01-01"), "before valid_from"),
            ("wages.json", lambda d: d["minimum"][0].update(currency="KRW"), "currency is not XTS"),
            ("purposes.json", lambda d: d[0]["text"].pop("fr"), "exactly the languages"),
            ("purposes.json", lambda d: d.append(d[0]), "is there twice"),
            ("purposes.json", lambda d: d[0].update(longest_days=0), "0.longest_days"),
            ("programmes.json", lambda d: d[0].update(kind="party"), "kind 'party'"),
            ("programmes.json", lambda d: d[0].update(residence="isle-region-1:Z"), "not in any list"),
            ("programmes.json", lambda d: d[0].update(age_max=17), "below age_min"),
            ("benefits.json", lambda d: d[0]["payments"][0].update(where=["isle-region-1:Z"]), "not in any list"),
            ("never_collected.json", lambda d: d[0].update(fields=[]), "0.fields"),
            ("never_collected.json", lambda d: d[0].update(numbers=["("]), "not a regular expression"),
            ("ages.json", lambda d: d[0].update(kind="fishing"), "is not a kind"),
            ("title_additions.json", lambda d: d.update(weather={}), "is no field"),
            ("title_additions.json", lambda d: d["course"].update(numbers=["("]), "not a regular expression"),
            ("title_additions.json", lambda d: d["course"].update(misspelt_from=3), "course.misspelt_from"),
            ("words.json", lambda d: d["per.hour"].pop("fr"), "key per.hour: needs exactly"),
            ("words.json", lambda d: d["per.hour"].update(fr="{x}"), "same placeholders"),
            ("words.json", lambda d: d["per.hour"].update(en="{0}", fr="{0}"), "plain names"),
            ("words.json", lambda d: d["per.hour"].update(en="{x.y}", fr="{x.y}"), "plain names"),
        ],
    )
    def test_a_broken_rule_is_named(self, folder: Path, file: str, change: Callable[[Any], None], rule: str) -> None:
        edit(next(folder.rglob(file)), change)
        with pytest.raises(PackError, match=rule) as told:
            read_pack(folder)
        assert told.value.file == file

    def test_a_key_written_twice_is_refused(self, folder: Path) -> None:
        (folder / "sentences" / "mails.json").write_text(
            '{"a": {"en": "x", "fr": "x"}, "a": {"en": "y", "fr": "y"}}', "utf-8"
        )
        with pytest.raises(PackError, match=r"mails\.json, key a: is written twice"):
            read_pack(folder)

    def test_a_key_of_two_files_is_refused(self, folder: Path) -> None:
        edit(folder / "sentences" / "mails.json", lambda d: d.update({"per.hour": {"en": "x", "fr": "x"}}))
        with pytest.raises(PackError, match=r"words\.json, key per\.hour: is written twice"):
            read_pack(folder)

    def test_bad_json_is_named_with_its_line(self, folder: Path) -> None:
        (folder / "wages.json").write_text("[\n  {]\n", encoding="utf-8")
        with pytest.raises(PackError, match=r"wages\.json, line 2"):
            read_pack(folder)
