"""Faces: find them, cut them out, embed them, compare them, all in one process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition, Internal, InvalidArgument, ServingError
from serving.images.picture import Picture
from serving.models import base
from serving.models.base import Array, Signature, Tensors, TensorSpec
from serving.models.face import example
from serving.models.face.align import TEMPLATE_SIDE, Source
from serving.models.face.choose import Wish, choose, refuse_blurred, refuse_too_many, wish
from serving.models.face.embed import Embedder, parts
from serving.models.face.locate import Located, Locator
from serving.models.face.quality import angles, sharpness
from serving.models.face.types import Faces, Found, Query, Task
from serving.models.face.view import View
from serving.repository import weights
from serving.runtimes.onnx import OnnxSession
from serving.timing import Stage, Timeline


@dataclass(frozen=True, slots=True)
class Prepared:
    views: tuple[View, ...]
    wish: Wish


@dataclass(frozen=True, slots=True)
class Seen:
    """The chosen faces of one picture and, once embedded, their vectors and sharpness."""

    located: Located
    embeddings: NDArray[np.float32] | None = None
    sharpness: NDArray[np.float32] | None = None


# One request's refusal must not spoil its batch: it travels as an output.
Output: TypeAlias = tuple[Seen, ...] | ServingError


class Model(base.Model[Query, Prepared, Output, Found]):
    """A batch's pictures go through the detector by shape, then its faces through the
    embedder together. What neither network waits for is left to `finish`."""

    def load(self) -> None:
        options = self.config.options
        self._detector = OnnxSession(weights.ensure(self.config, "detector"), self.device)
        self._locator = Locator(
            options.detector, self._detector, self.config.batching.max_batch_size
        )
        parts = {file.part for file in self.config.weights}
        if ("embedder" in parts) != (options.embedder is not None):
            raise FailedPrecondition(
                f"model {self.config.name}: weights of the part embedder and the key embedder "
                "go together",
                reason="WEIGHTS",
            )
        self._embedder: Embedder | None = None
        if options.embedder is not None:
            session = OnnxSession(weights.ensure(self.config, "embedder"), self.device)
            self._embedder = Embedder(options.embedder, session)

    @property
    def signature(self) -> Signature:
        """One picture; `embeddings` has no rows unless `embed` is true."""
        inputs = [
            TensorSpec("image", "BYTES", (1,)),
            TensorSpec("min_score", "FP32", (1,), optional=True),
            TensorSpec("max_overlap", "FP32", (1,), optional=True),
            TensorSpec("min_size", "FP32", (1,), optional=True),
            TensorSpec("max_results", "INT32", (1,), optional=True),
        ]
        outputs = [TensorSpec("boxes", "FP32", (-1, 4)), TensorSpec("scores", "FP32", (-1,))]
        if self._locator.landmarks:
            outputs.append(TensorSpec("landmarks", "FP32", (-1, 5, 2)))
        if self._embeds is not None:
            inputs.append(TensorSpec("embed", "BOOL", (1,), optional=True))
            outputs.append(TensorSpec("embeddings", "FP32", (-1, self._embeds.dimension)))
        return Signature(tuple(inputs), tuple(outputs), platform=self._detector.signature.platform)

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Query:
        def scalar(name: str) -> Any:
            return tensors[name].item() if name in tensors else None

        return Query(
            pictures=(Picture(encoded=tensors["image"][0]),),
            task="embed" if scalar("embed") else "detect",
            min_score=scalar("min_score"),
            max_overlap=scalar("max_overlap"),
            min_size=scalar("min_size"),
            max_results=int(scalar("max_results") or 0),
        )

    def prepare(self, item: Query, timeline: Timeline) -> Prepared:
        if item.task != "detect" and self._embeds is None:
            lacks = "landmarks, which embedding needs" if self._embedder else "an embedder"
            raise FailedPrecondition(
                f"model {self.config.name} only finds faces: it lacks {lacks}",
                reason="NO_EMBEDDER",
            )
        wanted = wish(item, self.config.options)
        views = []
        pixels = 0
        for picture in item.pictures:
            view = View.of(
                picture,
                self._locator.prepare,
                self.config.limits,
                timeline,
                every_pixel=wanted.embed,
            )
            pixels += view.pixels.size // 3
            if pixels > self.config.options.max_pixels:
                raise InvalidArgument.field(
                    picture.field,
                    f"this request's pictures have more than {self.config.options.max_pixels} "
                    "pixels together; send fewer, or scale them down",
                    reason="IMAGE_TOO_MANY_PIXELS",
                )
            views.append(view)
        return Prepared(tuple(views), wanted)

    def rows(self, prepared: Prepared) -> int:
        """A row a picture; a request of more pictures than a batch has rows fills it alone."""
        return min(len(prepared.views), self.config.batching.max_batch_size)

    def run(self, batch: Sequence[Prepared], timeline: Timeline) -> Sequence[Output]:
        views = [view for prepared in batch for view in prepared.views]
        raw = iter(self._locator.run([view.tensor for view in views], timeline))
        outputs = [self._chosen(prepared, raw) for prepared in batch]
        timeline.mark(Stage.POSTPROCESS)
        return self._embedded(batch, outputs, timeline)

    def finish(self, prepared: Prepared, output: Output, timeline: Timeline) -> Found:
        if isinstance(output, ServingError):
            raise output
        pictures = tuple(
            self._faces(view, seen, prepared.wish)
            for view, seen in zip(prepared.views, output, strict=True)
        )
        if prepared.wish.choice != "all" and prepared.wish.embed:
            least = self.config.options.embedder.min_sharpness
            for view, faces in zip(prepared.views, pictures, strict=True):
                refuse_blurred(faces, least, view.field)
        similarity = None
        if prepared.wish.threshold is not None:
            first, second = (faces.embeddings for faces in pictures)
            assert first is not None and second is not None, "verify embeds. This is a bug."
            similarity = float(np.clip(first[0] @ second[0], -1, 1))
        timeline.mark(Stage.POSTPROCESS)
        return Found(pictures, similarity, prepared.wish.threshold)

    def tensors(self, result: Found) -> Tensors:
        (faces,) = result.pictures
        tensors = {"boxes": faces.boxes, "scores": faces.scores}
        if faces.landmarks is not None:
            tensors["landmarks"] = faces.landmarks
        if self._embeds is not None:
            nothing = np.empty((0, self._embeds.dimension), np.float32)
            tensors["embeddings"] = nothing if faces.embeddings is None else faces.embeddings
        return tensors

    def example(self, seed: int = 0) -> Query:
        """A JPEG of 320×256 with one drawn face."""
        task: Task = "detect" if self._embeds is None else "embed"
        return Query((example.drawn(seed),), task, min_score=0.3, min_size=0.0)

    @property
    def _embeds(self) -> Embedder | None:
        """The embedder, if faces can be aligned for it."""
        return self._embedder if self._locator.landmarks else None

    def _chosen(self, prepared: Prepared, raw: Iterator[Sequence[Array]]) -> Output:
        """One request's faces of each picture, or why it is refused; takes its share of `raw`."""
        wanted = prepared.wish
        outputs = [next(raw) for _ in prepared.views]
        seen = []
        try:
            for view, output in zip(prepared.views, outputs, strict=True):
                found = self._locator.decode(
                    output,
                    view.tensor.shape,
                    view.size,
                    min_score=wanted.min_score,
                    max_overlap=wanted.max_overlap,
                )
                seen.append(Seen(choose(found, wanted, view.field)))
            if wanted.embed:
                most = self.config.options.embedder.max_faces
                refuse_too_many(sum(len(each.located) for each in seen), most)
        except ServingError as error:
            return error
        return tuple(seen)

    def _embedded(
        self, batch: Sequence[Prepared], outputs: Sequence[Output], timeline: Timeline
    ) -> list[Output]:
        """The outputs again, with embeddings where they were asked for."""
        sources: list[Source] = []
        mirrored: list[bool] = []
        for prepared, output in zip(batch, outputs, strict=True):
            if prepared.wish.embed and isinstance(output, tuple):
                for view, seen in zip(prepared.views, output, strict=True):
                    sources += view.sources(seen.located)
                    mirrored += [prepared.wish.mirror] * len(seen.located)
        if self._embedder is None:
            return list(outputs)
        vectors, sharp = self._embedder(sources, mirrored, timeline)

        results: list[Output] = []
        end = 0
        for prepared, output in zip(batch, outputs, strict=True):
            if prepared.wish.embed and isinstance(output, tuple):
                start = end
                complete = []
                for seen in output:
                    part = slice(end, end := end + len(seen.located))
                    complete.append(Seen(seen.located, vectors[part], sharp[part]))
                good = np.isfinite(vectors[start:end]).all()
                output = tuple(complete) if good else Internal("the model failed on a face")
            results.append(output)
        return results

    def _faces(self, view: View, seen: Seen, wish: Wish) -> Faces:
        located = seen.located
        sharp = seen.sharpness
        if located.landmarks is not None and sharp is None and wish.sharpness:
            side = self._embedder.side if self._embedder else TEMPLATE_SIDE
            cut = parts(view.sources(located), side, grey=True)
            measured = [sharpness(aligned) for _, aligned in cut]
            sharp = np.concatenate([np.empty(0, np.float32), *measured])
        return Faces(
            boxes=located.boxes,
            scores=located.scores,
            landmarks=located.landmarks,
            sharpness=sharp,
            angles=None if located.landmarks is None else angles(located.landmarks),
            embeddings=seen.embeddings,
            size=view.size,
        )
