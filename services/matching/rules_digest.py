"""Which rules this process decides by, as one word: lists that were worked out by others are not valid. And by which
numbers of a pack, which a version names."""

from __future__ import annotations

import hashlib
from pathlib import Path

from services.matching import domain
from shared import events, reference
from shared.reference import Pack


def rules_digest(pack: Pack) -> str:
    """Another word as soon as a file of the rules, of the packs, of what reads them or of the events is another."""
    digest = hashlib.blake2b(pack.name.encode(), digest_size=12)
    for package in (domain, reference, events):
        for root in sorted(package.__path__):
            for file in sorted(Path(root).rglob("*")):
                if file.suffix in (".py", ".json", ".csv"):
                    digest.update(file.relative_to(root).as_posix().encode())
                    digest.update(file.read_bytes())
    return digest.hexdigest()


def model_digest(pack: Pack) -> str:
    """Another word as soon as a weight or anything else of `pack.matching` is another: then `weights_version` has to
    be, too, for it is what a match says it was made by."""
    return pack.matching.digest
