"""The client SDK of the seom model-serving cluster.

>>> from seom import Client, InvalidArgument, Overloaded
>>> with Client(timeout=10) as seom:
...     try:
...         seom.detect(b"")
...     except InvalidArgument as error:
...         print(error.fields)
...     except Overloaded as error:
...         print("come back in", error.retry_after, "s")
(Field(path='image', problem='is empty'),)

`Client` blocks, `AsyncClient` is awaited; their methods, results and errors are the
same. The command `seom` does the same from a shell.
"""

from seom._health import Health
from seom.aio import AsyncClient
from seom.channel import VERSION as __version__
from seom.client import Client
from seom.control import (
    BatchStatistics,
    Duration,
    ModelMetadata,
    ModelState,
    ModelStatistics,
    ServerMetadata,
    TensorMetadata,
)
from seom.datatypes import BF16
from seom.detection import Box, Detection, Detections
from seom.errors import (
    AlreadyExists,
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    FailedPrecondition,
    Field,
    Internal,
    InvalidArgument,
    NotFound,
    Overloaded,
    PermissionDenied,
    SeomError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from seom.faces import Face, FaceQuality, Faces, Landmarks, Point, Verification
from seom.tensor import InferRequest, InferResult
from seom.timing import Timing
from seom.video import FrameOutcome, VideoDetections

__all__ = [
    "BF16",
    "AlreadyExists",
    "AsyncClient",
    "BatchStatistics",
    "Box",
    "Cancelled",
    "Client",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Detection",
    "Detections",
    "Duration",
    "Face",
    "FaceQuality",
    "Faces",
    "FailedPrecondition",
    "Field",
    "FrameOutcome",
    "Health",
    "InferRequest",
    "InferResult",
    "Internal",
    "InvalidArgument",
    "Landmarks",
    "ModelMetadata",
    "ModelState",
    "ModelStatistics",
    "NotFound",
    "Overloaded",
    "PermissionDenied",
    "Point",
    "SeomError",
    "ServerMetadata",
    "TensorMetadata",
    "Timing",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Verification",
    "VideoDetections",
    "__version__",
]
