"""To ask for a full resync of an agency, in the transaction of what makes it necessary. Done by fan_out/resync.py."""

from __future__ import annotations

from services.notifications.documents import RESYNCS
from shared.kit.store.unit_of_work import UnitOfWork


def request_resync(work: UnitOfWork, agency: str) -> None:
    """Reconcile everybody who concerns this agency, from the start. Needs `RESYNCS` by the agency's id."""
    before = RESYNCS.get(work, agency)
    RESYNCS.save(
        work,
        {
            "_id": agency,
            "generation": (before["generation"] if before else 0) + 1,
            "second_pass": False,
            "after": "",
            "not_before": work.trusted,
        },
    )
