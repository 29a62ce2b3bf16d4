"""Builds the wheel: `ieum`, and inside of it what it stands on of `shared`, under its name there.

A package called `shared` on somebody else's machine could be anybody's, so the copies are `ieum.shared`, and their
imports say so. Nothing is copied in the repository.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STANDS_ON = ("events", "reference", "screening", "files")
_NAMES = re.compile(r"^(\s*)(from|import) (shared|clients\.ieum)\b", re.MULTILINE)
_NEW = {"shared": "ieum.shared", "clients.ieum": "ieum"}


class CustomBuildHook(BuildHookInterface[Any]):
    """Called by hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name every file of the wheel."""
        root, shared = Path(self.root), Path(self.root).parent / "shared"
        self._folder = tempfile.TemporaryDirectory()
        sources = [
            (root / "ieum", "ieum"),
            *((shared / name, f"ieum/shared/{name}") for name in STANDS_ON),
        ]
        files = [(path, f"{to}/{path.relative_to(source)}") for source, to in sources for path in source.rglob("*")]
        files.append((shared / "__init__.py", "ieum/shared/__init__.py"))
        for path, name in files:
            if path.is_file() and "__pycache__" not in path.parts:
                target = Path(self._folder.name) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(
                    renamed(path.read_text("utf-8")).encode() if path.suffix == ".py" else path.read_bytes()
                )
                build_data["force_include"][str(target)] = name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copies."""
        self._folder.cleanup()


def renamed(source: str) -> str:
    """The imports of a module as they are inside of the wheel."""
    return _NAMES.sub(lambda found: f"{found[1]}{found[2]} {_NEW[found[3]]}", source)
