"""Whatever problem a service answers with, its title and detail can be told in every language of every pack."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.reference import available_packs, load_pack

pytestmark = pytest.mark.unit
# Made of what is not known before it happens: `_of_status` (phrases of HTTP), and helpers whose callers are looked at.
_VALUES = {"right": "reads matches", "state": "proposed", "version": 3, "bytes": 5, "fields": "kind"}
_PHRASES = [("method-not-allowed", "Method Not Allowed"), ("unsupported-media-type", "Unsupported Media Type")]
Said = tuple[tuple[str, ...], str, bool]  # names, title, whether there is a detail


def _problems() -> Iterator[Said]:
    for root in ("shared/kit", "shared/access", "services"):
        for path in sorted(Path(root).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                texts = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
                named = {each.arg: each.value for each in node.keywords}
                if node.func.id == "Problem" and isinstance(texts[0:1] and texts[0], int):
                    name, title = named.get("name"), texts[2]
                    names = [name.value] if isinstance(name, ast.Constant) else []
                    if isinstance(title, str):
                        yield (*map(str, names), str(texts[1])), title, len(node.args) > 3
                elif node.func.id == "_wrong" and len(texts) == 4:  # of matching's rounds
                    yield (str(texts[3]), "refused"), str(texts[2]), False


@pytest.mark.parametrize("pack_name", available_packs())
def test_titles_and_details_have_a_sentence_in_every_language(pack_name: str) -> None:
    pack = load_pack(pack_name)
    found = [*_problems(), *(((name,), phrase, False) for name, phrase in _PHRASES)]
    assert len(found) > 15
    for names, title, has_detail in found:
        said = pack.problem(names, _VALUES)
        assert tuple(said.get("titles", ())) == pack.languages, names
        assert said["titles"]["en"] == title, names
        assert not has_detail or tuple(said.get("details", ())) == pack.languages, names


def test_what_is_refused_and_what_fails_have_a_title() -> None:
    pack = load_pack("kr-gyeonggi")
    assert pack.problem(("refused",), {})["titles"]["ko"] == "이대로는 받을 수 없습니다"
    assert pack.problem(("internal",), {})["titles"]["en"] == "Something failed here"
