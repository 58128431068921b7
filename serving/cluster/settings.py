"""What a cluster is started with; the command line reads its defaults from here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_ADDRESS = "127.0.0.1:8001"
DEFAULT_PROFILE = "reference"


@dataclass(frozen=True)
class Settings:
    """Everything `seom up` can be told.

    models: names to serve; empty means every enabled model of the profile
    http_address: where OpenAI's API is spoken as well; that door stays closed without one
    tokens: the token file; without one the edge stays on loopback
    drain_s: seconds a replaced replica stays alive for its last callers
    """

    repository: Path = Path("model_repo")
    profile: str = DEFAULT_PROFILE
    models: tuple[str, ...] = ()
    address: str = DEFAULT_ADDRESS
    http_address: str | None = None
    tokens: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    reflection: bool = True
    drain_s: float = 5.0
    control_replicas: int = 2

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])
