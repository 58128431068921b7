"""The generator of the SDK's test server: pictures that tell what they were made of.

What it does is chosen by the model's name: `endless` never ends, `lost` and `broken` end
their streams after one picture, `hesitant` waits after one, `late` leaves frames out, and
`misplaced`, `misshapen`, `odd` and `empty` answer what they should not.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count, repeat
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np

from seom.pb.v1 import common_pb2, synthesis_pb2_grpc
from seom.pb.v1 import synthesis_pb2 as pb

if TYPE_CHECKING:
    from .server import Server

SIZE = 64
LAYERS, W_DIM = 3, 4
ENDS = {"lost": grpc.StatusCode.CANCELLED, "broken": grpc.StatusCode.INTERNAL}


class Synthesis(synthesis_pb2_grpc.SynthesisServiceServicer):
    def __init__(self, server: Server) -> None:
        self.server = server

    def Synthesize(self, request: Any, context: Any) -> Iterator[Any]:
        self._arrive(request, context, "Synthesize")
        model, size = request.model_name, request.encoding.size or SIZE
        origins = enumerate(request.origins)
        if model == "endless":
            origins = zip(repeat(0), repeat(request.origins[0]))
        for index, origin in origins:
            response = pb.SynthesizeResponse(
                model_name=model or "ffhq",
                model_version="1",
                index=index + 9 * (model == "misplaced"),
                image=image(request.encoding, model, told(origin), size),
                width=size,
                height=size,
                timing=self.server.timing,
            )
            if request.return_latents:
                response.latent.CopyFrom(place(origin, odd=model == "odd"))
            yield response
            self._ended(model, context)
            if not context.is_active():
                return

    def Animate(self, request: Any, context: Any) -> Iterator[Any]:
        self._arrive(request, context, "Animate")
        model, size = request.model_name, request.encoding.size or SIZE
        rate = request.frames_per_second
        frames: Any = range(1 + round(request.keyframes[-1].time_s * rate))
        if model == "late":
            frames = chain(frames[:2], frames[-1:])
        if model == "endless":
            frames = count()
        for sent, frame in enumerate(frames):
            yield pb.AnimateResponse(
                model_name=model or "ffhq",
                model_version="1",
                frame=frame,
                time_s=frame / rate,
                image=image(request.encoding, model, f"frame {frame}", size),
                width=size,
                height=size,
                dropped=frame - sent,
                timing=self.server.timing,
            )
            self._ended(model, context)
            if not context.is_active():
                return

    def _arrive(self, request: Any, context: Any, method: str) -> None:
        context.add_callback(self.server.cancelled.set)
        self.server.arrive(context, request, method, request.model_name)

    def _ended(self, model: str, context: Any) -> None:
        if model in ENDS:
            context.abort(ENDS[model], "the stream is over")
        if model == "hesitant":
            self.server.released.wait(10)


def told(origin: Any) -> str:
    if origin.WhichOneof("kind") == "seed":
        return f"seed {origin.seed}"
    # A seed's place in W+ gives the picture of the seed.
    return f"seed {np.frombuffer(origin.latent.values, '<f4')[0]:g}"


def image(encoding: Any, model: str, of: str, size: int) -> Any:
    """An encoded picture is its description; a raw one is of one colour."""
    if model == "empty":
        return common_pb2.Image()
    if encoding.format != pb.PICTURE_FORMAT_RAW:
        name = pb.PictureFormat.Name(encoding.format).rpartition("_")[2].lower()
        return common_pb2.Image(encoded=f"{name} of {of}".encode())
    gray = model == "gray"
    kind = common_pb2.PIXEL_FORMAT_GRAY if gray else common_pb2.PIXEL_FORMAT_RGB
    pixels = bytes([7] if gray else [1, 2, 3]) * (size * size - (model == "misshapen"))
    return common_pb2.Image(
        pixels=common_pb2.Pixels(width=size, height=size, format=kind, data=pixels)
    )


def place(origin: Any, *, odd: bool = False) -> Any:
    """In W+: a latent's own, a seed's so that `told` finds it again."""
    if origin.WhichOneof("kind") == "latent":
        return origin.latent
    values = np.arange(LAYERS * W_DIM, dtype="<f4") / 8 + np.float32(origin.seed)
    space = pb.LATENT_SPACE_W_PLUS
    return pb.Latent(space=space, values=values.tobytes()[: -1 if odd else None])
