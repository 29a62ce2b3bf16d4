"""What subscriptions keep sealed: where to send, headers, secrets, certificates. Each is bound to its subscription."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from services.notifications.channels.client_tls import ClientTls
from services.notifications.channels.webhook_signing import new_secret
from services.notifications.documents import SecretEntry, SubscriptionDocument
from shared.kit.base.sealing import Sealer

_TARGET, _HEADERS, _SECRET = "subscription-target", "subscription-headers", "subscription-secret"
_TLS, _ALERTS_TO = "subscription-tls", "subscription-alerts-to"
MOST_OPENED = 8_192  # seals whose content stays in memory, the last ones used


class Credentials:
    """Seals and opens. Raises SealBroken when the service's key is another one."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        # each attempt needs the address and the secrets in clear: they are opened once, not each time
        self._opened = lru_cache(MOST_OPENED)(sealer.open)

    def sealed_target(self, subscription: str, target: str) -> bytes:
        """Where to send, as it is kept."""
        return self._sealer.seal(target.encode(), _TARGET, subscription)

    def target_of(self, subscription: SubscriptionDocument) -> str | None:
        """Where to send; None for a channel to which the partner comes."""
        sealed = subscription["target"]
        return None if sealed is None else self._opened(sealed, _TARGET, subscription["_id"]).decode()

    def sealed_headers(self, subscription: str, headers: Mapping[str, str]) -> bytes | None:
        """Headers of the partner's own, as they are kept."""
        return self._sealer.seal(json.dumps(dict(headers)).encode(), _HEADERS, subscription) if headers else None

    def headers_of(self, subscription: SubscriptionDocument) -> dict[str, str]:
        """Headers of the partner's own, by lower-case name."""
        sealed = subscription.get("headers")
        if sealed is None:
            return {}
        found: dict[str, str] = json.loads(self._opened(sealed, _HEADERS, subscription["_id"]))
        return found

    def sealed_tls(self, subscription: str, tls: ClientTls | None) -> bytes | None:
        """Client certificate, its key and own authorities, as they are kept."""
        if tls is None:
            return None
        return self._sealer.seal(json.dumps([tls.certificate, tls.key, tls.ca]).encode(), _TLS, subscription)

    def tls_of(self, subscription: SubscriptionDocument) -> ClientTls | None:
        """What its partner wants of TLS beyond what everybody gets."""
        sealed = subscription.get("tls")
        return None if sealed is None else ClientTls(*json.loads(self._sealer.open(sealed, _TLS, subscription["_id"])))

    def sealed_alerts_to(self, subscription: str, address: str | None) -> bytes | None:
        """Whom to tell of its trouble, as it is kept."""
        return None if address is None else self._sealer.seal(address.encode(), _ALERTS_TO, subscription)

    def alerts_to_of(self, subscription: SubscriptionDocument) -> str | None:
        """Whom to tell of its trouble, as it was said."""
        sealed = subscription.get("alerts_to")
        return None if sealed is None else self._opened(sealed, _ALERTS_TO, subscription["_id"]).decode()

    def new_secret(self, subscription: str, own: str | None = None) -> tuple[str, SecretEntry]:
        """A new secret, to be shown once, and as it is kept; the partner's ``own`` if it gave one."""
        secret = own or new_secret()
        return secret, {"sealed": self._sealer.seal(secret.encode(), _SECRET, subscription), "until": None}

    def is_secret(self, subscription: SubscriptionDocument, kept: SecretEntry, secret: str | None) -> bool:
        """Whether what is kept is this secret."""
        return secret is not None and secret == self._opened(kept["sealed"], _SECRET, subscription["_id"]).decode()

    def live_secrets(self, subscription: SubscriptionDocument, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first."""
        live = [s for s in subscription["secrets"] if s["until"] is None or s["until"] > now]
        return [self._opened(s["sealed"], _SECRET, subscription["_id"]).decode() for s in live]
