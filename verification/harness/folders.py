"""Where what runs on this machine keeps its data, and whether it could: DATA= for all of it alike."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deploy.local.doctor import Finding, findings
from deploy.local.folder import data_folder


def lacking(keep: Path | None) -> list[Finding]:
    """What this machine lacks for a run in ``keep``, or in a new folder of DATA=."""
    return findings(data_folder(), None) if keep is None else findings(keep, {})


def folder_of(what: str, keep: Path | None) -> Path:
    """``keep``, else a new folder in DATA=, which whoever asked for it removes again."""
    if keep is not None:
        return keep
    data = data_folder()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{what}-", dir=data))  # 0700, whatever DATA= has
