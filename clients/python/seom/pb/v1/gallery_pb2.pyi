from seom.pb.v1 import common_pb2 as _common_pb2
from seom.pb.v1 import face_pb2 as _face_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnrollRequest(_message.Message):
    __slots__ = ("model_name", "gallery", "person", "images", "request_id", "keep_images")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    KEEP_IMAGES_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    person: str
    images: _containers.RepeatedCompositeFieldContainer[_common_pb2.Image]
    request_id: str
    keep_images: bool
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ..., person: _Optional[str] = ..., images: _Optional[_Iterable[_Union[_common_pb2.Image, _Mapping]]] = ..., request_id: _Optional[str] = ..., keep_images: _Optional[bool] = ...) -> None: ...

class AddPhotographsRequest(_message.Message):
    __slots__ = ("model_name", "gallery", "person", "images", "request_id", "keep_images", "etag")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    KEEP_IMAGES_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    person: str
    images: _containers.RepeatedCompositeFieldContainer[_common_pb2.Image]
    request_id: str
    keep_images: bool
    etag: str
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ..., person: _Optional[str] = ..., images: _Optional[_Iterable[_Union[_common_pb2.Image, _Mapping]]] = ..., request_id: _Optional[str] = ..., keep_images: _Optional[bool] = ..., etag: _Optional[str] = ...) -> None: ...

class EnrollResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "person", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    person: Person
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., person: _Optional[_Union[Person, _Mapping]] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class Person(_message.Message):
    __slots__ = ("name", "etag", "photographs", "photograph_count", "created_us", "updated_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    PHOTOGRAPHS_FIELD_NUMBER: _ClassVar[int]
    PHOTOGRAPH_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    UPDATED_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    photographs: _containers.RepeatedCompositeFieldContainer[Photograph]
    photograph_count: int
    created_us: int
    updated_us: int
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., photographs: _Optional[_Iterable[_Union[Photograph, _Mapping]]] = ..., photograph_count: _Optional[int] = ..., created_us: _Optional[int] = ..., updated_us: _Optional[int] = ...) -> None: ...

class Photograph(_message.Message):
    __slots__ = ("id", "quality", "model", "created_us", "kept")
    ID_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    id: str
    quality: _face_pb2.FaceQuality
    model: str
    created_us: int
    kept: bool
    def __init__(self, id: _Optional[str] = ..., quality: _Optional[_Union[_face_pb2.FaceQuality, _Mapping]] = ..., model: _Optional[str] = ..., created_us: _Optional[int] = ..., kept: _Optional[bool] = ...) -> None: ...

class IdentifyRequest(_message.Message):
    __slots__ = ("model_name", "gallery", "image", "threshold", "top_k", "min_score", "min_size", "max_results")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_RESULTS_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    image: _common_pb2.Image
    threshold: float
    top_k: int
    min_score: float
    min_size: float
    max_results: int
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ..., image: _Optional[_Union[_common_pb2.Image, _Mapping]] = ..., threshold: _Optional[float] = ..., top_k: _Optional[int] = ..., min_score: _Optional[float] = ..., min_size: _Optional[float] = ..., max_results: _Optional[int] = ...) -> None: ...

class IdentifyResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "faces", "threshold", "image_width", "image_height", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FACES_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    IMAGE_WIDTH_FIELD_NUMBER: _ClassVar[int]
    IMAGE_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    faces: _containers.RepeatedCompositeFieldContainer[IdentifiedFace]
    threshold: float
    image_width: int
    image_height: int
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., faces: _Optional[_Iterable[_Union[IdentifiedFace, _Mapping]]] = ..., threshold: _Optional[float] = ..., image_width: _Optional[int] = ..., image_height: _Optional[int] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class IdentifiedFace(_message.Message):
    __slots__ = ("face", "person", "candidates", "margin")
    FACE_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    face: _face_pb2.Face
    person: str
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    margin: float
    def __init__(self, face: _Optional[_Union[_face_pb2.Face, _Mapping]] = ..., person: _Optional[str] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., margin: _Optional[float] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("person", "similarity", "photograph")
    PERSON_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    PHOTOGRAPH_FIELD_NUMBER: _ClassVar[int]
    person: str
    similarity: float
    photograph: str
    def __init__(self, person: _Optional[str] = ..., similarity: _Optional[float] = ..., photograph: _Optional[str] = ...) -> None: ...

class VerifyPersonRequest(_message.Message):
    __slots__ = ("model_name", "gallery", "person", "image", "threshold", "min_score", "min_size", "choice")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    MIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    person: str
    image: _common_pb2.Image
    threshold: float
    min_score: float
    min_size: float
    choice: _face_pb2.FaceChoice
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ..., person: _Optional[str] = ..., image: _Optional[_Union[_common_pb2.Image, _Mapping]] = ..., threshold: _Optional[float] = ..., min_score: _Optional[float] = ..., min_size: _Optional[float] = ..., choice: _Optional[_Union[_face_pb2.FaceChoice, str]] = ...) -> None: ...

class VerifyPersonResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "same_person", "similarity", "threshold", "face", "photograph", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SAME_PERSON_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    FACE_FIELD_NUMBER: _ClassVar[int]
    PHOTOGRAPH_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    same_person: bool
    similarity: float
    threshold: float
    face: _face_pb2.Face
    photograph: str
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., same_person: _Optional[bool] = ..., similarity: _Optional[float] = ..., threshold: _Optional[float] = ..., face: _Optional[_Union[_face_pb2.Face, _Mapping]] = ..., photograph: _Optional[str] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class ListPersonsRequest(_message.Message):
    __slots__ = ("model_name", "gallery", "page_size", "page_token")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    page_size: int
    page_token: str
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPersonsResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "persons", "next_page_token", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    persons: _containers.RepeatedCompositeFieldContainer[Person]
    next_page_token: str
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., persons: _Optional[_Iterable[_Union[Person, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class GetPersonRequest(_message.Message):
    __slots__ = ("model_name", "gallery", "person")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    person: str
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ..., person: _Optional[str] = ...) -> None: ...

class GetPersonResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "person", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    person: Person
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., person: _Optional[_Union[Person, _Mapping]] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class RenamePersonRequest(_message.Message):
    __slots__ = ("model_name", "gallery", "person", "new_name", "etag")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    NEW_NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    person: str
    new_name: str
    etag: str
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ..., person: _Optional[str] = ..., new_name: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class RenamePersonResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "person", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    person: Person
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., person: _Optional[_Union[Person, _Mapping]] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class DeletePersonRequest(_message.Message):
    __slots__ = ("model_name", "gallery", "person", "etag")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    person: str
    etag: str
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ..., person: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeletePersonResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class DeletePhotographRequest(_message.Message):
    __slots__ = ("model_name", "gallery", "person", "photograph", "etag")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    PHOTOGRAPH_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    person: str
    photograph: str
    etag: str
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ..., person: _Optional[str] = ..., photograph: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class DeletePhotographResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "person", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    person: Person
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., person: _Optional[_Union[Person, _Mapping]] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class Gallery(_message.Message):
    __slots__ = ("name", "person_count", "photograph_count", "created_us", "updated_us")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PERSON_COUNT_FIELD_NUMBER: _ClassVar[int]
    PHOTOGRAPH_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    UPDATED_US_FIELD_NUMBER: _ClassVar[int]
    name: str
    person_count: int
    photograph_count: int
    created_us: int
    updated_us: int
    def __init__(self, name: _Optional[str] = ..., person_count: _Optional[int] = ..., photograph_count: _Optional[int] = ..., created_us: _Optional[int] = ..., updated_us: _Optional[int] = ...) -> None: ...

class ListGalleriesRequest(_message.Message):
    __slots__ = ("model_name", "page_size", "page_token")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    page_size: int
    page_token: str
    def __init__(self, model_name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGalleriesResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "galleries", "next_page_token", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    GALLERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    galleries: _containers.RepeatedCompositeFieldContainer[Gallery]
    next_page_token: str
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., galleries: _Optional[_Iterable[_Union[Gallery, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class DeleteGalleryRequest(_message.Message):
    __slots__ = ("model_name", "gallery")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ...) -> None: ...

class DeleteGalleryResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...

class ExportGalleryRequest(_message.Message):
    __slots__ = ("model_name", "gallery")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    gallery: str
    def __init__(self, model_name: _Optional[str] = ..., gallery: _Optional[str] = ...) -> None: ...

class ExportGalleryResponse(_message.Message):
    __slots__ = ("model_name", "model_version", "person", "photograph", "embedding", "image", "timing")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    PHOTOGRAPH_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    person: str
    photograph: Photograph
    embedding: _containers.RepeatedScalarFieldContainer[float]
    image: bytes
    timing: _common_pb2.Timing
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., person: _Optional[str] = ..., photograph: _Optional[_Union[Photograph, _Mapping]] = ..., embedding: _Optional[_Iterable[float]] = ..., image: _Optional[bytes] = ..., timing: _Optional[_Union[_common_pb2.Timing, _Mapping]] = ...) -> None: ...
