"""What a generator of pictures can be asked, blocking: the part of `Client` for synthesis.

What a request or a picture looks like is the business of `synthesis` and its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from seom import synthesis
from seom._calls import Calls
from seom._pictures import PictureStream
from seom.call import Metadata
from seom.latents import Latent
from seom.looks import Format, Mix, Noise, form
from seom.pictures import AnimationFrame, SynthesizedPicture
from seom.synthesis import STREAM_TIMEOUT, Keyframe, Pace


class SynthesisMethods(Calls):
    """The methods for generators of pictures (StyleGAN)."""

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
    ) -> PictureStream[SynthesizedPicture]:
        """Makes pictures, each from a seed or a latent, and yields them in order.

        >>> with Client() as seom:
        ...     for image in seom.synthesize(seeds=range(4), attributes={"smile": 1.5}):
        ...         image.save(f"{image.seed}.png")
        >>> image.seed, (image.width, image.height)
        (3, (64, 64))

        Pictures come one by one as they are made. Leaving the loop early cancels what is
        left; see `PictureStream`.

        Args:
            seeds: 0 to 2**32 - 1, a picture each; the same seed is the same picture always,
                and the one the official networks draw for it.
            latents: in the place of seeds; such as `return_latents` had brought along.
            model: a synthesis model, or `name@version`; by default the server's own.
            psi: truncation, the distance from the mean picture: 1 as it is, 0 the mean
                itself, -2 to 2; by default the model's own. Latents in W or W+ are taken
                as they are.
            cutoff: truncates only so many layers, the coarsest first; all by default.
            attributes: strengths by name, in standard deviations over the generator's
                pictures. What a model knows, it names when asked for what it does not.
            keep: attributes that are to stay as they are while others move.
            class_id: of a generator that knows classes, which needs it.
            noise: "const", the checkpoint's own, is the default; "random" is drawn from the
                seed; or "none".
            mix: lets some layers listen to another seed or latent.
            format: "png", "jpeg", "webp", or "raw" for plain pixels.
            quality: of JPEG and WebP, 1 to 100; 90 by default.
            size: width and height in pixels, at most the generator's own, the default.
            return_latents: brings each picture's place in W+, which makes it again.
            timeout: seconds for all pictures; ten minutes if it does not say.
            metadata: headers to send along, such as `{"traceparent": …}`.

        Raises:
            TypeError, ValueError: before any call, for an argument that is none.
            InvalidArgument: the model knows no such attribute or class, or a value is out
                of range.
            NotFound: no such model.
        """
        call = synthesis.synthesize(
            seeds,
            latents,
            form(psi, cutoff, attributes, keep, class_id, noise, mix, format, quality, size),
            return_latents=return_latents,
            model=model,
        )
        seconds = STREAM_TIMEOUT if timeout is None else timeout
        envelope = self._connection.envelope(model, seconds, metadata)
        return PictureStream(call, self._sender, envelope, lambda: self._closed)

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
    ) -> PictureStream[AnimationFrame]:
        """Moves one face between keyframes, and yields the frames, each at its time.

        >>> with Client() as seom:
        ...     open_and_shut = [(0.0, {"mouth": 0}), (0.1, {"mouth": 1}), (0.2, {"mouth": 0})]
        ...     for frame in seom.animate(seed=7, keyframes=open_and_shut, fps=10):
        ...         print(frame.number, f"{frame.time:.1f} s", f"{frame.width}×{frame.height}")
        0 0.0 s 64×64
        1 0.1 s 64×64
        2 0.2 s 64×64

        Whoever takes frames slower than they are due misses some (`AnimationFrame.dropped`)
        and stays in time. Leaving the loop early cancels what is left; see `PictureStream`.

        Args:
            seed, latent: the face; one of them.
            keyframes: two or more tuples of a time in seconds, at most 600, and attributes
                with their strengths at it; the first at 0, each later than the one before.
                Between them strengths change evenly; what a keyframe does not name is 0.
            fps: frames per second, above 0, at most 120.
            pace: "real_time"; or "every_frame", as fast as they can be made and taken, for
                a file.
            attributes: for every frame; a keyframe's are added to them.
            timeout: seconds for the whole; ten minutes more than the animation lasts if it
                does not say.

        The others, and what is raised, as for `synthesize`.
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
        return PictureStream(call, self._sender, envelope, lambda: self._closed)
