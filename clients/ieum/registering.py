"""An operator's event that registers an agency."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any


def registration(
    operator: str,
    agency: str,
    titles: Iterable[str],
    recipient_class: str,
    key: tuple[str, str, date | None],
    sends: Iterable[str],
    reads: Iterable[str],
    receives: bool,
) -> dict[str, Any]:
    """The `agency-registered`. Raises ValueError for a title that is not `language=words`."""
    name = {}
    for title in titles:
        language, equals, words = title.partition("=")
        if not equals:
            raise ValueError("--title is <language>=<words>")
        name[language.strip()] = words.strip()
    key_id, secret_sha256, until = key
    return {
        "specversion": "1.0",
        "type": "agency-registered",
        "source": f"/agencies/{operator}",
        "id": f"register-{agency}-{secrets.token_hex(8)}",
        "time": datetime.now(UTC).isoformat(),
        "data": {
            "agency": agency,
            "name": name,
            "recipient_class": recipient_class,
            "rights": {
                "emits": [each.strip() for each in sends if each.strip()],
                "reads": [each.strip() for each in reads if each.strip()],
                "receives": receives,
            },
            "keys": [
                {"key_id": key_id, "secret_sha256": secret_sha256, **({"until": until.isoformat()} if until else {})}
            ],
        },
    }
