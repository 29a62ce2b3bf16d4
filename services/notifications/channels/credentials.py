"""What subscriptions keep sealed: where to send, and secrets. Each is bound to its subscription."""

from __future__ import annotations

from datetime import datetime

from services.notifications.channels.signing import new_secret
from services.notifications.documents import SecretEntry, SubscriptionDocument
from shared.kit.base.sealing import Sealer

_TARGET, _SECRET = "subscription-target", "subscription-secret"


class Credentials:
    """Seals and opens. Raises SealBroken when the service's key is another one."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def sealed_target(self, subscription: str, target: str) -> bytes:
        """Where to send, as it is kept."""
        return self._sealer.seal(target.encode(), _TARGET, subscription)

    def target_of(self, subscription: SubscriptionDocument) -> str | None:
        """Where to send; None for a channel to which the partner comes."""
        sealed = subscription["target"]
        return None if sealed is None else self._sealer.open(sealed, _TARGET, subscription["_id"]).decode()

    def new_secret(self, subscription: str) -> tuple[str, SecretEntry]:
        """A new secret, to be shown once, and as it is kept."""
        secret = new_secret()
        return secret, {"sealed": self._sealer.seal(secret.encode(), _SECRET, subscription), "until": None}

    def live_secrets(self, subscription: SubscriptionDocument, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first."""
        live = [s for s in subscription["secrets"] if s["until"] is None or s["until"] > now]
        return [self._sealer.open(s["sealed"], _SECRET, subscription["_id"]).decode() for s in live]
