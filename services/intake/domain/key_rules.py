"""The rules for what an agency does with its own keys. Nobody shuts itself out: a key ends only others that hold
no longer than itself, and whoever ends one has shown with its own that another works."""

from __future__ import annotations

from datetime import date, timedelta

from shared.events.refusal import Refusal, Refused
from shared.events.topics.agencies import Agency, Key
from shared.screening.known_secrets import known_hash

MOST_KEYS = 5  # that hold at the same time; an operator may register more
LONGEST_GRACE_DAYS = 90


def with_key(agency: Agency, key_id: str, secret_sha256: str, by: str, today: date) -> Agency:
    """The agency with one more key, and without those whose last day is over. The same once more changes nothing. A key
    that the operator gave a last day makes none that holds longer. Raises Refused."""
    held = next((key for key in agency.keys if key.key_id == key_id), None)
    if held is not None and held.secret_sha256 == secret_sha256:
        return agency
    if held is not None:
        raise Refused(Refusal("key-taken", "/key_id"))
    if known_hash(secret_sha256):
        raise Refused(Refusal("key-known", "/secret_sha256"))
    if any(key.secret_sha256 == secret_sha256 for key in agency.keys):
        raise Refused(Refusal("secret-not-new", "/secret_sha256"))
    holding = tuple(key for key in agency.keys if key.until is None or key.until >= today)
    if len(holding) >= MOST_KEYS:
        raise Refused(Refusal("too-many-keys", "/key_id", {"most": MOST_KEYS}))
    until = next((key.until for key in agency.keys if key.key_id == by), None)
    new = Key(key_id=key_id, secret_sha256=secret_sha256, until=until)
    return agency.model_copy(update={"keys": (*holding, new)})


def ended(agency: Agency, key_id: str, by: str, today: date, grace_days: int) -> Agency | None:
    """The agency whose key holds for so many days more, or with none not at all; never longer than before. None: it has
    no such key. Raises Refused for the key that asks, and for one that holds longer."""
    if key_id == by:
        raise Refused(Refusal("own-key", "/path/key_id"))
    until = {key.key_id: key.until or date.max for key in agency.keys}
    if key_id not in until:
        return None
    if until[key_id] > until[by]:  # else one in its days of grace could end the only one that lasts
        raise Refused(Refusal("own-key-ends-first", "/path/key_id"))
    last = today + timedelta(days=grace_days)
    return agency.model_copy(
        update={
            "keys": tuple(
                key if key.key_id != key_id else key.model_copy(update={"until": min(key.until or last, last)})
                for key in agency.keys
                if grace_days or key.key_id != key_id
            )
        }
    )
