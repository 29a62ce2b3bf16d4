"""What partners are told: the outward contract. Not on Kafka; a webhook's body or an entry of the feed.

A notice is thin on purpose: the recipient's own alias, the opportunity, a band and where to ask. A notice of one
partner and one of another have nothing in common but the opportunity (and words that everybody gets: band, kind); whole
lists can be joined by the sets of openings under their aliases, see SECURITY.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.data_classification import FEATURE, PSEUDONYMOUS, PUBLIC, Model
from shared.events.field_types import Id, Month, Slug
from shared.events.topics.matches import Band

NOTICE = "notice"  # neutral: the type must not tell that somebody is a defector
RECALL = "recall"
TEST = "test"
NOTICE_SOURCE = "/notices"
BODY_BYTES = 1024  # every body is padded to this length, so that its size tells nothing


class Notice(Model):
    """``version`` counts all that this recipient was told about this alias, of every opportunity, recalls included:
    old is what is not above the highest of the same opportunity and of the alias's last recall.

    ``proposed``: worth a look; ``ended``: no longer. ``ask`` is a path of the matching API for the recipient's own key.
    """

    notice: Annotated[Id, PSEUDONYMOUS]
    alias: Annotated[Id, PSEUDONYMOUS]
    opportunity: Annotated[Id, PUBLIC]
    kind: Annotated[Slug, PUBLIC]
    version: Annotated[int, PUBLIC, Field(ge=1)]
    state: Annotated[Literal["proposed", "ended"], FEATURE]
    band: Annotated[Band, FEATURE]
    month: Annotated[Month, PUBLIC]
    ask: Annotated[str, PUBLIC, StringConstraints(max_length=200)]
    padding: Annotated[str, PUBLIC] = ""


class Recall(Model):
    """Forget everything held under this alias with a lower ``version``, and say so (acknowledge with ``notice``).
    Notices and recalls of an alias share one count."""

    notice: Annotated[Id, PSEUDONYMOUS]
    alias: Annotated[Id, PSEUDONYMOUS]
    version: Annotated[int, PUBLIC, Field(ge=1)]
    month: Annotated[Month, PUBLIC]
    ask: Annotated[str, PUBLIC, StringConstraints(max_length=200)]
    padding: Annotated[str, PUBLIC] = ""


class EndpointTest(Model):
    """Sent when its recipient asks, and before an address is told anything: answer 2xx, keep nothing. It is about
    nobody."""

    notice: Annotated[Id, PSEUDONYMOUS]
    month: Annotated[Month, PUBLIC]
    padding: Annotated[str, PUBLIC] = ""
