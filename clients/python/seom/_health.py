"""grpc.health.v1 by hand: one string there, one enum back."""

from __future__ import annotations

from enum import StrEnum

from seom import _wire


class Health(StrEnum):
    """What grpc.health.v1 says of a server or a model; equal to its own name."""

    UNKNOWN = "UNKNOWN"
    SERVING = "SERVING"
    NOT_SERVING = "NOT_SERVING"
    SERVICE_UNKNOWN = "SERVICE_UNKNOWN"


_BY_NUMBER = tuple(Health)


def serialize(service: str) -> bytes:
    """HealthCheckRequest: `service` is field 1."""
    return _wire.string(1, service)


def deserialize(data: bytes) -> Health:
    """HealthCheckResponse: `status` is field 1; a status from the future is UNKNOWN."""
    number = dict(_wire.fields(data)).get(1, 0)
    known = isinstance(number, int) and number < len(_BY_NUMBER)
    return _BY_NUMBER[int(number)] if known else Health.UNKNOWN
