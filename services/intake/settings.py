"""What intake needs to know besides what every service does."""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from shared.kit.settings import ServiceSettings

# Known to everybody who reads this line: good for a laptop, refused in production.
DEVELOPMENT_KEK = "d3" * 32


class IntakeSettings(ServiceSettings):
    """`kek`: the key that wraps every person's data key, 32 bytes as hex; whoever loses it loses every identity.

    `first_admin`: "<agency>:<key id>:<SHA-256 of the secret, hex>", used once, at a start without any administrator.
    """

    service: str = "intake"
    port: int = Field(default=8101, ge=0, le=65535)
    kek: SecretStr = Field(default=SecretStr(DEVELOPMENT_KEK), validate_default=True)
    first_admin: SecretStr | None = None
    most_events: int = Field(default=500, ge=1, le=5_000)
    most_bytes: int = Field(default=5_000_000, ge=1_000, le=16_000_000)
    lapse_seconds: float = Field(default=60.0, gt=0, le=3_600)

    @field_validator("kek")
    @classmethod
    def _kek_is_a_key_of_its_own(cls, kek: SecretStr, info: ValidationInfo) -> SecretStr:
        text = kek.get_secret_value()
        if len(bytes.fromhex(text)) != 32:
            raise ValueError("32 bytes as hex")
        others = [info.data[name].get_secret_value() for name in ("id_key", "sealing_key") if name in info.data]
        if info.data.get("profile") == "production" and text in (DEVELOPMENT_KEK, *others):
            raise ValueError("not in production")
        return kek

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
