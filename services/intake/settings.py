"""What intake needs to know besides what every service does."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from shared.kit.base import weak_keys
from shared.kit.base.weak_keys import DEVELOPMENT_KEK
from shared.kit.runtime.settings import ServiceSettings
from shared.screening.known_secrets import known_hash

MOST_INBOUND_KEYS = 5
_FIRST_ADMIN = re.compile("[a-z0-9-]{1,60}:[a-z0-9-]{3,40}:([0-9a-f]{64})", re.ASCII)


class IntakeSettings(ServiceSettings):
    """`kek`: the key that wraps every person's data key, 32 bytes as hex; whoever loses it loses every identity.

    `first_admin`: "<agency>:<key id>:<SHA-256 of the secret, hex>", used once, at a start without any administrator.
    `inbound_keys`: the private keys (32 random bytes as hex) of the boxes in which identity comes by Kafka, with commas
    between, the one that is sealed to now first; the others open what is still on its way. Without one, or at a Kafka
    that authenticates nobody, the door on Kafka is off.
    `hold_wrong_employer_numbers`: an advert whose employer's number does not fit the pack's rule is held until an
    operator has looked at it; else its sender is warned. Off where numbers are invented.
    `most_rejections`: refused events of one agency that are kept in a day; the rest is answered, and counted.
    """

    KEYS: ClassVar[tuple[str, ...]] = (*ServiceSettings.KEYS, "kek")

    service: str = "intake"
    port: int = Field(default=8101, ge=0, le=65535)
    kek: SecretStr = SecretStr(DEVELOPMENT_KEK)
    first_admin: SecretStr | None = None
    inbound_keys: SecretStr | None = None
    inbound_lease_seconds: float = Field(default=10.0, ge=1, le=300)
    most_events: int = Field(default=500, ge=1, le=5_000)
    most_bytes: int = Field(default=5_000_000, ge=1_000, le=8_000_000)
    hold_wrong_employer_numbers: bool = False
    most_rejections: int = Field(default=5_000, ge=100, le=1_000_000)
    lapse_seconds: float = Field(default=60.0, gt=0, le=3_600)

    @field_validator("first_admin")
    @classmethod
    def _first_admin_can_be_registered(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None:
            found = _FIRST_ADMIN.fullmatch(given.get_secret_value())
            if found is None:
                raise ValueError("put <agency>:<key id>:<sha256 of the secret, 64 hex digits>")
            if known_hash(found[1]):
                raise ValueError("put the hash of a secret of 256 random bits; this one's secret is known to everybody")
        return given

    @field_validator("inbound_keys")
    @classmethod
    def _inbound_keys_are_keys(cls, given: SecretStr | None) -> SecretStr | None:
        keys = _parsed(given)
        if len(keys) > MOST_INBOUND_KEYS or None in keys or len(set(keys)) < len(keys):
            raise ValueError(f"put up to {MOST_INBOUND_KEYS} different keys of 64 hex digits, with commas between")
        if any(weak_keys.guessable(key) for key in keys if key is not None):
            raise ValueError("put random keys, for example from: openssl rand -hex 32")
        return given

    @property
    def inbound_keys_bytes(self) -> list[bytes]:
        """The keys of `shared.events.identity_boxes.BoxKeys`."""
        return [key for key in _parsed(self.inbound_keys) if key is not None]

    @property
    def kek_bytes(self) -> bytes:
        """The key of `services.intake.identity.Vault`."""
        return bytes.fromhex(self.kek.get_secret_value())


def _parsed(keys: SecretStr | None) -> list[bytes | None]:
    return [] if keys is None else [weak_keys.parsed(each.strip()) for each in keys.get_secret_value().split(",")]
