"""Every index of intake; by some of them the database deletes what is old. What has no such index stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymongo import ASCENDING, DESCENDING, IndexModel

from services.intake.documents import AGENCIES, AUDIT, INBOX, OPPORTUNITIES, PEOPLE, REFERENCES, REJECTIONS, STEPS
from services.intake.inbound.answers import ANSWERS
from services.intake.opportunity_documents import ADVERTS, QUESTIONS

REJECTIONS_DAYS = 90
STEPS_DAYS = 400
QUESTIONS_DAYS = 90
_DAY = 24 * 3600

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    INBOX.name: [
        IndexModel("receipt", unique=True),
        IndexModel(
            [("person", ASCENDING), ("at", DESCENDING)],
            name="of_person",
            partialFilterExpression={"person": {"$gt": ""}},  # adverts are not in it
        ),
    ],
    REJECTIONS.name: [
        IndexModel([("agency", ASCENDING), ("at", DESCENDING), ("_id", ASCENDING)]),
        IndexModel([("at", DESCENDING), ("_id", ASCENDING)]),
        IndexModel(
            [("agency", ASCENDING), ("reference", ASCENDING), ("at", DESCENDING), ("_id", ASCENDING)],
            name="of_reference",
            partialFilterExpression={"reference": {"$exists": True}},
        ),
        IndexModel("at", name="kept", expireAfterSeconds=REJECTIONS_DAYS * _DAY),
    ],
    OPPORTUNITIES: [
        IndexModel([("ends", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"ends": {"$type": "string"}}),
        IndexModel("state.status", partialFilterExpression={"state.status": "held"}),
    ],
    ADVERTS.name: [IndexModel("until", expireAfterSeconds=0)],
    QUESTIONS.name: [IndexModel("at", expireAfterSeconds=QUESTIONS_DAYS * _DAY)],
    STEPS.name: [IndexModel("correlationid"), IndexModel("kept_since", expireAfterSeconds=STEPS_DAYS * _DAY)],
    PEOPLE: [IndexModel([("ends", ASCENDING), ("_id", ASCENDING)])],
    # tombstones and tallies; a reference that leads to a thing has no such field and stays
    REFERENCES: [
        IndexModel(
            "until", name="kept_until", expireAfterSeconds=0, partialFilterExpression={"until": {"$exists": True}}
        )
    ],
    # a key id has one holder, whoever writes and however many doors are open; an agency without keys is not in it
    AGENCIES: [
        IndexModel("recipient"),
        IndexModel(
            "state.keys.key_id",
            name="one_holder_per_key_id",
            unique=True,
            partialFilterExpression={"state.keys.key_id": {"$exists": True}},
        ),
    ],
    ANSWERS.name: [IndexModel([("agency", ASCENDING), ("at", ASCENDING)])],
    AUDIT: [IndexModel("at"), IndexModel("person", sparse=True)],
}
