"""A generator, whichever network it is: latents to w, w to images; numpy on either side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from serving.errors import InvalidArgument
from serving.models.base import Device
from serving.runtimes.pytorch import placed
from serving.runtimes.stylegan.arguments import Arguments, Arguments2
from serving.runtimes.stylegan.generator2 import Synthesis2
from serving.runtimes.stylegan.generator3 import Synthesis3
from serving.runtimes.stylegan.mapping import Mapping
from serving.runtimes.stylegan.operators import Fast, Operators, Plain

Array = NDArray[np.float32]
Noise = Literal["const", "random", "none"]
# `fast` serves; `compiled` is `fast` through torch.compile; `plain` is the baseline.
Path = Literal["fast", "compiled", "plain"]


class Network(nn.Module):
    """Mapping and synthesis, with the tensor names of released checkpoints."""

    def __init__(self, arguments: Arguments) -> None:
        super().__init__()
        self.mapping = Mapping(arguments)
        self.synthesis: Synthesis2 | Synthesis3
        if isinstance(arguments, Arguments2):
            self.synthesis = Synthesis2(arguments)
        else:
            self.synthesis = Synthesis3(arguments)


class Generator:
    """`map` latents to w, `synthesize` images of w; a batch gives what its images give alone.

    z_dim, w_dim, num_ws: w is (num_ws, w_dim), one row for each layer that listens to it
    c_dim: classes, 0 for a generator without
    resolution, channels: images are (channels, resolution, resolution), around [-1, 1]
    noisy: whether noise makes any difference

    Raises FailedPrecondition for a GPU that PyTorch cannot use.
    """

    def __init__(
        self, arguments: Arguments, network: Network, device: Device, path: Path = "fast"
    ) -> None:
        self.device = placed(device)
        self.arguments = arguments
        self.z_dim, self.w_dim, self.c_dim = arguments.z_dim, arguments.w_dim, arguments.c_dim
        self.resolution, self.channels = arguments.img_resolution, arguments.img_channels
        self._network = network.eval().requires_grad_(False).to(self.device)
        # FP16 layers were trained as such for GPUs; a processor has no use for them.
        self._network.synthesis.settle(half=device.gpu)
        self.num_ws = self._network.synthesis.num_ws
        self.noisy = bool(self._network.synthesis.noise_shapes)
        self._operators: Operators = Plain() if path == "plain" else Fast()
        self._synthesis: Callable[..., Any] = self._network.synthesis
        if path == "compiled":
            self._synthesis = torch.compile(self._network.synthesis)

    @property
    def w_avg(self) -> Array:
        """The mean of w, (w_dim,), which truncation draws to."""
        return self._network.mapping.w_avg.cpu().numpy().copy()

    def latent(self, seed: int) -> Array:
        """The latent of a seed, (1, z_dim), as `numpy.random.RandomState` draws it.

        Raises InvalidArgument for a seed that is not from 0 to 2³² − 1.
        """
        if not 0 <= seed < 2**32:
            raise InvalidArgument.field("seed", "must be from 0 to 4294967295")
        return np.random.RandomState(seed).randn(1, self.z_dim).astype(np.float32)

    def map(
        self, z: Array, c: Array | None = None, psi: float = 1.0, cutoff: int | None = None
    ) -> Array:
        """z (n, z_dim) and c (n, c_dim), FP32 → w (n, num_ws, w_dim).

        psi: w's distance from the mean, 1 as it is, 0 the mean itself
        cutoff: how many layers are truncated; None is all

        Raises InvalidArgument for other shapes or numbers that are not finite.
        """
        z = _checked("z", z, (self.z_dim,))
        if self.c_dim and c is None:
            raise InvalidArgument.field("c", f"the generator wants one of {self.c_dim} classes")
        if not self.c_dim and c is not None:
            raise InvalidArgument.field("c", "the generator has no classes; leave it out")
        c = None if c is None else _checked("c", c, (self.c_dim,))
        if c is not None and len(c) != len(z):
            raise InvalidArgument.field("c", f"must be {len(z)}, one for each latent")
        if cutoff is not None and cutoff < 0:
            raise InvalidArgument.field("cutoff", "must be 0 or more")
        with torch.inference_mode():
            classes = None if c is None else torch.from_numpy(c).to(self.device)
            w = self._network.mapping(torch.from_numpy(z).to(self.device), classes)
            w = w[:, None].repeat(1, self.num_ws, 1)
            return self._network.mapping.truncate(w, psi, cutoff).cpu().numpy()

    def synthesize(self, w: Array, noise: Noise = "const", seed: int | Sequence[int] = 0) -> Array:
        """w (n, num_ws, w_dim) FP32 → images (n, channels, resolution, resolution) FP32.

        noise: `const` is the checkpoint's own, `random` drawn, `none` without. StyleGAN3
            has none whatever is asked
        seed: of random noise, one for all images or one for each; the same on any device

        Raises InvalidArgument for other shapes or numbers that are not finite.
        """
        w = _checked("w", w, (self.num_ws, self.w_dim))
        if noise not in ("const", "random", "none"):
            raise InvalidArgument.field("noise", "must be const, random or none")
        seeds = [seed] * len(w) if isinstance(seed, int) else list(seed)
        if len(seeds) != len(w):
            raise InvalidArgument.field("seed", f"must be {len(w)}, one for each image")
        with torch.inference_mode():
            drawn = self.draw_noise(seeds) if noise == "random" else noise
            return self.render(torch.from_numpy(w).to(self.device), drawn).cpu().numpy()

    def render(self, w: Tensor, noise: list[Tensor] | str = "const") -> Tensor:
        """`synthesize` on the device: nothing is checked, copied or waited for."""
        return self._synthesis(w, self._operators, noise)

    def draw_noise(self, seeds: Sequence[int]) -> list[Tensor]:
        """Noise for `render`, (n, 1, h, w) for each layer; an image's hangs on its seed alone."""
        shapes = self._network.synthesis.noise_shapes
        images = []
        for seed in seeds:
            source = torch.Generator().manual_seed(seed)
            images.append([torch.randn((1, *shape), generator=source) for shape in shapes])
        return [torch.stack(layer).to(self.device) for layer in zip(*images, strict=True)]


def _checked(name: str, value: Array, shape: tuple[int, ...]) -> Array:
    value = np.ascontiguousarray(value, np.float32)
    if value.ndim != 1 + len(shape) or value.shape[1:] != shape or not len(value):
        wanted = ", ".join(map(str, shape))
        raise InvalidArgument.field(name, f"must be of shape (n, {wanted})", reason="SHAPE")
    if not np.isfinite(value).all():
        raise InvalidArgument.field(name, "must be finite", reason="NOT_FINITE")
    return value
