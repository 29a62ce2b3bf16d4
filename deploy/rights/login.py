"""Where a broker is, and as whom to come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ADMIN = "admin"
"""Who may do everything."""
READER = "reader"
"""Who sees everything and changes nothing: the oracle of the demo."""


@dataclass(frozen=True)
class Login:
    """One user's way to a broker; without a user where the broker knows none."""

    address: str
    user: str = ""
    password: str = field(default="", repr=False)
    protocol: str = "SASL_PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"

    @property
    def variables(self) -> dict[str, str]:
        """As a service is told."""
        told = {"IEUM_KAFKA": self.address}
        if self.user:
            told |= {
                "IEUM_KAFKA_SECURITY_PROTOCOL": self.protocol,
                "IEUM_KAFKA_SASL_MECHANISM": self.mechanism,
                "IEUM_KAFKA_USER": self.user,
                "IEUM_KAFKA_PASSWORD": self.password,
            }
        return told

    @property
    def arguments(self) -> dict[str, Any]:
        """As a client of aiokafka is told."""
        told: dict[str, Any] = {"bootstrap_servers": self.address}
        if self.user:
            told |= {
                "security_protocol": self.protocol,
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return told
