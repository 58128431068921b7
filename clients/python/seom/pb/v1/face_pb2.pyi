from seom.pb.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FaceChoice(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FACE_CHOICE_UNSPECIFIED: _ClassVar[FaceChoice]
    FACE_CHOICE_ALL: _ClassVar[FaceChoice]
    FACE_CHOICE_LARGEST: _ClassVar[FaceChoice]
    FACE_CHOICE_ONLY: _ClassVar[FaceChoice]
FACE_CHOICE_UNSPECIFIED: FaceChoice
FACE_CHOICE_ALL: FaceChoice
FACE_CHOICE_LARGEST: FaceChoice
FACE_CHOICE_ONLY: FaceChoice

class DetectFacesRequest(_message.Message):
    __slots__ = ("model_name", "image", "min_score", "max_overlap", "min_size", "max_results", "sharpness")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_OVERLAP_FIELD_NUMBER: _ClassVar[int]
    MIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_RESULTS_FIELD_NUMBER: _ClassVar[int]
    SHARPNESS_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    image: _common_pb2.Image
    min_score: float
    max_overlap: float
    min_size: float
    max_results: int
    sharpness: bool
    def __init__(self, model_name: _Optional[str] = ..., image: _Optional[_Union[_common_pb2.Image, _Mapping]] = ..., min_score: _Optional[float] = ..., max_overlap: _Optional[float] = ..., min_size: _Optional[float] = ..., max_results: _Optional[int] = ..., sharpness: _Optional[bool] = ...) -> None: ...

class DetectFacesResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "faces", "image_width", "image_height", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FACES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    IMAGE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    faces: _containers.RepeatedCompositeFieldContainer[Face]
    image_width: int
    image_height: int
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., faces: _Optional[_Iterable[_Union[Face, _Mapping]]] = ..., image_width: _Optional[int] = ..., image_height: _Optional[int] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class EmbedFacesRequest(_message.Message):
    __slots__ = ("model_name", "images", "min_score", "max_overlap", "min_size", "max_results", "choice", "mirror")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MAX_OVERLAP_FIELD_NUMBER: _ClassVar[int]
    MIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_RESULTS_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    MIRROR_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    images: _containers.RepeatedCompositeFieldContainer[_common_pb2.Image]
    min_score: float
    max_overlap: float
    min_size: float
    max_results: int
    choice: FaceChoice
    mirror: bool
    def __init__(self, model_name: _Optional[str] = ..., images: _Optional[_Iterable[_Union[_common_pb2.Image, _Mapping]]] = ..., min_score: _Optional[float] = ..., max_overlap: _Optional[float] = ..., min_size: _Optional[float] = ..., max_results: _Optional[int] = ..., choice: _Optional[_Union[FaceChoice, str]] = ..., mirror: _Optional[bool] = ...) -> None: ...

class EmbedFacesResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "pictures", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    pictures: _containers.RepeatedCompositeFieldContainer[PictureFaces]
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., pictures: _Optional[_Iterable[_Union[PictureFaces, _Mapping]]] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class PictureFaces(_message.Message):
    __slots__ = ("faces", "image_width", "image_height")
    FACES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    IMAGE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    faces: _containers.RepeatedCompositeFieldContainer[Face]
    image_width: int
    image_height: int
    def __init__(self, faces: _Optional[_Iterable[_Union[Face, _Mapping]]] = ..., image_width: _Optional[int] = ..., image_height: _Optional[int] = ...) -> None: ...

class VerifyFacesRequest(_message.Message):
    __slots__ = ("model_name", "first", "second", "threshold", "min_score", "min_size", "choice", "mirror")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    MIRROR_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    first: _common_pb2.Image
    second: _common_pb2.Image
    threshold: float
    min_score: float
    min_size: float
    choice: FaceChoice
    mirror: bool
    def __init__(self, model_name: _Optional[str] = ..., first: _Optional[_Union[_common_pb2.Image, _Mapping]] = ..., second: _Optional[_Union[_common_pb2.Image, _Mapping]] = ..., threshold: _Optional[float] = ..., min_score: _Optional[float] = ..., min_size: _Optional[float] = ..., choice: _Optional[_Union[FaceChoice, str]] = ..., mirror: _Optional[bool] = ...) -> None: ...

class VerifyFacesResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "same_person", "similarity", "threshold", "first", "second", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SAME_PERSON_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    same_person: bool
    similarity: float
    threshold: float
    first: Face
    second: Face
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., same_person: _Optional[bool] = ..., similarity: _Optional[float] = ..., threshold: _Optional[float] = ..., first: _Optional[_Union[Face, _Mapping]] = ..., second: _Optional[_Union[Face, _Mapping]] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class Face(_message.Message):
    __slots__ = ("box", "score", "landmarks", "quality", "embedding")
    BOX_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    LANDMARKS_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    box: _common_pb2.Box
    score: float
    landmarks: _containers.RepeatedCompositeFieldContainer[_common_pb2.Point]
    quality: FaceQuality
    embedding: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, box: _Optional[_Union[_common_pb2.Box, _Mapping]] = ..., score: _Optional[float] = ..., landmarks: _Optional[_Iterable[_Union[_common_pb2.Point, _Mapping]]] = ..., quality: _Optional[_Union[FaceQuality, _Mapping]] = ..., embedding: _Optional[_Iterable[float]] = ...) -> None: ...

class FaceQuality(_message.Message):
    __slots__ = ("size", "sharpness", "yaw", "pitch", "roll")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHARPNESS_FIELD_NUMBER: _ClassVar[int]
    YAW_FIELD_NUMBER: _ClassVar[int]
    PITCH_FIELD_NUMBER: _ClassVar[int]
    ROLL_FIELD_NUMBER: _ClassVar[int]
    size: float
    sharpness: float
    yaw: float
    pitch: float
    roll: float
    def __init__(self, size: _Optional[float] = ..., sharpness: _Optional[float] = ..., yaw: _Optional[float] = ..., pitch: _Optional[float] = ..., roll: _Optional[float] = ...) -> None: ...
