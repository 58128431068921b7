"""Pictures of a StyleGAN generator: placed in W+, drawn together, encoded one by one."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition, InvalidArgument
from serving.models import base
from serving.models.base import Signature, Tensors
from serving.models.synthesis import triton
from serving.models.synthesis.check import check
from serving.models.synthesis.directions import Attributes
from serving.models.synthesis.encode import encoded, resized
from serving.models.synthesis.place import Place, locate, place
from serving.models.synthesis.types import Drawing, Drawn, Encoding, Look, Noise, Origin
from serving.repository import weights
from serving.timing import Stage, Timeline

GENERATOR = "generator"  # the part of the weights that is the JSON, where it is among them


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    place: Place
    noise: Noise
    seed: int
    encoding: Encoding


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """pixels: (resolution, resolution, c) uint8; latent: (num_ws, w_dim) float32"""

    pixels: NDArray[np.uint8]
    latent: NDArray[np.float32]


class Model(base.Model[Drawing, Prepared, Painted, Drawn]):
    """A picture hangs on what was asked for alone, never on those computed beside it."""

    def load(self) -> None:
        try:
            from serving.runtimes.stylegan.checkpoint import read_generator
            from serving.runtimes.stylegan.painter import Painter
        except ImportError:
            raise FailedPrecondition(
                "the model needs PyTorch and safetensors, which are not installed",
                reason="NOT_INSTALLED",
            ) from None
        options = self.config.options
        file = weights.ensure(self.config)
        self._generator = read_generator(file, self._arguments(), self.device)
        if self._generator.channels not in (1, 3):
            raise FailedPrecondition(
                f"model {self.config.name}: its generator's pictures have "
                f"{self._generator.channels} channels; 1 and 3 can be shown",
                reason="ARGUMENTS",
            )
        self._attributes = Attributes.load(options.attributes, self.config.folder, self._generator)
        self._painter = Painter(
            self._generator, self.config.batching.max_batch_size, options.noise, options.graphs
        )

    @property
    def signature(self) -> Signature:
        generator = self._generator
        return triton.signature(generator.num_ws, generator.w_dim, generator.channels)

    @property
    def facts(self) -> Mapping[str, str]:
        """`attributes` is a JSON object of their spaces and bounds by name."""
        generator, known = self._generator, self._attributes
        attributes = {
            name: {"space": known[name].space, "bounds": known[name].bounds} for name in known.names
        }
        return {
            "attributes": json.dumps(attributes),
            "classes": str(generator.c_dim),
            "layers": str(generator.num_ws),
            "resolution": str(generator.resolution),
        }

    def check(self, item: Drawing) -> None:
        """Raises InvalidArgument for what this generator cannot draw, before any is drawn."""
        check(item, self._generator, self._attributes)

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Drawing:
        item = triton.drawing(tensors)
        try:
            self.check(item)
        except InvalidArgument as error:
            raise triton.in_their_words(error) from None
        return item

    def prepare(self, item: Drawing, timeline: Timeline) -> Prepared:
        self.check(item)
        options, seed = self.config.options, item.origin.seed
        return Prepared(
            place(item, self._generator, self._attributes, options.psi),
            item.look.noise or options.noise,
            0 if seed is None else seed,
            item.encoding,
        )

    def batch_key(self, prepared: Prepared) -> Hashable:
        """Noise goes into all pictures of a batch in the same way."""
        return prepared.noise if self._generator.noisy else None

    def run(self, batch: Sequence[Prepared], timeline: Timeline) -> Sequence[Painted]:
        w = locate([each.place for each in batch], self._generator)
        seeds = [each.seed for each in batch]
        pictures = self._painter.paint(w, batch[0].noise, seeds, timeline)
        return [Painted(*each) for each in zip(pictures, w, strict=True)]

    def finish(self, prepared: Prepared, output: Painted, timeline: Timeline) -> Drawn:
        encoding = prepared.encoding
        pixels = resized(output.pixels, encoding.size)
        timeline.mark(Stage.POSTPROCESS)
        if encoding.format == "raw":
            return Drawn(len(pixels), output.latent, pixels=pixels)
        file = encoded(pixels, encoding)
        timeline.mark(Stage.ENCODE)
        return Drawn(len(pixels), output.latent, encoded=file)

    def tensors(self, result: Drawn) -> Tensors:
        assert result.pixels is not None, "tensors are asked for unencoded. This is a bug."
        return {"image": result.pixels, "latent": result.latent}

    def example(self, seed: int = 0) -> Drawing:
        return Drawing(Origin(seed), Look(class_id=0 if self._generator.c_dim else None))

    def _arguments(self) -> Path:
        """Where the JSON lies."""
        if any(each.part == GENERATOR for each in self.config.weights):
            return weights.ensure(self.config, GENERATOR)
        return self.config.folder / self.config.version / self.config.options.generator
