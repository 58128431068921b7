"""What the edge knows about gRPC methods before any model is deployed; refuses to guess the rest.

A call is control's by its path, or a model's by the name it carries. Everything that
depends on what is deployed is the follower's (`follow.py`).
"""

from __future__ import annotations

import re

CONTROL_APPLICATION = "_control"

# An application that answers HTTP as well has a second entry in the map of applications.
_WEB_SIDE = "/http"

# Backends: control's own, and slots for the other applications, for either door.
CONTROL_BACKEND, CONTROL_WEB_BACKEND = "control", "control_http"
CONTROL_BACKENDS = {
    CONTROL_APPLICATION: CONTROL_BACKEND,
    CONTROL_APPLICATION + _WEB_SIDE: CONTROL_WEB_BACKEND,
}
SLOT, WEB_SLOT = "slot", "http"

OPEN_INFERENCE = "inference.GRPCInferenceService"

CONTROL_SERVICES = (
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
)

CONTROL_METHODS = tuple(
    f"/{OPEN_INFERENCE}/{method}"
    for method in (
        "ServerLive",
        "ServerReady",
        "ServerMetadata",
        "ModelReady",
        "ModelMetadata",
        "ModelConfig",
        "ModelStatistics",
        "RepositoryIndex",
        "RepositoryModelLoad",
        "RepositoryModelUnload",
        "SystemSharedMemoryStatus",
        "SystemSharedMemoryRegister",
        "SystemSharedMemoryUnregister",
        "CudaSharedMemoryStatus",
        "CudaSharedMemoryRegister",
        "CudaSharedMemoryUnregister",
        "TraceSetting",
        "LogSettings",
    )
)

# Bare names: a replica dispatches on the last segment of the path alone, so the right
# to call one of these may not depend on the service written before it.
ADMIN_METHODS = ("RepositoryModelLoad", "RepositoryModelUnload", "TraceSetting", "LogSettings")

# The one call that needs no token: a load balancer's probe has none.
PUBLIC_METHOD = "/grpc.health.v1.Health/Check"

# What the HTTP door asks of models; the one that names them is control's.
WEB_PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")

# `name` or `name@version`. The edge reads the first bytes of a message only, so a name
# has a longest length; what is longer is the dispatcher's to refuse.
ROUTE = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}(@[a-z0-9._-]{1,16})?")
LONGEST_ROUTE = 63 + 1 + 16
SERVICE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def web_side(application: str) -> str:
    """What the map of applications calls an application's HTTP side."""
    return application + _WEB_SIDE


def is_web_side(entry: str) -> bool:
    return entry.endswith(_WEB_SIDE)
