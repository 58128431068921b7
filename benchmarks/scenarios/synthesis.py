"""What the generator's fused operators win over the papers' own, one eager after the other.

Both compute the same pictures of the same weights; before anything is measured that is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.load.workload import Call, Closed, Workload
from benchmarks.peers.generator import GeneratorLoop
from benchmarks.scenarios.scenario import Loop, Scenario, TargetError
from benchmarks.stats.claims import Claim

_CONFIG_F: dict[str, Any] = {
    "cls": "stylegan2",
    "z_dim": 512,
    "w_dim": 512,
    "c_dim": 0,
    "img_channels": 3,
    "channel_max": 512,
    "mapping_kwargs": {"num_layers": 8},
    "conv_clamp": 256,
}
# By resolution: small faces as a laptop draws them; FFHQ at 256² as StyleGAN2-ADA has it;
# the paper's config F.
CHANNEL_BASE = {64: 4096, 256: 16384, 1024: 32768}
PATHS = ("fast", "plain", "compiled")
# Of 256 shades. Half precision rounds, and so does the order of sums.
TOLERANCE = {False: 0.05, True: 2.0}


def build(
    paths: Sequence[str],
    *,
    resolution: int,
    batches: Sequence[int],
    gpu: bool,
    threads: int,
    seed: int = 1,
) -> Scenario:
    """paths: targets, of PATHS

    Raises TargetError for a path or a resolution that is not known.
    """
    for path in paths:
        if path not in PATHS:
            raise TargetError(f"no target {path!r}; there are {', '.join(PATHS)}")
    if resolution not in CHANNEL_BASE:
        raise TargetError(
            f"no resolution {resolution}; there are {', '.join(map(str, CHANNEL_BASE))}"
        )
    arguments = _CONFIG_F | {
        "img_resolution": resolution,
        "channel_base": CHANNEL_BASE[resolution],
        "num_fp16_res": 4 if gpu else 0,
    }
    workloads = [_workload(resolution, batch, seed) for batch in batches]
    targets = []
    for path in paths:
        loop = GeneratorLoop(arguments, path, gpu=gpu, threads=threads)
        targets.append(Loop(path, loop, loop.probe))
    macs = multiply_adds(resolution) / 1e9
    return Scenario(
        name="synthesis",
        workloads=workloads,
        targets=targets,
        claims=[claim for each in workloads for claim in _claims(each, paths, gpu)],
        check=SamePictures(TOLERANCE[gpu]),
        notes={
            "network": f"StyleGAN2 config F, {resolution}², channel_base "
            f"{CHANNEL_BASE[resolution]}, random weights; {macs:.1f} G multiply-adds a picture",
            "answer": "one batch: latents to 8-bit pixels in memory, mapping included, not encoded",
            "device": "GPU" if gpu else f"CPU, {threads} threads",
            "plain": "the papers' operators one after the other, eager, FP32",
            "fast": "as it serves" + (": FP16 where trained so, CUDA graphs" if gpu else ""),
        },
    )


def multiply_adds(resolution: int) -> float:
    """Of the convolutions for one picture, upsampling ones counted as transposed."""

    def channels(size: int) -> int:
        return min(CHANNEL_BASE[resolution] // size, 512)

    total, size = 0, 4
    while size <= resolution:
        here = channels(size)
        total += (9 * here * here + 3 * here) * size**2
        if size > 4:
            total += 9 * channels(size // 2) * here * (size // 2) ** 2
        size *= 2
    return float(total)


class SamePictures:
    """Raises TargetError unless every target draws what the first one drew."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._drawn: dict[str, Any] = {}

    def __call__(self, workload: Workload, answers: list[bytes]) -> None:
        pixels = np.frombuffer(answers[0], np.uint8).astype(np.float32)
        if pixels.std() < 1:
            raise TargetError(f"{workload.name}: the pictures are of one shade")
        first = self._drawn.setdefault(workload.name, pixels)
        if pixels.shape != first.shape:
            raise TargetError(f"{workload.name}: targets draw pictures of different sizes")
        if (apart := float(np.abs(pixels - first).mean())) > self._tolerance:
            raise TargetError(f"{workload.name}: targets differ by {apart:.2f} shades of 256")


def _workload(resolution: int, batch: int, seed: int) -> Workload:
    random = np.random.RandomState(seed)
    messages = tuple(
        random.randn(batch, _CONFIG_F["z_dim"]).astype(np.float32).tobytes() for _ in range(8)
    )
    call = Call("draw", messages, timeout_s=120.0)
    title = f"{resolution}², {batch} at a time"
    return Workload(f"b{batch}", title, call, Closed(1), "p50", also=("throughput",))


def _claims(workload: Workload, paths: Sequence[str], gpu: bool) -> list[Claim]:
    """A batch takes at most 1 / 1.3 of the plain time on a processor, half of it on a GPU."""
    if "plain" not in paths:
        return []
    claims = [Claim(workload.name, "fast", "plain", "at most", 0.5 if gpu else 0.77)]
    if "compiled" in paths:
        claims.append(Claim(workload.name, "compiled", "plain"))
    return claims
