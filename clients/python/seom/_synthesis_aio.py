"""What a generator of pictures can be asked, awaited: the part of `AsyncClient` for synthesis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from seom import synthesis
from seom._calls import AsyncCalls
from seom._pictures import AsyncPictureStream
from seom.call import Metadata
from seom.latents import Latent
from seom.looks import Format, Mix, Noise, form
from seom.pictures import AnimationFrame, SynthesizedPicture
from seom.synthesis import STREAM_TIMEOUT, Keyframe, Pace


class AsyncSynthesisMethods(AsyncCalls):
    """`SynthesisMethods`, awaited: the same arguments, results and errors."""

    def synthesize(
        self,
        seeds: Iterable[int] | None = None,
        *,
        latents: Iterable[Latent] | None = None,
        model: str = "",
        psi: float | None = None,
        cutoff: int | None = None,
        attributes: Mapping[str, float] | None = None,
        keep: Sequence[str] = (),
        class_id: int | None = None,
        noise: Noise | None = None,
        mix: Mix | None = None,
        format: Format = "png",
        quality: int | None = None,
        size: int | None = None,
        return_latents: bool = False,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> AsyncPictureStream[SynthesizedPicture]:
        """Makes pictures and yields them in order; see `Client.synthesize`."""
        call = synthesis.synthesize(
            seeds,
            latents,
            form(psi, cutoff, attributes, keep, class_id, noise, mix, format, quality, size),
            return_latents=return_latents,
            model=model,
        )
        seconds = STREAM_TIMEOUT if timeout is None else timeout
        envelope = self._connection.envelope(model, seconds, metadata)
        return AsyncPictureStream(call, self._sender, envelope, self._raise_if_closed)

    def animate(
        self,
        seed: int | None = None,
        *,
        latent: Latent | None = None,
        keyframes: Iterable[Keyframe],
        fps: float = 25,
        pace: Pace = "real_time",
        model: str = "",
        psi: float | None = None,
        cutoff: int | None = None,
        attributes: Mapping[str, float] | None = None,
        keep: Sequence[str] = (),
        class_id: int | None = None,
        noise: Noise | None = None,
        mix: Mix | None = None,
        format: Format = "jpeg",
        quality: int | None = None,
        size: int | None = None,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> AsyncPictureStream[AnimationFrame]:
        """Moves one face between keyframes, and yields the frames, each at its time.

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as seom:
        ...         blink = [(0.0, {"eyes": 1}), (0.1, {"eyes": 0}), (0.2, {"eyes": 1})]
        ...         async for frame in seom.animate(seed=7, keyframes=blink, fps=10):
        ...             print(frame.number, frame.dropped)
        >>> asyncio.run(main())
        0 0
        1 0
        2 0

        See `Client.animate`.
        """
        call = synthesis.animate(
            seed,
            latent,
            keyframes,
            form(psi, cutoff, attributes, keep, class_id, noise, mix, format, quality, size),
            fps=fps,
            pace=pace,
            model=model,
        )
        seconds = synthesis.patience(call) if timeout is None else timeout
        envelope = self._connection.envelope(model, seconds, metadata)
        return AsyncPictureStream(call, self._sender, envelope, self._raise_if_closed)
