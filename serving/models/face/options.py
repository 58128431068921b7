"""The keys of model.yaml that belong to the family `face`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from serving.repository.config import Quantity, Section

Share = Annotated[float, Field(ge=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Pixels = Annotated[float, Field(ge=0)]
Side = Annotated[int, Field(ge=16, le=8192, multiple_of=16)]
PerChannel = Annotated[float, Field(allow_inf_nan=False)]
Triple = tuple[PerChannel, PerChannel, PerChannel]
Deviation = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Pixel(Section):
    """How a network sees a pixel: (pixel · scale − mean) / std, channels in the order given."""

    channels: Literal["RGB", "BGR"] = "RGB"
    scale: float = Field(default=1.0, gt=0)
    mean: Triple = (0.0, 0.0, 0.0)
    std: tuple[Deviation, Deviation, Deviation] = (1.0, 1.0, 1.0)


class Input(Pixel):
    """What the detector sees of a picture.

    size: [width, height]
    resize: `fit` keeps the proportions, never enlarges, and gives the network no more than
        that, rounded up to 32 pixels: for weights of free height and width; `letterbox`
        keeps the proportions and always fills one side of `size`; `stretch` fills both.
        Pictures lie in the upper left corner, `pad` (0 to 255) around them
    filter: how to shrink: `bilinear` leaves pixels out, `area` takes means
    """

    size: tuple[Side, Side]
    resize: Literal["fit", "letterbox", "stretch"] = "fit"
    filter: Literal["bilinear", "area"] = "bilinear"
    pad: float = Field(default=0.0, ge=0, le=255)


class Thresholds(Section):
    """What counts as a face, and how much two of them may overlap (IoU)."""

    score: Share = 0.6
    iou: Share = 0.3


class Detector(Section):
    """`kind` is how the network's outputs are read: see serving/models/face/detectors."""

    kind: Literal["yunet", "rfb", "scrfd"]
    input: Input
    thresholds: Thresholds = Thresholds()


class Embedder(Pixel):
    """A network of the ArcFace kind: aligned square faces of `size` pixels to one vector each.

    mirror: whether an embedding is the mean over the face and its mirror image
    threshold: the cosine from which two faces count as one person's
    min_size: faces whose box's shorter side has fewer pixels of the original are left out
        when embedding: small faces resemble each other
    min_sharpness: a face asked for alone (`largest`, `only`) that is less sharp is refused
    max_faces: how many faces one request may have embedded
    """

    size: int = Field(default=112, ge=32, le=512)
    mirror: bool = False
    threshold: Cosine = 0.4
    min_size: Pixels = 0.0
    min_sharpness: float = Field(default=0.0, ge=0)
    max_faces: int = Field(default=128, ge=16, le=4096)


class Gallery(Section):
    """People kept by name, of those whom this model can embed.

    url_from: the environment variable that has the database's URL (postgresql://… or
        sqlite:///…), for a URL may hold a password; SEOM_GALLERY_URL if not given, and
        that one need not be set
    file: of SQLite, where there is no URL: in SEOM_HOME, or the user's folder for data
    persons, photographs: of one gallery; photographs_each: of one person
    galleries: of one tenant
    min_size, min_sharpness: faces that are smaller (pixels) or less sharp are not enrolled
    cache_bytes: of embeddings in a replica's memory
    """

    url_from: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    file: str = Field(default="galleries.db", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    persons: int = Field(default=10_000, ge=1)
    photographs: int = Field(default=50_000, ge=1)
    photographs_each: int = Field(default=100, ge=16)
    galleries: int = Field(default=10_000, ge=1)
    min_size: Pixels = 0.0
    min_sharpness: float = Field(default=20.0, ge=0)
    cache_bytes: Quantity = 2**30


class Options(Section):
    """The weights have the part `detector` and, with `embedder` here, the part `embedder`.

    min_size: faces whose box's shorter side has fewer pixels of the original are left out
    max_results: faces of one picture; a request may ask for fewer, never for more
    max_pictures: pictures of one request
    max_pixels: pixels of one request's pictures together; `limits.pixels` is for each alone
    gallery: whether GalleryService is answered, and where people are kept
    """

    detector: Detector
    embedder: Embedder | None = None
    min_size: Pixels = 0.0
    max_results: int = Field(default=100, ge=1, le=1000)
    max_pictures: int = Field(default=16, ge=2, le=256)
    max_pixels: Quantity = 96 * 10**6
    gallery: Gallery | None = None
