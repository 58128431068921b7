"""A StyleGAN2 generator in a process of its own: latents go in, 8-bit pictures come out.

One way of computing is compared with another on the same weights and latents: no server, no
encoding. Nothing is trained; the time a network takes does not hang on its weights' values.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.load.record import Measured
from benchmarks.load.workload import Call, Window, Workload
from benchmarks.peers.loop import measure
from benchmarks.peers.process import OwnProcess, serve

# z (n, z_dim) FP32 → pictures (n, resolution, resolution, channels) uint8.
Draw = Callable[[NDArray[np.float32]], NDArray[np.uint8]]


class GeneratorLoop(OwnProcess):
    """Makes the network on entering.

    arguments: the generator's constructor arguments under their official names
    path: `plain`, the papers' operators in eager FP32; `fast` as it serves; `compiled`
    """

    def __init__(self, arguments: Mapping[str, Any], path: str, *, gpu: bool, threads: int) -> None:
        super().__init__(_main, dict(arguments), path, gpu, threads)

    def probe(self, call: Call) -> list[bytes]:
        """The pixels of the first message's pictures."""
        self.send(call)
        answers: list[bytes] = self.receive(call.timeout_s + 60)
        return answers


def _main(pipe: Connection, arguments: dict[str, Any], path: str, gpu: bool, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    draw = _drawer(arguments, path, gpu, threads)
    z_dim = arguments["z_dim"]

    def pictures(message: bytes) -> NDArray[np.uint8]:
        return draw(np.frombuffer(bytearray(message), np.float32).reshape(-1, z_dim))

    def answer(message: bytes) -> dict[str, int]:
        pictures(message)
        return {}

    def respond(job: Call | tuple[Workload, Window]) -> list[bytes] | Measured:
        if isinstance(job, Call):
            return [pictures(job.messages[0]).tobytes()]
        workload, window = job
        return measure(answer, workload.call.messages, window)

    serve(pipe, respond)


def _drawer(arguments: dict[str, Any], path: str, gpu: bool, threads: int) -> Draw:
    import torch

    from serving.models.base import Device
    from serving.runtimes.stylegan.arguments import parse
    from serving.runtimes.stylegan.generator import Generator, Network
    from serving.runtimes.stylegan.painter import Painter, shown
    from serving.timing import Timeline

    torch.manual_seed(5)
    parsed = parse(arguments)
    network = Network(parsed)
    _draw_weights(network.state_dict(), arguments.get("resample_filter", (1, 3, 3, 1)))
    generator = Generator(parsed, network, Device(threads=threads, gpu=gpu), path)  # type: ignore[arg-type]
    if path == "plain":

        def plain(z: NDArray[np.float32]) -> NDArray[np.uint8]:
            with torch.inference_mode():
                w = torch.from_numpy(generator.map(z)).to(generator.device)
                pixels: NDArray[np.uint8] = shown(generator.render(w)).cpu().numpy()
                return pixels

        return plain
    painter = Painter(generator, 16, "const", 0.25)

    def painted(z: NDArray[np.float32]) -> NDArray[np.uint8]:
        return painter.paint(generator.map(z), "const", [0] * len(z), Timeline())

    return painted


def _draw_weights(tensors: Mapping[str, Any], taps: tuple[float, ...]) -> None:
    """Fills a network's tensors as the papers begin training: normal weights, no biases."""
    for name, tensor in tensors.items():
        if name.endswith("resample_filter"):
            blur = np.outer(taps, taps)
            tensor.copy_(tensor.new_tensor(blur / blur.sum()))
        elif name.endswith("bias"):
            tensor.fill_(1.0 if "affine" in name else 0.0)
        elif name.endswith(("w_avg", "noise_strength")):
            tensor.zero_()
        else:
            tensor.normal_(std=100.0 if name.startswith("mapping.fc") else 1.0)
