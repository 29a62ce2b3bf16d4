"""Secrets and signatures of webhooks, as Standard Webhooks 1.0 has them (symmetric, ``v1``)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from standardwebhooks.webhooks import Webhook as Signer

PREFIX = "whsec_"


def new_secret() -> str:
    """A new 256-bit secret in the form that every Standard Webhooks library takes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def is_secret(text: str) -> bool:
    """Whether a partner's own secret will do: 24 to 64 bytes as Standard Webhooks 1.0 asks, and not of one pattern."""
    if not text.startswith(PREFIX) or len(text) > 100:
        return False
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        return False
    return 24 <= len(key) <= 64 and len(set(key)) >= 12


def signed_headers(live: Sequence[str], notice: str, now: datetime, body: bytes) -> dict[str, str]:
    """The three headers for one attempt: fresh time, one signature per live secret (two while one is replaced).

    ``now`` must be aware; the signer misreads any zone but UTC, so it is converted here.
    """
    if now.tzinfo is None:
        raise ValueError("a time without zone")
    moment = now.astimezone(UTC)
    text = body.decode()
    return {
        "webhook-id": notice,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(_signer(secret).sign(notice, moment, text) for secret in live),
    }


@lru_cache(4_096)
def _signer(secret: str) -> Signer:
    return Signer(secret)
