"""What became of codes whose list has changed: renamed, merged or split, each from a day on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from shared.reference.codes import CodeLists
from shared.reference.errors import PackError
from shared.reference.tables import checked, read_table, required


@dataclass(frozen=True, slots=True)
class Successors:
    """The codes that stand for an older one from the day `since` on: one, or several for what was split."""

    codes: tuple[str, ...]
    since: date


def read_successors(path: Path, codes: CodeLists) -> Mapping[str, Successors]:
    """By the older code. A code that was split stays in its list: nobody can say which part is meant."""
    found: dict[str, Successors] = {}
    for line, row in read_table(path):
        where = f"line {line}"
        old, new = required(path, line, row, "code"), required(path, line, row, "successor")
        since = checked(path.name, f"{where} since", required(path, line, row, "since"), date)
        if new not in codes.entries:
            raise PackError(path.name, where, f"{new} is not in any list")
        if old not in found:
            found[old] = Successors((new,), since)
        elif found[old].since != since:
            raise PackError(path.name, where, f"{old} was replaced on two days")
        else:
            found[old] = Successors((*found[old].codes, new), since)
    for old, successors in found.items():
        if len(successors.codes) == 1 and old in codes.entries:
            raise PackError(path.name, "", f"{old} has a successor and is still in its list")
        if len(successors.codes) > 1 and old not in codes.entries:
            raise PackError(path.name, "", f"{old} was split and is not in its list any more")
        if any(new in found and len(found[new].codes) == 1 for new in successors.codes):
            raise PackError(path.name, "", f"a successor of {old} was replaced itself: name the last one")
    return found
