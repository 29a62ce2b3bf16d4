"""What the documents name is there: every path of this repository, every module that `python -m` is said to run."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.events import registry

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
FOLDERS = "shared|services|clients|samples|verification|deploy|tests|docs|requirements"
NAMES = {
    "<topic>": sorted({each.topic.name for each in registry}),
    "<service>": ["intake", "matching", "notifications"],
}
"""What these stand for; anything else in angle brackets stands for any name."""
OF_THE_PAST = {"CHANGELOG.md"}
DOCUMENTS = sorted(each for each in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")) if each.name not in OF_THE_PAST)
LINKING = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def paths_in(text: str) -> Iterator[str]:
    """As they are written."""
    for found in re.findall(rf"(?<![\w./-])((?:{FOLDERS})/[\w./*<>-]+)", text):
        yield found.rstrip("./")


def is_there(path: str) -> bool:
    """Any file or folder that it may stand for: of ``<topic>`` and ``<service>`` one whose name is one of them."""
    named = re.search("|".join(NAMES), path)
    filled = [path.replace(named[0], name) for name in NAMES[named[0]]] if named else [path]
    return any(any(ROOT.glob(re.sub(r"<[^>]*>", "*", each))) for each in filled)


def modules_in(text: str) -> Iterator[str]:
    """Of this repository, as they are written."""
    yield from re.findall(rf"-m ((?:{FOLDERS})(?:\.\w+)+)", text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_only_what_is_there(document: Path) -> None:
    text = document.read_text()
    assert [path for path in paths_in(text) if not is_there(path)] == []
    assert [module for module in modules_in(text) if importlib.util.find_spec(module) is None] == []


def anchors_in(text: str) -> set[str]:
    """What a link may name of a document: its headings, as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ +(.+?) *$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(text: str) -> str:
    """Of a block of code a line with ``#`` is a comment, and brackets are no link."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def links_in(text: str) -> Iterator[str]:
    """Those within the repository, as they are written."""
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", without_code(text))):
        if "://" not in link and not link.startswith("mailto:"):
            yield link


def leads_somewhere(link: str, document: Path) -> bool:
    """To a file or folder, and where it names an anchor, to a heading of that document."""
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    return target.exists() and (not anchor or target.suffix != ".md" or anchor in anchors_in(target.read_text()))


@pytest.mark.parametrize("document", LINKING, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_to_a_file_and_a_heading(document: Path) -> None:
    assert [link for link in links_in(document.read_text()) if not leads_somewhere(link, document)] == []


def test_a_link_is_found_in_a_text_and_its_anchor_among_headings(tmp_path: Path) -> None:
    document = tmp_path / "one.md"
    document.write_text("# How fast: `make bench`, and why\n\n```\n# no heading\n```\n")
    assert anchors_in(document.read_text()) == {"how-fast-make-bench-and-why"}
    text = "[a](one.md#how-fast-make-bench-and-why) [b](#no-heading) [c](two.md) `[d](three.md)` [e](https://f.test)"
    assert [(link, leads_somewhere(link, document)) for link in links_in(text)] == [
        ("one.md#how-fast-make-bench-and-why", True),
        ("#no-heading", False),
        ("two.md", False),
    ]


def test_paths_and_modules_are_found_in_a_text() -> None:
    text = "In `services/<service>/api.py` (see docs/siege.md), `.venv/bin/python -m verification.chaos --help`."
    assert list(paths_in(text)) == ["services/<service>/api.py", "docs/siege.md"]
    assert list(modules_in(text)) == ["verification.chaos"]


def test_a_path_with_a_gap_is_there_when_one_that_fills_it_is() -> None:
    assert is_there("services/intake/event_handlers/<topic>.py")
    assert is_there("shared/reference/packs/<pack>/sentences/mails.json")
    assert not is_there("services/intake/domain/<topic>.py")  # there are files, but none of a topic's name


def event_types_in(text: str) -> set[str]:
    """As they are written in a table: ``job-posted, -updated`` names two."""
    found: set[str] = set()
    for cell in re.findall(r"^\| ([a-z, ;-]+) \|", text, re.MULTILINE):
        family = ""
        for name in re.split(r"[,;] ", cell):
            found.add(family + name if name.startswith("-") else name)
            family = family if name.startswith("-") else name.rpartition("-")[0]
    return found


def test_every_event_type_has_its_row_in_every_event_flow() -> None:
    flows = (ROOT / "ARCHITECTURE.md").read_text().partition("## Every event flow")[2].partition("\n## ")[0]
    assert {each.name for each in registry} - event_types_in(flows) == set()


def test_every_type_at_the_door_is_named_where_senders_read() -> None:
    text = (ROOT / "docs" / "sending-events.md").read_text()
    families = set(re.findall(r"`([a-z]+)-\*`", text))
    named = set(re.findall(r"[a-z]+-[a-z]+", text))
    at_the_door = {each.name for each in registry if each.door is not None}
    assert {name for name in at_the_door if name not in named and name.partition("-")[0] not in families} == set()
