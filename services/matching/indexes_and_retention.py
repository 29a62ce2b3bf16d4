"""Every index of matching; by some of them the database deletes what is old. What has no such index stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import ASCENDING, DESCENDING, IndexModel

from services.matching import match_provenance
from services.matching.documents import AUDIT, MATCHES, OPPORTUNITIES, PEOPLE, PRICES, ROUNDS
from shared.access import prohibition_floors

KEEP_AUDIT_SECONDS = 2 * 365 * 86_400
KEEP_PRICES_SECONDS = 400 * 86_400
KEEP_ROUNDS_SECONDS = 400 * 86_400  # a year of classes can be compared with the one before
# Named in the queries of a load: where nearly everything is asked for, the planner would rather scan.
ACTIVE, OPEN_UNTIL, NEWEST_OPEN = "active", "open_until", "newest_open"


INDEXES: Mapping[str, Sequence[IndexModel]] = {
    **prohibition_floors.INDEXES,
    **match_provenance.INDEXES,
    PEOPLE: [
        IndexModel([("aliases", ASCENDING)], name="by_alias"),
        IndexModel([("revision", ASCENDING)], name="by_revision"),
        IndexModel([("state.status", ASCENDING)], name=ACTIVE, partialFilterExpression={"state.status": "active"}),
    ],
    OPPORTUNITIES: [
        IndexModel([("revision", ASCENDING)], name="by_revision"),
        IndexModel([("last_day", ASCENDING)], name=OPEN_UNTIL, partialFilterExpression={"open": True}),
        IndexModel(
            [("revision", DESCENDING), ("last_day", ASCENDING)],
            name=NEWEST_OPEN,
            partialFilterExpression={"open": True},
        ),
    ],
    MATCHES: [
        IndexModel([("person", ASCENDING), ("standing", ASCENDING)], name="of_person"),
        IndexModel(
            [("opportunity", ASCENDING), ("score", DESCENDING)],
            name="best_of_opportunity",
            partialFilterExpression={"standing": True},
        ),
        IndexModel([("standing", ASCENDING)], name="standing", partialFilterExpression={"standing": True}),
        IndexModel([("match.as_of", ASCENDING)], name="withdrawn", partialFilterExpression={"standing": False}),
    ],
    PRICES: [IndexModel([("at", ASCENDING)], expireAfterSeconds=KEEP_PRICES_SECONDS, name="kept_400_days")],
    AUDIT: [
        IndexModel([("at", ASCENDING)], expireAfterSeconds=KEEP_AUDIT_SECONDS, name="kept_two_years"),
        IndexModel([("person", ASCENDING)], name="by_person"),
    ],
    ROUNDS: [
        IndexModel([("asked", ASCENDING)], expireAfterSeconds=KEEP_ROUNDS_SECONDS, name="kept_a_year"),
        IndexModel([("agency", ASCENDING), ("asked", DESCENDING)], name="of_agency"),
        IndexModel([("claimed_until", ASCENDING)], name="to_compute", partialFilterExpression={"state": "computing"}),
    ],
}
