"""Every answer the edge gives by itself, as the gRPC status a client must see.

HAProxy knows HTTP statuses only. A reason here is API: clients branch on it when
`EdgeConfig.details` carries a google.rpc.Status for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.errors import Status


@dataclass(frozen=True)
class Refusal:
    """A status and a sentence for the caller; `%[…]` is filled in by HAProxy.

    `http` is the HTTP status with which HAProxy itself fails in this way, if it does.
    """

    reason: str
    status: Status
    message: str
    http: int | None = None


REFUSALS = {
    refusal.reason: refusal
    for refusal in (
        Refusal(
            "UNAUTHENTICATED",
            Status.UNAUTHENTICATED,
            "no valid token: send the metadata 'authorization: Bearer TOKEN'",
            http=401,
        ),
        Refusal(
            "SCOPE_MISSING",
            Status.PERMISSION_DENIED,
            "this call needs a token with the scope '%[var(txn.needs)]'",
        ),
        Refusal(
            "MODEL_NOT_ALLOWED",
            Status.PERMISSION_DENIED,
            "this token may not use the model '%[var(txn.model)]'",
        ),
        Refusal("FORBIDDEN", Status.PERMISSION_DENIED, "this call is not allowed", http=403),
        Refusal(
            "METHOD_UNKNOWN",
            Status.UNIMPLEMENTED,
            "there is no such method; a path reads /package.Service/Method",
            http=501,
        ),
        Refusal("REQUEST_MALFORMED", Status.INVALID_ARGUMENT, "the request is malformed", http=400),
        Refusal(
            "MESSAGE_TOO_LARGE",
            Status.RESOURCE_EXHAUSTED,
            "the message is larger than this server takes (%[var(proc.limit)] bytes)",
            http=413,
        ),
        Refusal("TOO_MANY_CALLS", Status.RESOURCE_EXHAUSTED, "too many calls", http=429),
        Refusal("MESSAGE_MISSING", Status.DEADLINE_EXCEEDED, "no message came in time", http=408),
        Refusal(
            "REPLICA_LOST",
            Status.UNAVAILABLE,
            "the replica went away before it answered",
            http=502,
        ),
        Refusal(
            "REPLICA_UNAVAILABLE",
            Status.UNAVAILABLE,
            "no replica of '%[var(txn.application)]' is ready",
            http=503,
        ),
        Refusal(
            "REPLICA_SILENT",
            Status.DEADLINE_EXCEEDED,
            "the replica did not answer in time",
            http=504,
        ),
        Refusal("EDGE_FAILED", Status.INTERNAL, "the edge failed; this is a bug", http=500),
    )
}
