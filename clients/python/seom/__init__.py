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

from seom._gallery import Gallery
from seom._gallery_aio import AsyncGallery
from seom._health import Health
from seom._pictures import AsyncPictureStream, PictureStream
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
from seom.deltas import Delta, ToolCallDelta
from seom.detection import Box, Detection, Detections
from seom.errors import (
    Aborted,
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
    UnusableAnswer,
)
from seom.faces import Face, FaceQuality, Faces, Landmarks, Point, Verification
from seom.gallery import (
    Candidate,
    ExportedPhotograph,
    GalleryInfo,
    Identified,
    IdentifiedFace,
    Person,
    PersonVerification,
    Photograph,
)
from seom.latents import Latent
from seom.looks import Mix
from seom.messages import Message, ToolCall
from seom.pictures import AnimationFrame, Picture, SynthesizedPicture
from seom.replies import Answer, FinishReason, Reply, Score, TokenLogprob, Usage
from seom.streams import AsyncReplyStream, ReplyStream
from seom.tensor import InferRequest, InferResult
from seom.texts import Classifications, Embeddings, Label, Labels
from seom.timing import GenerationTiming, Timing
from seom.tools import Tool
from seom.video import FrameOutcome, VideoDetections

__all__ = [
    "BF16",
    "Aborted",
    "AlreadyExists",
    "AnimationFrame",
    "Answer",
    "AsyncClient",
    "AsyncGallery",
    "AsyncPictureStream",
    "AsyncReplyStream",
    "BatchStatistics",
    "Box",
    "Cancelled",
    "Candidate",
    "Classifications",
    "Client",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Delta",
    "Detection",
    "Detections",
    "Duration",
    "Embeddings",
    "ExportedPhotograph",
    "Face",
    "FaceQuality",
    "Faces",
    "FailedPrecondition",
    "Field",
    "FinishReason",
    "FrameOutcome",
    "Gallery",
    "GalleryInfo",
    "GenerationTiming",
    "Health",
    "Identified",
    "IdentifiedFace",
    "InferRequest",
    "InferResult",
    "Internal",
    "InvalidArgument",
    "Label",
    "Labels",
    "Landmarks",
    "Latent",
    "Message",
    "Mix",
    "ModelMetadata",
    "ModelState",
    "ModelStatistics",
    "NotFound",
    "Overloaded",
    "PermissionDenied",
    "Person",
    "PersonVerification",
    "Photograph",
    "Picture",
    "PictureStream",
    "Point",
    "Reply",
    "ReplyStream",
    "Score",
    "SeomError",
    "ServerMetadata",
    "SynthesizedPicture",
    "TensorMetadata",
    "Timing",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "UnusableAnswer",
    "Usage",
    "Verification",
    "VideoDetections",
    "__version__",
]
