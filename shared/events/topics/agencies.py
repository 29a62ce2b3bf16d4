"""Topic ``agencies`` (key: agency): who may send what, who may receive what, and the hashes of their keys.

Every service keeps its own copy, so that each checks keys by itself. A key's secret never travels: the agency (or the
operator for it) makes 256 random bits, keeps them, and registers only their SHA-256.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.data_classification import PSEUDONYMOUS, PUBLIC, Model
from shared.events.field_types import Day, Slug, Text
from shared.events.registry import EventType, Topic, register

AGENCIES = register(Topic(name="agencies", key="agency", written_by="intake", urgent=True))

# case: works with the person (training centre, foundation, Hana Center); service: a job agency. Employers and the
# public never receive anything about a person.
RecipientClass = Literal["case", "service", "employer", "public"]
# Fixed here and not in a pack: no data may open the way to an employer or the public.
RECEIVING_CLASSES = frozenset({"case", "service"})
# lookup: the agency's own alias of a person, from its own reference (POST /people/lookup).
Reads = Literal["matches", "journeys", "rejections", "deliveries", "lookup"]


class Key(Model):
    """One API key: its public id, the SHA-256 of its 256-bit secret (hex), and the last day it holds (of the
    pack's time zone)."""

    key_id: Annotated[str, PUBLIC, StringConstraints(pattern=r"^[a-z0-9-]{3,40}$")]
    secret_sha256: Annotated[str, PSEUDONYMOUS, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    until: Annotated[Day | None, PUBLIC] = None


class Rights(Model):
    """What an agency may do. ``emits`` are event types; ``administers`` allows registering agencies."""

    emits: Annotated[tuple[Slug, ...], PUBLIC, Field(max_length=100)] = ()
    reads: Annotated[tuple[Reads, ...], PUBLIC, Field(max_length=10)] = ()
    receives: Annotated[bool, PUBLIC] = False
    administers: Annotated[bool, PUBLIC] = False


class Agency(Model):
    """The whole state of one agency. Its events come from ``/agencies/<agency>`` and from nowhere else."""

    agency: Annotated[Slug, PUBLIC]
    name: Annotated[Text, PUBLIC]
    recipient_class: Annotated[RecipientClass, PUBLIC]
    rights: Annotated[Rights, PUBLIC]
    keys: Annotated[tuple[Key, ...], PSEUDONYMOUS, Field(max_length=10)] = ()

    @property
    def source(self) -> str:
        """The CloudEvents ``source`` of everything this agency sends."""
        return f"/agencies/{self.agency}"


_EXAMPLE = {
    "agency": "gjf",
    "name": {"ko": "경기도일자리재단", "en": "Gyeonggi Job Foundation"},
    "recipient_class": "service",
    "rights": {"emits": ["job-posted", "job-updated", "job-closed"], "reads": ["matches"], "receives": True},
    "keys": [{"key_id": "gjf-1", "secret_sha256": "00" * 32}],
}

AGENCY_REGISTERED = register(
    EventType(
        name="agency-registered",
        version=1,
        topic=AGENCIES,
        summary="An agency takes part.",
        bus=Agency,
        example=_EXAMPLE,
        door=Agency,
        door_example=_EXAMPLE,
    )
)
AGENCY_CHANGED = register(
    EventType(
        name="agency-changed",
        version=1,
        topic=AGENCIES,
        summary="An agency's rights, keys or name are now these: the whole state, but keys that are not named stay.",
        bus=Agency,
        example=_EXAMPLE,
        door=Agency,
        door_example=_EXAMPLE,
        forbids=True,
    )
)
