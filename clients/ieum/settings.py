"""Where everything is, from options, the environment, or a file that holds the key."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from clients.ieum.api_client import Hub, Key
from shared.events.refusal import MOST, refusal_of
from shared.files import Converter, FileMapping
from shared.reference import Pack, load_pack


class Missing(Exception):
    """Something that has to be said was not said; the text says what."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What all commands share."""

    intake: str | None
    notifications: str | None
    agency: str | None
    key_file: Path | None
    pack_name: str
    language: str | None
    patience: float

    @property
    def pack(self) -> Pack:
        """The country's lists and sentences."""
        return load_pack(self.pack_name)

    @property
    def spoken(self) -> str:
        """In which language remedies are shown."""
        return self.language if self.language in self.pack.languages else self.pack.languages[0]

    @property
    def today(self) -> date:
        """The pack's day, which is the door's."""
        return datetime.now(ZoneInfo(self.pack.timezone)).date()

    def key(self) -> Key:
        """From the file, or from IEUM_KEY; never from an option, for those are seen by everybody on the machine. Raises
        Missing and ValueError."""
        if self.key_file is not None:
            return Key.parse(secret_in(self.key_file))
        if given := os.environ.get("IEUM_KEY"):
            return Key.parse(given)
        raise Missing("which key? --key-file FILE, or IEUM_KEY=<key id>.<secret>")

    def hub(self, *, of_partners: bool = False, key: Key | None = None) -> Hub:
        """The door, or what partners are told by. `key`: another than one's own. Raises Missing."""
        if of_partners and self.notifications is None:
            raise Missing("where is it? --notifications URL, or IEUM_NOTIFICATIONS")
        url = self.notifications if of_partners else None
        return Hub(url or self.door(), key or self.key(), patience=self.patience)

    def door(self) -> str:
        """Its address. Raises Missing."""
        if self.intake is None:
            raise Missing("where is it? --intake URL, or IEUM_INTAKE")
        return self.intake

    def key_or(self, secret: str) -> Key:
        """One's key, else one that follows from another secret: enough for ids of events that nobody can guess. Raises
        ValueError."""
        if self.key_file is not None or os.environ.get("IEUM_KEY"):
            return self.key()
        return Key("not-a-key", hashlib.sha256(secret.encode()).digest())

    def sender(self) -> str:
        """The agency. Raises Missing."""
        if self.agency is None:
            raise Missing("which agency sends? --agency NAME, or IEUM_AGENCY")
        return self.agency

    def converter(self, file: Path, as_of: datetime | None, mapping: Path | None, key: Key | None) -> Converter:
        """For a file: rows that do not say when are as of its last change. Without a key ids are of no use."""
        moment = as_of or datetime.fromtimestamp(file.stat().st_mtime, UTC)
        return self.converter_of(moment if moment.tzinfo else moment.astimezone(), mapping, key)

    def converter_of(self, moment: datetime, mapping: Path | None, key: Key | None) -> Converter:
        """For what was made at that moment."""
        own = None if mapping is None else self.mapping_in(mapping)
        make_id = (key or Key("nobody", bytes(32))).event_id
        return Converter(self.pack, self.agency or "your-agency", moment.replace(microsecond=0), make_id, own)

    def mapping_in(self, file: Path) -> FileMapping:
        """A mapping, or what the door would say of it: ValueError with a line for each finding."""
        try:
            return FileMapping.model_validate_json(file.read_bytes())
        except ValidationError as wrong:
            found = [refusal_of(each, "") for each in wrong.errors(include_input=False, include_url=False)[:MOST]]
        lines = (
            f"{one.field} {one.rule}: {self.pack.remedy(one.rule, one.field, one.values)[self.spoken]}" for one in found
        )
        raise ValueError("\n".join([f"{file.name} is no mapping", *lines]))


def secret_in(file: Path) -> str:
    """What a file holds that nobody else may read. Raises Missing."""
    if not file.is_file():
        raise Missing(f"{file} is not there: it is looked for from this folder, so name it in full")
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise Missing(f"{file} can be read by others: chmod 600 {file}")
    return file.read_text().strip()
