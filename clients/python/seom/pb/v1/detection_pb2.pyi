from seom.pb.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LatePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LATE_POLICY_UNSPECIFIED: _ClassVar[LatePolicy]
    LATE_POLICY_WAIT: _ClassVar[LatePolicy]
    LATE_POLICY_DROP: _ClassVar[LatePolicy]

class FrameOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FRAME_OUTCOME_UNSPECIFIED: _ClassVar[FrameOutcome]
    FRAME_OUTCOME_DETECTED: _ClassVar[FrameOutcome]
    FRAME_OUTCOME_SKIPPED: _ClassVar[FrameOutcome]
    FRAME_OUTCOME_DROPPED: _ClassVar[FrameOutcome]
    FRAME_OUTCOME_FAILED: _ClassVar[FrameOutcome]
LATE_POLICY_UNSPECIFIED: LatePolicy
LATE_POLICY_WAIT: LatePolicy
LATE_POLICY_DROP: LatePolicy
FRAME_OUTCOME_UNSPECIFIED: FrameOutcome
FRAME_OUTCOME_DETECTED: FrameOutcome
FRAME_OUTCOME_SKIPPED: FrameOutcome
FRAME_OUTCOME_DROPPED: FrameOutcome
FRAME_OUTCOME_FAILED: FrameOutcome

class DetectRequest(_message.Message):
    __slots__ = ("model_name", "image", "min_score", "max_overlap", "labels", "max_results")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_OVERLAP_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MAX_RESULTS_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    image: _common_pb2.Image
    min_score: float
    max_overlap: float
    labels: _containers.RepeatedScalarFieldContainer[str]
    max_results: int
    def __init__(self, model_name: _Optional[str] = ..., image: _Optional[_Union[_common_pb2.Image, _Mapping]] = ..., min_score: _Optional[float] = ..., max_overlap: _Optional[float] = ..., labels: _Optional[_Iterable[str]] = ..., max_results: _Optional[int] = ...) -> None: ...

class DetectResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "detections", "image_width", "image_height", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    DETECTIONS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    IMAGE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    detections: _containers.RepeatedCompositeFieldContainer[Detection]
    image_width: int
    image_height: int
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., detections: _Optional[_Iterable[_Union[Detection, _Mapping]]] = ..., image_width: _Optional[int] = ..., image_height: _Optional[int] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class Detection(_message.Message):
    __slots__ = ("label", "class_id", "score", "box")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    label: str
    class_id: int
    score: float
    box: _common_pb2.Box
    def __init__(self, label: _Optional[str] = ..., class_id: _Optional[int] = ..., score: _Optional[float] = ..., box: _Optional[_Union[_common_pb2.Box, _Mapping]] = ...) -> None: ...

class DetectVideoRequest(_message.Message):
    __slots__ = ("model_name", "settings", "frame", "frame_id")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    settings: VideoSettings
    frame: _common_pb2.Image
    frame_id: int
    def __init__(self, model_name: _Optional[str] = ..., settings: _Optional[_Union[VideoSettings, _Mapping]] = ..., frame: _Optional[_Union[_common_pb2.Image, _Mapping]] = ..., frame_id: _Optional[int] = ...) -> None: ...

class VideoSettings(_message.Message):
    __slots__ = ("further_models", "every", "when_late", "min_score", "max_overlap", "labels", "max_results")
    FURTHER_MODELS_FIELD_NUMBER: _ClassVar[int]
    EVERY_FIELD_NUMBER: _ClassVar[int]
    WHEN_LATE_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_OVERLAP_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MAX_RESULTS_FIELD_NUMBER: _ClassVar[int]
    further_models: _containers.RepeatedScalarFieldContainer[str]
    every: int
    when_late: LatePolicy
    min_score: float
    max_overlap: float
    labels: _containers.RepeatedScalarFieldContainer[str]
    max_results: int
    def __init__(self, further_models: _Optional[_Iterable[str]] = ..., every: _Optional[int] = ..., when_late: _Optional[_Union[LatePolicy, str]] = ..., min_score: _Optional[float] = ..., max_overlap: _Optional[float] = ..., labels: _Optional[_Iterable[str]] = ..., max_results: _Optional[int] = ...) -> None: ...

class DetectVideoResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "detections", "image_width", "image_height", "frame_id", "outcome", "error", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    DETECTIONS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    IMAGE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    detections: _containers.RepeatedCompositeFieldContainer[Detection]
    image_width: int
    image_height: int
    frame_id: int
    outcome: FrameOutcome
    error: FrameError
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., detections: _Optional[_Iterable[_Union[Detection, _Mapping]]] = ..., image_width: _Optional[int] = ..., image_height: _Optional[int] = ..., frame_id: _Optional[int] = ..., outcome: _Optional[_Union[FrameOutcome, str]] = ..., error: _Optional[_Union[FrameError, _Mapping]] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class FrameError(_message.Message):
    __slots__ = ("status", "reason", "message")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    status: int
    reason: str
    message: str
    def __init__(self, status: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
