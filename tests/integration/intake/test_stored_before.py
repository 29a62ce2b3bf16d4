"""What a version of before has stored is found by this one, from its start on."""

from __future__ import annotations

import pytest

from services.intake.documents import AGENCIES, StoredAgency
from services.intake.identity import References
from services.intake.repository import Repository
from shared.access.agencies import agency_document
from shared.kit.base.ids import Ids
from shared.kit.store.mongo import Database
from tests.unit.intake.memory import KEY, agency

pytestmark = pytest.mark.integration


async def test_agencies_get_the_hash_by_which_a_recipient_is_found(database: Database) -> None:
    references, repository = References(Ids(KEY)), Repository(database)
    await database[AGENCIES].insert_one(agency_document(agency("gjf"), 3))
    kept = StoredAgency(id="khf", recipient=references.recipient("khf"), sequence=1, state=agency("khf"))
    await database[AGENCIES].insert_one(kept.document())
    for _ in range(2):
        await repository.prepare(references)
        for name, sequence in (("gjf", 3), ("khf", 1)):
            found = await database[AGENCIES].find_one({"recipient": references.recipient(name)})
            assert found is not None
            stored = StoredAgency.kept_in(found)
            assert (stored.id, stored.sequence, stored.state) == (name, sequence, agency(name))
