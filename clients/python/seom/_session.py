"""What both clients are: one connection, its channel, and the senders made from it.

Owns opening and the refusal to go on after close() or in a forked process; whether to
wait or to await is the clients' own.
"""

from __future__ import annotations

import os
import threading
from types import ModuleType
from typing import Any, ClassVar

from seom import channel
from seom.methods import Method


class Session:
    """The part of a client that does not depend on how it waits."""

    _flavour: ClassVar[ModuleType]  # grpc or grpc.aio

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        timeout: float = channel.DEFAULT_TIMEOUT,
        tls: bool = False,
        root_certificates: bytes | None = None,
        insecure: bool = False,
        retries: bool = True,
    ) -> None:
        self._connection = channel.connection(
            address,
            token,
            timeout,
            tls=tls,
            root_certificates=root_certificates,
            insecure=insecure,
            retries=retries,
        )
        # Opened by the first call: an asyncio channel takes the loop that runs then.
        self._channel: Any = None
        self._senders: dict[str, Any] = {}
        self._opening = threading.Lock()
        self._process = os.getpid()
        self._closed = False

    @property
    def address(self) -> str:
        """Where calls go, as gRPC was told."""
        return self._connection.address

    @property
    def timeout(self) -> float:
        """Seconds a call may take if it does not say."""
        return self._connection.timeout

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r}{', closed' * self._closed})"

    def _sender(self, method: Method[Any, Any]) -> Any:
        """What sends calls of one method; raises RuntimeError where there can be none."""
        if self._process != os.getpid():
            raise RuntimeError("this client was made before a fork; make one in each process")
        with self._opening:
            if self._closed:
                raise RuntimeError("this client is closed")
            if self._channel is None:
                self._channel = self._connection.open(self._flavour)
            if method.path not in self._senders:
                make = getattr(self._channel, method.shape)
                self._senders[method.path] = make(method.path, method.serialize, method.deserialize)
            return self._senders[method.path]

    def _shut(self) -> Any:
        """Marks the session closed; the channel that is to be closed now, if any."""
        with self._opening:
            channel, self._channel = self._channel, None
            self._closed = True
        # A channel brought along by a fork is its parent's to close.
        return channel if self._process == os.getpid() else None
