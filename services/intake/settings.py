"""What intake needs to know besides what every service does."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from shared.kit.settings import ServiceSettings

# Known to everybody who reads this line: good for a laptop, refused in production.
DEVELOPMENT_KEK = "d3" * 32


class IntakeSettings(ServiceSettings):
    """`kek`: the key that wraps every person's data key, 32 bytes as hex; whoever loses it loses every identity.

    `first_admin`: "<agency>:<key id>:<SHA-256 of the secret, hex>", used once, at a start without any administrator.
    """

    service: str = "intake"
    port: int = Field(default=8101, ge=0, le=65535)
    kek: SecretStr = SecretStr(DEVELOPMENT_KEK)
    first_admin: SecretStr | None = None
    most_events: int = Field(default=500, ge=1, le=5_000)
    most_bytes: int = Field(default=5_000_000, ge=1_000, le=16_000_000)
    lapse_seconds: float = Field(default=60.0, gt=0, le=3_600)

    @field_validator("kek")
    @classmethod
    def _kek_is_a_key(cls, kek: SecretStr) -> SecretStr:
        if len(bytes.fromhex(kek.get_secret_value())) != 32:
            raise ValueError("32 bytes as hex")
        return kek

    @field_validator("first_admin")
    @classmethod
    def _first_admin_has_three_parts(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and len(given.get_secret_value().split(":")) != 3:
            raise ValueError("<agency>:<key id>:<sha256 of the secret>")
        return given

    @model_validator(mode="after")
    def _production_has_its_own_kek(self) -> Self:
        kek = self.kek.get_secret_value()
        if self.profile == "production" and kek in (
            DEVELOPMENT_KEK,
            self.id_key.get_secret_value(),
            self.sealing_key.get_secret_value(),
        ):
            raise ValueError("IEUM_KEK: 64 hex digits of its own, for example from: openssl rand -hex 32")
        return self

    @property
    def kek_bytes(self) -> bytes:
        """The key of `services.intake.identity.Vault`."""
        return bytes.fromhex(self.kek.get_secret_value())
