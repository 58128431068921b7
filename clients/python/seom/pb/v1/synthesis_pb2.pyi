from seom.pb.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LatentSpace(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LATENT_SPACE_UNSPECIFIED: _ClassVar[LatentSpace]
    LATENT_SPACE_Z: _ClassVar[LatentSpace]
    LATENT_SPACE_W: _ClassVar[LatentSpace]
    LATENT_SPACE_W_PLUS: _ClassVar[LatentSpace]

class Noise(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOISE_UNSPECIFIED: _ClassVar[Noise]
    NOISE_CONST: _ClassVar[Noise]
    NOISE_RANDOM: _ClassVar[Noise]
    NOISE_NONE: _ClassVar[Noise]

class PictureFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PICTURE_FORMAT_UNSPECIFIED: _ClassVar[PictureFormat]
    PICTURE_FORMAT_PNG: _ClassVar[PictureFormat]
    PICTURE_FORMAT_JPEG: _ClassVar[PictureFormat]
    PICTURE_FORMAT_WEBP: _ClassVar[PictureFormat]
    PICTURE_FORMAT_RAW: _ClassVar[PictureFormat]

class Pace(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PACE_UNSPECIFIED: _ClassVar[Pace]
    PACE_REAL_TIME: _ClassVar[Pace]
    PACE_EVERY_FRAME: _ClassVar[Pace]
LATENT_SPACE_UNSPECIFIED: LatentSpace
LATENT_SPACE_Z: LatentSpace
LATENT_SPACE_W: LatentSpace
LATENT_SPACE_W_PLUS: LatentSpace
NOISE_UNSPECIFIED: Noise
NOISE_CONST: Noise
NOISE_RANDOM: Noise
NOISE_NONE: Noise
PICTURE_FORMAT_UNSPECIFIED: PictureFormat
PICTURE_FORMAT_PNG: PictureFormat
PICTURE_FORMAT_JPEG: PictureFormat
PICTURE_FORMAT_WEBP: PictureFormat
PICTURE_FORMAT_RAW: PictureFormat
PACE_UNSPECIFIED: Pace
PACE_REAL_TIME: Pace
PACE_EVERY_FRAME: Pace

class Latent(_message.Message):
    __slots__ = ("space", "values")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    space: LatentSpace
    values: bytes
    def __init__(self, space: _Optional[_Union[LatentSpace, str]] = ..., values: _Optional[bytes] = ...) -> None: ...

class Origin(_message.Message):
    __slots__ = ("seed", "latent")
    SEED_FIELD_NUMBER: _ClassVar[int]
    LATENT_FIELD_NUMBER: _ClassVar[int]
    seed: int
    latent: Latent
    def __init__(self, seed: _Optional[int] = ..., latent: _Optional[_Union[Latent, _Mapping]] = ...) -> None: ...

class Look(_message.Message):
    __slots__ = ("psi", "cutoff", "attributes", "keep", "class_id", "noise", "mixing")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    PSI_FIELD_NUMBER: _ClassVar[int]
    CUTOFF_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    MIXING_FIELD_NUMBER: _ClassVar[int]
    psi: float
    cutoff: int
    attributes: _containers.ScalarMap[str, float]
    keep: _containers.RepeatedScalarFieldContainer[str]
    class_id: int
    noise: Noise
    mixing: Mixing
    def __init__(self, psi: _Optional[float] = ..., cutoff: _Optional[int] = ..., attributes: _Optional[_Mapping[str, float]] = ..., keep: _Optional[_Iterable[str]] = ..., class_id: _Optional[int] = ..., noise: _Optional[_Union[Noise, str]] = ..., mixing: _Optional[_Union[Mixing, _Mapping]] = ...) -> None: ...

class Mixing(_message.Message):
    __slots__ = ("origin", "first", "end")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    origin: Origin
    first: int
    end: int
    def __init__(self, origin: _Optional[_Union[Origin, _Mapping]] = ..., first: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Encoding(_message.Message):
    __slots__ = ("format", "quality", "size")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    format: PictureFormat
    quality: int
    size: int
    def __init__(self, format: _Optional[_Union[PictureFormat, str]] = ..., quality: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class SynthesizeRequest(_message.Message):
    __slots__ = ("model_name", "origins", "look", "encoding", "return_latents")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    LOOK_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    RETURN_LATENTS_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    origins: _containers.RepeatedCompositeFieldContainer[Origin]
    look: Look
    encoding: Encoding
    return_latents: bool
    def __init__(self, model_name: _Optional[str] = ..., origins: _Optional[_Iterable[_Union[Origin, _Mapping]]] = ..., look: _Optional[_Union[Look, _Mapping]] = ..., encoding: _Optional[_Union[Encoding, _Mapping]] = ..., return_latents: _Optional[bool] = ...) -> None: ...

class SynthesizeResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "index", "image", "width", "height", "latent", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    LATENT_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    index: int
    image: _common_pb2.Image
    width: int
    height: int
    latent: Latent
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., index: _Optional[int] = ..., image: _Optional[_Union[_common_pb2.Image, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., latent: _Optional[_Union[Latent, _Mapping]] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class AnimateRequest(_message.Message):
    __slots__ = ("model_name", "origin", "look", "encoding", "keyframes", "frames_per_second", "pace")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    LOOK_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    KEYFRAMES_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    PACE_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    origin: Origin
    look: Look
    encoding: Encoding
    keyframes: _containers.RepeatedCompositeFieldContainer[Keyframe]
    frames_per_second: float
    pace: Pace
    def __init__(self, model_name: _Optional[str] = ..., origin: _Optional[_Union[Origin, _Mapping]] = ..., look: _Optional[_Union[Look, _Mapping]] = ..., encoding: _Optional[_Union[Encoding, _Mapping]] = ..., keyframes: _Optional[_Iterable[_Union[Keyframe, _Mapping]]] = ..., frames_per_second: _Optional[float] = ..., pace: _Optional[_Union[Pace, str]] = ...) -> None: ...

class Keyframe(_message.Message):
    __slots__ = ("time_s", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    time_s: float
    attributes: _containers.ScalarMap[str, float]
    def __init__(self, time_s: _Optional[float] = ..., attributes: _Optional[_Mapping[str, float]] = ...) -> None: ...

class AnimateResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "frame", "time_s", "image", "width", "height", "dropped", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    frame: int
    time_s: float
    image: _common_pb2.Image
    width: int
    height: int
    dropped: int
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., frame: _Optional[int] = ..., time_s: _Optional[float] = ..., image: _Optional[_Union[_common_pb2.Image, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., dropped: _Optional[int] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...
