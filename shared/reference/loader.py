"""From a folder to a pack. A pack is a folder below `packs/`; adding one is adding a folder, no code."""

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from shared.reference.codes import CodeLists, read_codes
from shared.reference.commuting import Commuting, CommutingSpec
from shared.reference.errors import PackError
from shared.reference.manifest import Manifest
from shared.reference.matching_data import AnswerOdds, CodeMeanings, FairnessReport, MatchingData, Ranking
from shared.reference.models import AgeBounds, Benefit, Data, NeverCollected, Programme, Purpose, Texts
from shared.reference.occupations import Occupations
from shared.reference.pack import NAMED_FIELDS, Pack
from shared.reference.sentences import Sentences
from shared.reference.spreadsheet_words import FileWords
from shared.reference.successors import read_successors
from shared.reference.tables import checked, read_json, read_table, required
from shared.reference.title_additions import Additions
from shared.reference.titles import read_titles
from shared.reference.wages import Wages, WageTable

PACKS = Path(__file__).parent / "packs"
IN_FORCE = ("ranking.json", "fairness_report.json")
TO_COME = ("ranking_to_come.json", "fairness_report_to_come.json")


def available_packs() -> tuple[str, ...]:
    """Names of the packs that are there, sorted."""
    folders = (path.parent for path in PACKS.glob("*/pack.json"))
    return tuple(sorted(folder.name.replace("_", "-") for folder in folders))


@cache
def load_pack(name: str) -> Pack:
    """The pack of that name, read and checked once per process. PackError: file, place and rule of what is wrong."""
    if name not in available_packs():
        raise PackError(name, "", f"no such pack; there are {list(available_packs())}")
    return read_pack(PACKS / name.replace("-", "_"))


def read_pack(folder: Path) -> Pack:
    """A pack from its folder, not cached."""
    manifest = read_json(folder / "pack.json", Manifest)
    lists = _lists(folder, manifest)
    additions = _additions(folder, lists)
    meanings = read_json(folder / "code_meanings.json", CodeMeanings)
    _known(lists, "code_meanings.json", "codes", meanings.codes())
    model = _model(folder, IN_FORCE, meanings)
    coming = _model(folder, TO_COME, meanings) if (folder / TO_COME[0]).exists() else None
    if coming is not None:
        _comes_after(model, coming)
    data = folder / "data"
    return Pack(
        manifest=manifest,
        lists=lists,
        titles=read_titles(data / "synonyms.csv", lists, unique=("certificate", "course"), additions=additions),
        additions=MappingProxyType(additions),
        occupations=Occupations(
            manifest.occupation_tree, _weights(data / "work_strengths.csv", lists, "occupation", "strength", 5)
        ),
        commuting=_commuting(folder, lists),
        wages=WageTable("wages.json", read_json(folder / "wages.json", Wages), manifest.currency),
        sentences=Sentences(
            {path.name: read_json(path, dict[str, Texts]) for path in sorted(folder.glob("sentences/*.json"))},
            manifest.languages,
        ),
        purposes=MappingProxyType(_purposes(folder, manifest)),
        benefits=_benefits(folder, manifest, lists),
        programmes=_programmes(folder, manifest, lists),
        refused=_refused(folder, manifest),
        ages=_ages(folder, manifest),
        residence_weights=_weights(data / "invented_residents.csv", lists, "region", "weight", 1e9),
        stands_for=_stands_for(data / "plain_meanings.csv", lists),
        successors=MappingProxyType(read_successors(data / "successors.csv", lists)),
        words=read_json(folder / "spreadsheet_words.json", FileWords),
        matching=model,
        coming=coming,
    )


def _lists(folder: Path, manifest: Manifest) -> CodeLists:
    """The lists of codes, once the manifest is known to be sound."""
    if manifest.name.replace("-", "_") != folder.name:
        raise PackError("pack.json", "name", f"does not fit the folder {folder.name}")
    _speaks(manifest, "pack.json", "money", manifest.money)
    for scheme in manifest.occupation_tree.schemes:
        if scheme not in manifest.schemes:
            raise PackError("pack.json", "occupation_tree", f"{scheme} is not one of the pack's schemes")
    return CodeLists(
        {name: (spec, read_codes(folder, name, spec, manifest.languages)) for name, spec in manifest.schemes.items()}
    )


def _additions(folder: Path, lists: CodeLists) -> Mapping[str, Additions]:
    additions = read_json(folder / "title_additions.json", dict[str, Additions])
    if unknown := additions.keys() - {*lists.fields(), *NAMED_FIELDS}:
        raise PackError("title_additions.json", min(unknown), "is no field of titles")
    return additions


def _commuting(folder: Path, lists: CodeLists) -> Commuting:
    commuting = read_json(folder / "commuting.json", tuple[CommutingSpec, ...])
    for spec in commuting:
        _known(lists, "commuting.json", "homes_within", spec.homes_within)
        _known(lists, "commuting.json", "to", (band.to for band in spec.bands))
    return Commuting(commuting, lists)


