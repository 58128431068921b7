"""One picture of a request on its way through a model: decoded, and made the detector's input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.images.decode import decode
from serving.images.picture import Picture
from serving.models.face.align import Source, reduced
from serving.models.face.locate import Located
from serving.models.face.preprocess import Preprocessor, Size
from serving.repository.config import Limits
from serving.timing import Stage, Timeline


@dataclass(frozen=True, slots=True)
class View:
    """What is kept of a picture.

    tensor: (1, 3, height, width) float32 for the detector
    pixels: (h, w, 3) uint8 RGB to cut faces out of; smaller than `size` after a reduced decode
    size: (width, height) of the upright original
    field: the request's field it came in
    """

    tensor: NDArray[np.float32]
    pixels: NDArray[np.uint8]
    size: Size
    field: str

    @classmethod
    def of(
        cls,
        picture: Picture,
        preprocess: Preprocessor,
        limits: Limits,
        timeline: Timeline,
        *,
        every_pixel: bool,
    ) -> View:
        """Decodes and preprocesses. How large its faces are is not known yet, so pictures
        whose faces are to be embedded need every pixel; else a JPEG may be reduced.

        Raises InvalidArgument as `decode` does.
        """
        decoded = decode(
            picture,
            max_bytes=limits.image_bytes,
            max_pixels=limits.pixels,
            max_seconds=limits.decode_s,
            enough=None if every_pixel else preprocess.enough,
        )
        timeline.mark(Stage.DECODE)
        tensor = preprocess(decoded.pixels, decoded.size)
        timeline.mark(Stage.PREPROCESS)
        return cls(tensor, decoded.pixels, decoded.size, picture.field)

    def sources(self, located: Located) -> list[Source]:
        """Its faces, to be cut out."""
        assert located.landmarks is not None, "no alignment without landmarks. This is a bug."
        landmarks = located.landmarks
        height, width, _ = self.pixels.shape
        if (width, height) != self.size:
            landmarks = reduced(landmarks, (width / self.size[0], height / self.size[1]))
        return [Source(self.pixels, points) for points in landmarks]
