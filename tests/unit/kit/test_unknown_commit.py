"""Of a commit that failed, only the server's own word says that nothing of it happened."""

from __future__ import annotations

import pytest
from pymongo.errors import AutoReconnect, NetworkTimeout, OperationFailure, PyMongoError, WriteConcernError

from shared.kit.store.store import _undone

pytestmark = pytest.mark.unit
TRANSIENT, UNKNOWN = "TransientTransactionError", "UnknownTransactionCommitResult"


@pytest.mark.parametrize(
    ("error", "undone"),
    [
        (OperationFailure("killed", 251, {"errorLabels": [TRANSIENT]}), True),
        (OperationFailure("killed", 251, {"errorLabels": []}), False),
        (OperationFailure("stepped down", 11602, {"errorLabels": [UNKNOWN]}), False),
        # the driver puts the label on an answer that was lost, and the server on a wait that was interrupted
        (AutoReconnect("away"), False),
        (NetworkTimeout("late"), False),
        (WriteConcernError("interrupted", 11601, {"errorLabels": [TRANSIENT]}), False),
    ],
)
def test_a_commit_is_undone_only_when_the_server_says_so(error: PyMongoError, undone: bool) -> None:
    if isinstance(error, AutoReconnect):
        error._add_error_label(TRANSIENT)
    assert _undone(error) is undone
