"""The client: one method for each thing a server can be asked, blocking until it answers.

What a request or an answer looks like is the business of detection, tensor and
control; here calls are only sent and waited for. `AsyncClient` is the same, awaited.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

import grpc

from seom import control, detection, methods, tensor, video
from seom._chat import ChatMethods
from seom._faces import FaceMethods
from seom._gallery import Gallery, galleries
from seom._health import Health
from seom._synthesis import SynthesisMethods
from seom._texts import TextMethods
from seom._video import watch
from seom.call import Metadata
from seom.control import ModelMetadata, ModelState, ModelStatistics, ServerMetadata
from seom.datatypes import Tensor
from seom.detection import Detections
from seom.gallery import GalleryInfo
from seom.images import Photo
from seom.tensor import InferRequest, InferResult, Parameter
from seom.video import Frame, Settings, VideoDetections


class Client(ChatMethods, SynthesisMethods, TextMethods):
    """A connection to a seom server, or to any server of the Open Inference Protocol.

    >>> with Client() as seom:
    ...     for thing in seom.detect("street.jpg", min_score=0.4):
    ...         print(thing.label, f"{thing.score:.2f}", thing.box.center)
    cat 0.90 (32.0, 24.0)
    dog 0.60 (15.0, 15.0)

    It connects with the first call, reconnects by itself, and may be shared by
    threads. gRPC does not survive a fork: make a client in each process, after it
    has started; one brought along from the parent raises RuntimeError.

    Args:
        address: `host:port` (the port is 8001 if left out), or any gRPC name such as
            `dns:///host:port` or `unix:/path`. By default SEOM_ADDRESS, or else
            127.0.0.1:8001.
        token: sent with each call as `authorization: Bearer …`. By default
            SEOM_TOKEN; "" sends none.
        timeout: seconds every call may take, retries included, unless the call
            says otherwise.
        tls: encrypt, and trust the certificate authorities gRPC brings.
        root_certificates: encrypt, and trust these (PEM) instead.
        insecure: send the token unencrypted to another machine all the same.
        retries: send idempotent calls again, up to three times in all, when the
            server is UNAVAILABLE. False sends each call once.

    Raises:
        TypeError, ValueError: for an address, token or timeout that cannot be.

    Every method raises a `SeomError` when its call fails.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls under way fail with `Cancelled`. May be repeated."""
        if channel := self._shut():
            channel.close()

    # Vision

    def detect(
        self,
        photo: Photo,
        *,
        model: str = "",
        min_score: float | None = None,
        max_overlap: float | None = None,
        labels: Sequence[str] = (),
        max_results: int = 0,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Detections:
        """Finds the objects on one picture, best first.

        >>> with Client() as seom:
        ...     found = seom.detect("street.jpg", labels=["dog"])
        >>> found[0].box.width, found.size
        (10.0, (64, 48))

        Args:
            photo: a path, the bytes of a JPEG, PNG or WebP file, a PIL image, or an
                array: RGB (height, width, 3) or gray (height, width), uint8. OpenCV's
                BGR is `image[..., ::-1]`.
            model: a detection model, or `name@version`; by default the server's own.
            min_score: leaves out what is below, 0 to 1; by default the model's own.
            max_overlap: of two boxes of one class that overlap more (intersection
                over union, 0 to 1) only the better is kept; by default the model's own.
            labels: only these; all if empty.
            max_results: at most so many; 0 is the model's own limit.
            metadata: headers to send along, such as `{"traceparent": …}`.

        Raises:
            OSError, TypeError, ValueError: before any call, for a photo that is none.
            InvalidArgument: the server cannot read the picture, or a value is out of range.
        """
        call = detection.detect(
            photo,
            model=model,
            min_score=min_score,
            max_overlap=max_overlap,
            labels=labels,
            max_results=max_results,
        )
        return self._unary(call, timeout, metadata)

    def detect_video(
        self,
        frames: Iterable[Frame],
        *,
        model: str = "",
        further_models: Sequence[str] = (),
        every: int = 1,
        drop_late: bool = False,
        min_score: float | None = None,
        max_overlap: float | None = None,
        labels: Sequence[str] = (),
        max_results: int = 0,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Generator[VideoDetections, None, None]:
        """Finds the objects on the frames of a video: one result for each frame, in order.

        >>> with Client() as seom:
        ...     for found in seom.detect_video(["street.jpg"] * 3, every=2):
        ...         print(found.frame_id, found.outcome, [thing.label for thing in found])
        0 DETECTED ['cat', 'dog']
        1 SKIPPED []
        2 DETECTED ['cat', 'dog']

        A frame that cannot be looked at does not end the stream: its outcome is FAILED and
        its `.error` says why. What ends the stream is raised from here, as is whatever
        `frames` itself raises, after the results of what came before.

        Frames are taken by a thread of gRPC's, a few ahead of the results. Leaving the
        loop early cancels what is left.

        Args:
            frames: photos as for `detect`, or tuples of a number of yours and a photo; the
                number comes back as `frame_id`, which counts from 0 otherwise.
            further_models: take turns with `model`, one frame each.
            every: looks at every n-th frame, beginning with the first.
            drop_late: for cameras: a frame that comes faster than frames can be looked
                at, or than you take the results, gives way to a newer one (DROPPED). By
                default `frames` has to wait, and nothing is lost.
            timeout: seconds the whole stream may take; a day if it does not say.

        The others as for `detect`.
        """
        settings = Settings(
            model, further_models, every, drop_late, min_score, max_overlap, labels, max_results
        )
        seconds = video.DAY if timeout is None else timeout
        envelope = self._connection.envelope(model, seconds, metadata)
        send = self._sender(methods.DETECT_VIDEO)
        return watch(
            partial(send, timeout=envelope.timeout, metadata=envelope.metadata),
            envelope,
            settings,
            frames,
            lambda: self._closed,
        )

    @property
    def faces(self) -> FaceMethods:
        """The methods for faces: `detect`, `embed` and `verify`.

        >>> with Client() as seom:
        ...     len(seom.faces.detect("people.jpg"))
        2
        """
        return FaceMethods(self._unary)

    def gallery(self, name: str, *, model: str = "") -> Gallery:
        """A gallery of people: enrol them, then learn who is on a picture.

        >>> with Client() as seom:
        ...     [face.person for face in seom.gallery("kim").identify("people.jpg")]
        ['Mina', None]
        """
        return Gallery(self, name, model)

    def galleries(
        self, *, model: str = "", timeout: float | None = None
    ) -> Generator[GalleryInfo, None, None]:
        """Your galleries by their names, read page by page; `timeout` is for each page."""
        return galleries(self, model, timeout)

    # Tensors

    def infer(
        self,
        model: str,
        inputs: Mapping[str, Tensor],
        *,
        outputs: Sequence[str] | None = None,
        version: str = "",
        parameters: Mapping[str, Parameter] | None = None,
        request_id: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> InferResult:
        """Runs a model on named tensors.

        >>> import numpy as np
        >>> x = np.ones((1, 4), dtype=np.float32)
        >>> with Client() as seom:
        ...     result = seom.infer("double", {"input0": x})
        >>> result["input0"]
        array([[2., 2., 2., 2.]], dtype=float32)
        >>> result.timing.device_ms, result.timing.queue_ms
        (2.0, 0.5)

        Args:
            inputs: by name, an array (sent as its own dtype, never converted), a list
                of bytes or str for BYTES, or `BF16`.
            outputs: only these; all if None.
            version: by default the latest.
            parameters: of the request. `timing=True` is among them unless set here.
            request_id: names the request in the server's log; by default a fresh one.
            metadata: headers to send along, such as `{"traceparent": …}`.

        Raises:
            TypeError, ValueError: before any call, for inputs no datatype fits.
            NotFound: no such model or version.
            InvalidArgument: the inputs are not the model's.
        """
        request = InferRequest(model, inputs, outputs, version, parameters, request_id)
        return self._unary(tensor.infer(request, metadata), timeout, metadata)

    def infer_stream(
        self,
        requests: Iterable[InferRequest],
        *,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Generator[InferResult, None, None]:
        """Runs many requests over one stream and yields their results in order.

        >>> import numpy as np
        >>> rows = (np.full((1, 2), n, dtype=np.float32) for n in range(3))
        >>> with Client() as seom:
        ...     for result in seom.infer_stream(InferRequest("double", {"x": row}) for row in rows):
        ...         print(result["x"])
        [[0. 0.]]
        [[2. 2.]]
        [[4. 4.]]

        A request that fails does not end the stream: its result has `.error`, and
        raises it when an output is read. What ends the stream is raised from here, as
        is whatever `requests` itself raises, after the results of what came before.

        Requests are taken as fast as the server reads them, by a thread of gRPC's, so
        `requests` may wait for earlier results. `timeout` is for the stream as a
        whole. Leaving the loop early cancels what is left.
        """
        source = iter(requests)
        first = next(source, None)
        if first is None:
            return
        exchange = tensor.Exchange()
        opening = exchange.message(first)
        envelope = self._connection.envelope(first.model, timeout, metadata)

        def messages() -> Iterator[Any]:
            try:
                yield opening
                for request in source:
                    yield exchange.message(request)
            except Exception as error:
                exchange.failure = error

        call = self._sender(methods.STREAM_INFER)(
            messages(), timeout=envelope.timeout, metadata=envelope.metadata
        )
        try:
            for response in call:
                yield exchange.result(response, envelope.request_id)
        except grpc.RpcError as error:
            raise envelope.failure(error, given_up=self._closed) from error
        finally:
            call.cancel()
        if exchange.failure is not None:
            raise exchange.failure

    # The server and its models

    def live(self, *, timeout: float | None = None) -> bool:
        """Whether the server runs at all."""
        return self._unary(control.live(), timeout)

    def ready(self, model: str = "", *, version: str = "", timeout: float | None = None) -> bool:
        """Whether the server, or one model, can take requests."""
        return self._unary(control.ready(model, version), timeout)

    def health(self, model: str = "", *, timeout: float | None = None) -> Health:
        """The health of the server, or of one model, as load balancers ask for it."""
        return self._unary(control.health(model), timeout)

    def server_metadata(self, *, timeout: float | None = None) -> ServerMetadata:
        """The server's name, version and protocol extensions."""
        return self._unary(control.server_metadata(), timeout)

    def metadata(
        self, model: str, *, version: str = "", timeout: float | None = None
    ) -> ModelMetadata:
        """What a model takes and gives.

        >>> with Client() as seom:
        ...     for tensor in seom.metadata("double").inputs:
        ...         print(tensor.name, tensor.datatype, tensor.shape)
        x FP32 (-1, 4)
        """
        return self._unary(control.metadata(model, version), timeout)

    def config(
        self, model: str, *, version: str = "", timeout: float | None = None
    ) -> dict[str, Any]:
        """A model's configuration as Triton has it; what is at its default is left out."""
        return self._unary(control.config(model, version), timeout)

    def statistics(
        self, model: str = "", *, version: str = "", timeout: float | None = None
    ) -> tuple[ModelStatistics, ...]:
        """Totals since the server began, of one model or of all."""
        return self._unary(control.statistics(model, version), timeout)

    def models(
        self, *, ready: bool = False, timeout: float | None = None
    ) -> tuple[ModelState, ...]:
        """The models of the repository and their states; with `ready`, only those that are.

        >>> with Client() as seom:
        ...     [each.name for each in seom.models() if each.ready]
        ['double']
        """
        return self._unary(control.models(ready), timeout)

    def load(self, model: str, *, timeout: float | None = None) -> None:
        """Makes a model of the repository ready; give it the time its weights take."""
        self._unary(control.load(model), timeout)

    def unload(self, model: str, *, timeout: float | None = None) -> None:
        """Stops serving a model; requests under way are finished."""
        self._unary(control.unload(model), timeout)
