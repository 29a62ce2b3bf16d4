"""What intake needs to know besides what every service does."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from shared.kit.key_rules import DEVELOPMENT_KEK
from shared.kit.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """`kek`: the key that wraps every person's data key, 32 bytes as hex; whoever loses it loses every identity.

    `first_admin`: "<agency>:<key id>:<SHA-256 of the secret, hex>", used once, at a start without any administrator.
    """

    KEYS: ClassVar[tuple[str, ...]] = (*ServiceSettings.KEYS, "kek")

    service: str = "intake"
    port: int = Field(default=8101, ge=0, le=65535)
    kek: SecretStr = SecretStr(DEVELOPMENT_KEK)
    first_admin: SecretStr | None = None
    most_events: int = Field(default=500, ge=1, le=5_000)
    most_bytes: int = Field(default=5_000_000, ge=1_000, le=8_000_000)
    lapse_seconds: float = Field(default=60.0, gt=0, le=3_600)

    @field_validator("first_admin")
    @classmethod
    def _first_admin_has_three_parts(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and len(given.get_secret_value().split(":")) != 3:
            raise ValueError("<agency>:<key id>:<sha256 of the secret>")
        return given

    @property
    def kek_bytes(self) -> bytes:
        """The key of `services.intake.identity.Vault`."""
        return bytes.fromhex(self.kek.get_secret_value())
