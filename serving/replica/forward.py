"""A call on its way to another application: what the edge could not route.

Calls travel as bytes through a Ray deployment handle and come back as a `Reply`.
The receiver answers them with the very method its gRPC server would have called.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from serving.errors import ServingError
from serving.services.catalog import Rpc

STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}

Metadata = list[tuple[str, str | bytes]]


@dataclass(slots=True)
class Reply:
    """The end of a forwarded unary call: an answer, or a status with its details.

    error: what the status was made of, for those who do not relay it as it is
    """

    payload: bytes = b""
    code: int = 0
    details: str = ""
    trailers: list[tuple[str, Any]] = field(default_factory=list)
    error: ServingError | None = None

    def relay(self, rpc: Rpc, context: Any) -> Message:
        """Ends the original call as the forwarded one has ended."""
        if self.code:
            context.set_code(STATUS_CODES[self.code])
            context.set_details(self.details)
        if isinstance(context, ForwardedContext):  # there is another hop behind this one
            context.reply.error = self.error
        context.set_trailing_metadata(self.trailers)
        return rpc.response.FromString(self.payload)


class Forwarder(Protocol):
    """Takes calls to wherever the model they name is served."""

    async def unary(self, rpc: str, payload: bytes, metadata: Metadata) -> Reply: ...

    def stream(self, rpc: str, payload: bytes, metadata: Metadata) -> AsyncIterator[bytes]:
        """The responses to a call that has many, or its error."""
        ...

    async def message(self, payload: bytes, metadata: Metadata) -> list[bytes]:
        """One message of a ModelStreamInfer; the messages that answer it, or its error."""
        ...


class ForwardedContext:
    """Stands in for the gRPC context of a forwarded call and collects its end."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self.reply = Reply()

    def invocation_metadata(self) -> Metadata:
        return self._metadata

    def set_code(self, code: grpc.StatusCode) -> None:
        self.reply.code = code.value[0]

    def set_details(self, details: str) -> None:
        self.reply.details = details

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self.reply.trailers = list(trailing_metadata)
