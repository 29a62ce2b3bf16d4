"""The rules for registering an agency or changing its rights."""

from __future__ import annotations

from shared.events import registry
from shared.events.topics.agencies import RECEIVING_CLASSES, Agency
from shared.screening.findings import Findings
from shared.screening.known_secrets import known_hash


def check_agency(agency: Agency, findings: Findings) -> None:
    """Names in every language of the pack, rights that exist, keys with ids of their own and unknown secrets."""
    if set(agency.name) != set(findings.pack.languages):
        findings.add("languages", "/data/name", languages=", ".join(findings.pack.languages))
    doors = {known.name for known in registry if known.door is not None}
    for index, name in enumerate(agency.rights.emits):
        if name not in doors:
            findings.add("not-for-the-door", f"/data/rights/emits/{index}")
    if agency.rights.receives and agency.recipient_class not in RECEIVING_CLASSES:
        findings.add("class-never-receives", "/data/rights/receives")
    if len({key.key_id for key in agency.keys}) != len(agency.keys):
        findings.add("key-taken", "/data/keys")
    for index, key in enumerate(agency.keys):
        if known_hash(key.secret_sha256):
            findings.add("key-known", f"/data/keys/{index}/secret_sha256")
