"""The `ETag` of a subscription: another one once what was said of it, its state or its secret is another.

It stands for what can be changed and leaves out how deliveries go (failures, waits, bounces), or whoever wants to
change a subscription that is in trouble would be refused again and again (docs/decisions, 75). Of what is sealed the
sealed bytes go in, which are others each time: nobody can find a secret by trying.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256

from services.notifications.documents import SubscriptionDocument
from services.notifications.subscriptions import problems

_TAG = re.compile(r'(?:W/)?"([^"]*)"|\*')


def etag_of(subscription: SubscriptionDocument) -> str:
    """As it stands in the header."""
    sealed = (
        *(subscription["target"], subscription.get("headers"), subscription.get("tls"), subscription.get("alerts_to")),
        subscription["secrets"][0]["sealed"] if subscription["secrets"] else None,
    )
    plain = (
        *(subscription["_id"], subscription["state"], subscription["reason"]),
        *(subscription.get("filter"), bool(subscription.get("recalls_only")), subscription.get("per_second")),
        *(subscription.get("order"), subscription.get("blocked_head_seconds"), subscription.get("retry_schedule")),
    )
    said = [*plain, *(None if each is None else each.hex() for each in sealed)]
    return f'"{sha256(json.dumps(said).encode()).hexdigest()[:32]}"'


def check_if_match(lines: Sequence[str] | None, subscription: SubscriptionDocument) -> None:
    """That the subscription is what the lines of ``If-Match`` say (RFC 9110 13.1.1); a tag that a proxy made a weak one
    counts. None: whatever it is. Raises the 412 problem, and 422 for what is no tag: whoever left the quotation marks
    out would be told for ever that somebody has changed it."""
    if lines is None:
        return
    said = ",".join(lines)
    tags = {found[0].removeprefix("W/") for found in _TAG.finditer(said)}
    if not tags or _TAG.sub("", said).strip(" \t,"):
        raise problems.no_etag()
    if "*" not in tags and etag_of(subscription) not in tags:
        raise problems.not_what_was_read()
