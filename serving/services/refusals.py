"""The edge's own refusals as google.rpc.Status, ready to be a header of its answers."""

from __future__ import annotations

import base64

from serving.edge.refusals import REFUSALS
from serving.errors import Overloaded, ServingError, Status, Unavailable
from serving.services.status import status_details

_RETRY_AFTER = {Status.UNAVAILABLE: Unavailable, Status.RESOURCE_EXHAUSTED: Overloaded}


def refusal_details() -> dict[str, str]:
    """Reason → base64 of the details that go with it: ErrorInfo, and RetryInfo where a
    retry helps. The status message itself is in the answer's grpc-message."""
    details: dict[str, str] = {}
    for reason, refusal in REFUSALS.items():
        kind = _RETRY_AFTER.get(refusal.status, ServingError)
        error = kind("", reason=reason)
        serialized = status_details(error, refusal.status)
        details[reason] = base64.b64encode(serialized).decode().rstrip("=")
    return details