def _purposes(folder: Path, manifest: Manifest) -> Mapping[str, Purpose]:
    purposes = read_json(folder / "purposes.json", tuple[Purpose, ...])
    _once("purposes.json", (purpose.name for purpose in purposes))
    for purpose in purposes:
        _speaks(manifest, "purposes.json", purpose.name, purpose.text)
    return {purpose.name: purpose for purpose in purposes}


def _benefits(folder: Path, manifest: Manifest, lists: CodeLists) -> tuple[Benefit, ...]:
    benefits = read_json(folder / "benefits.json", tuple[Benefit, ...])
    for benefit in benefits:
        _speaks(manifest, "benefits.json", benefit.name, benefit.title)
        _known(lists, "benefits.json", benefit.name, (code for step in benefit.payments for code in step.where))
    return benefits


def _programmes(folder: Path, manifest: Manifest, lists: CodeLists) -> tuple[Programme, ...]:
    programmes = read_json(folder / "programmes.json", tuple[Programme, ...])
    _once("programmes.json", (programme.name for programme in programmes))
    for programme in programmes:
        _speaks(manifest, "programmes.json", programme.name, programme.title)
        _known(lists, "programmes.json", programme.name, (programme.residence,))
        if programme.kind not in manifest.kinds:
            raise PackError("programmes.json", programme.name, f"kind '{programme.kind}' is not one of the pack")
    return programmes


def _refused(folder: Path, manifest: Manifest) -> tuple[NeverCollected, ...]:
    refused = read_json(folder / "never_collected.json", tuple[NeverCollected, ...])
    for number, group in enumerate(refused):
        _speaks(manifest, "never_collected.json", f"group {number}", group.reason)
    return refused


def _ages(folder: Path, manifest: Manifest) -> tuple[AgeBounds, ...]:
    ages = read_json(folder / "ages.json", tuple[AgeBounds, ...])
    for bounds in ages:
        if bounds.kind not in manifest.kinds:
            raise PackError("ages.json", bounds.kind, "is not a kind of the pack")
    return ages


def _model(folder: Path, files: tuple[str, str], meanings: CodeMeanings) -> MatchingData:
    """Numbers of a ranking with what else its version names; ``files``: theirs, and the fairness report's. The report
    has to be the one that is named, and about these numbers."""
    ranking, report = files
    parts: tuple[Data, ...] = (
        read_json(folder / ranking, Ranking),
        read_json(folder / "answer_odds.json", AnswerOdds),
        meanings,
    )
    model = MatchingData.model_validate({name: value for part in parts for name, value in part})
    if model.fairness_report is not None:
        about = read_json(folder / report, FairnessReport)
        if sha256((folder / report).read_bytes()).hexdigest() != model.fairness_report:
            raise PackError(ranking, "fairness_report", f"is not the SHA-256 of {report}")
        if (about.models[1], about.digests[1]) != (model.weights_version, model.digest):
            raise PackError(report, "models, digests", f"is not about the numbers of {ranking}")
    return model


def _comes_after(model: MatchingData, coming: MatchingData) -> None:
    """What is to come has a day and a version of its own, later than what is in force."""
    if coming.valid_from is None:
        raise PackError(TO_COME[0], "valid_from", "what is to come says from which day on")
    if model.valid_from is not None and coming.valid_from <= model.valid_from:
        raise PackError(TO_COME[0], "valid_from", f"is not later than that of {IN_FORCE[0]}")
    if coming.weights_version == model.weights_version:
        raise PackError(TO_COME[0], "weights_version", f"is that of {IN_FORCE[0]}")


def _speaks(manifest: Manifest, file: str, where: str, texts: Texts) -> None:
    if set(texts) != set(manifest.languages):
        raise PackError(file, where, f"needs exactly the languages {list(manifest.languages)}")


def _known(lists: CodeLists, file: str, where: str, codes: Iterable[str | None]) -> None:
    for code in codes:
        if code is not None and code not in lists.entries:
            raise PackError(file, where, f"{code} is not in any list")


def _once(file: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PackError(file, name, "is there twice")
        seen.add(name)


def _weights(path: Path, lists: CodeLists, key: str, column: str, highest: float) -> Mapping[str, float]:
    """A table of one positive number per known code."""
    found: dict[str, float] = {}
    for line, row in read_table(path):
        code = required(path, line, row, key)
        value = checked(path.name, f"line {line} {column}", required(path, line, row, column), float)
        _known(lists, path.name, f"line {line}", (code,))
        if code in found:
            raise PackError(path.name, f"line {line}", f"{code} is there twice")
        if not 0 < value <= highest:
            raise PackError(path.name, f"line {line} {column}", f"must be above 0 and at most {highest:g}")
        found[code] = value
    return MappingProxyType(found)


def _stands_for(path: Path, lists: CodeLists) -> Mapping[str, frozenset[str]]:
    """Foreign codes and the plain codes they stand for; a row without a plain code says: it tells nothing."""
    found: dict[str, set[str]] = {}
    for line, row in read_table(path):
        code = required(path, line, row, "code")
        _known(lists, path.name, f"line {line}", (code, row.get("means")))
        found.setdefault(code, set()).update({row["means"]} if "means" in row else ())
    return MappingProxyType({code: frozenset(plain) for code, plain in found.items()})
