"""What intake needs to know besides what every service does."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from shared.kit.base import weak_keys
from shared.kit.base.weak_keys import DEVELOPMENT_KEK
from shared.kit.runtime.settings import ServiceSettings

_FIRST_ADMIN = re.compile("[a-z0-9-]{1,60}:[a-z0-9-]{3,40}:([0-9a-f]{64})", re.ASCII)


class IntakeSettings(ServiceSettings):
    """`kek`: the key that wraps every person's data key, 32 bytes as hex; whoever loses it loses every identity.

    `first_admin`: "<agency>:<key id>:<SHA-256 of the secret, hex>", used once, at a start without any administrator.
    `most_rejections`: refused events of one agency that are kept in a day; the rest is answered, and counted.
    """

    KEYS: ClassVar[tuple[str, ...]] = (*ServiceSettings.KEYS, "kek")

    service: str = "intake"
    port: int = Field(default=8101, ge=0, le=65535)
    kek: SecretStr = SecretStr(DEVELOPMENT_KEK)
    first_admin: SecretStr | None = None
    most_events: int = Field(default=500, ge=1, le=5_000)
    most_bytes: int = Field(default=5_000_000, ge=1_000, le=8_000_000)
    most_rejections: int = Field(default=5_000, ge=100, le=1_000_000)
    lapse_seconds: float = Field(default=60.0, gt=0, le=3_600)

    @field_validator("first_admin")
    @classmethod
    def _first_admin_can_be_registered(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None:
            found = _FIRST_ADMIN.fullmatch(given.get_secret_value())
            if found is None:
                raise ValueError("put <agency>:<key id>:<sha256 of the secret, 64 hex digits>")
            if weak_keys.known_hash(found[1]):
                raise ValueError("put the hash of a secret of 256 random bits; this one's secret is known to everybody")
        return given

    @property
    def kek_bytes(self) -> bytes:
        """The key of `services.intake.identity.Vault`."""
        return bytes.fromhex(self.kek.get_secret_value())
