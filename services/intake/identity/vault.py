"""Identity at rest: every field sealed under the person's own data key, every data key wrapped by one key above them.

A record is a plain document, so that it is written in the same transaction as everything else. Person and field are
bound into each seal: a value moved to another person or field does not open. Erasing a person is destroying the
record's `key`. All cryptography is behind `shared.kit.base.sealing.Sealer` (AES-256-GCM); a body that needs a validated
module changes that one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from services.intake.documents import IdentityDocument
from shared.kit.base.ids import random_bytes
from shared.kit.base.sealing import Sealer

KEY_BYTES = 32
REFERENCE = "reference"
_KEY = "data-key"
_FIELD = "identity"


class Vault:
    """Seals and opens identity records. Holds the key-encryption key, never a data key for longer than a call."""

    def __init__(self, kek: bytes) -> None:
        self._kek = Sealer(kek)

    def new_record(self, person: str, reference: str, values: Mapping[str, str]) -> IdentityDocument:
        """A record with a new data key for a new person. `values`: the fields of the identity."""
        key = self._kek.seal(random_bytes(KEY_BYTES), _KEY, person)
        record = IdentityDocument(_id=person, key=key, sealed={})
        return self.with_values(record, {REFERENCE: reference, **values})

    def with_identity(
        self, record: IdentityDocument, values: Mapping[str, str], stay: Collection[str]
    ) -> IdentityDocument:
        """The record with another identity under the same data key; the reference stays, and the fields in `stay`."""
        kept = {name: sealed for name, sealed in record["sealed"].items() if name == REFERENCE or name in stay}
        return self.with_values(IdentityDocument(_id=record["_id"], key=record["key"], sealed=kept), values)

    def with_values(self, record: IdentityDocument, values: Mapping[str, str]) -> IdentityDocument:
        """The record with these fields sealed in. Raises SealBroken if its data key does not open."""
        person, sealer = record["_id"], self._data_key(record)
        sealed = {name: sealer.seal(value.encode(), _FIELD, person, name) for name, value in values.items()}
        return IdentityDocument(_id=person, key=record["key"], sealed={**record["sealed"], **sealed})

    def open(self, record: IdentityDocument, field: str) -> str | None:
        """One field in clear; None when it was never given. Raises SealBroken for anything that was altered or moved.

        The only way to a plaintext: whoever calls it writes the audit entry first.
        """
        sealed = record["sealed"].get(field)
        if sealed is None:
            return None
        return self._data_key(record).open(sealed, _FIELD, record["_id"], field).decode()

    def _data_key(self, record: IdentityDocument) -> Sealer:
        return Sealer(self._kek.open(record["key"], _KEY, record["_id"]))
