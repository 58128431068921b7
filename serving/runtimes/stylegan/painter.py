"""Pictures as they are shown: places in W+ to 8-bit pixels, converted where they are computed.

On a GPU the computing is replayed from CUDA graphs where it was captured, and what goes to
and fro goes through pinned memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from serving.runtimes.stylegan.generator import Generator, Noise
from serving.runtimes.stylegan.graphs import Graphs
from serving.timing import Stage, Timeline

Pixels: TypeAlias = NDArray[np.uint8]


class Painter:
    """Draws batches of one generator's pictures; used by one thread at a time.

    largest: pictures of a batch at most
    noise: what most pictures are drawn with; graphs are captured for it, unless it is random
    share: of the GPU's memory, for these graphs
    """

    def __init__(self, generator: Generator, largest: int, noise: Noise, share: float) -> None:
        self._generator = generator
        self._captured = noise
        self._graphs: Graphs | None = None
        device = generator.device
        if device.type == "cuda" and noise != "random" and share:
            budget = int(share * torch.cuda.get_device_properties(device).total_memory)
            shape = (generator.num_ws, generator.w_dim)
            with torch.inference_mode():
                self._graphs = Graphs(
                    lambda w: shown(generator.render(w, noise)), shape, largest, device, budget
                )

    def paint(
        self, w: NDArray[np.float32], noise: Noise, seeds: Sequence[int], timeline: Timeline
    ) -> Pixels:
        """(n, num_ws, w_dim) FP32 → (n, resolution, resolution, channels) uint8.

        noise, seeds: as for `Generator.synthesize`
        timeline: its stages from the copy to the device to the copy back are marked
        """
        with torch.inference_mode():
            given = torch.from_numpy(w)
            if self._generator.device.type == "cpu":
                pixels = self._drawn(given, noise, seeds)
                timeline.mark(Stage.DEVICE)
                return pixels.numpy()
            device = self._generator.device
            placed = given.pin_memory().to(device, non_blocking=True)
            timeline.mark(Stage.HOST_TO_DEVICE)
            pixels = self._drawn(placed, noise, seeds)
            torch.cuda.current_stream(device).synchronize()
            timeline.mark(Stage.DEVICE)
            # Of its own, for the next batch is drawn while this one is encoded.
            host = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
            host.copy_(pixels, non_blocking=True)
            torch.cuda.current_stream(device).synchronize()
            timeline.mark(Stage.DEVICE_TO_HOST)
            return host.numpy()

    def _drawn(self, w: Tensor, noise: Noise, seeds: Sequence[int]) -> Tensor:
        if self._graphs is not None and noise == self._captured:
            return self._graphs(w)
        generator = self._generator
        drawn = generator.draw_noise(seeds) if noise == "random" and generator.noisy else noise
        return shown(generator.render(w, drawn))


def shown(images: Tensor) -> Tensor:
    """(n, c, h, w) around [-1, 1] → (n, h, w, c) uint8, as the official scripts convert them."""
    pixels = (images.permute(0, 2, 3, 1) * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    return pixels.contiguous()
