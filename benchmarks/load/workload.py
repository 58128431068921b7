"""What a load is: the call, how calls arrive, and the window in which they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.load.schedule import Arrival, Schedule, make

# Of a block: quantiles of whole responses, answers a second; of answers that grow, the
# median time to the first token and tokens a second.
Statistic = Literal["p50", "p90", "p99", "throughput", "ttft", "tokens"]
StageSource = Literal["none", "detect", "detect_faces"]
# How an answer comes: in one piece, or growing, as seom.v1's ChatDelta messages over gRPC
# or as OpenAI's server-sent events over HTTP/1.1.
Form = Literal["whole", "deltas", "events"]


@dataclass(frozen=True)
class Closed:
    """`concurrency` clients, each sending its next request when it has its answer."""

    concurrency: int = 1


@dataclass(frozen=True)
class Open:
    """`rate` requests a second whatever the server does."""

    rate: float
    arrival: Arrival = "poisson"


@dataclass(frozen=True)
class Call:
    """A method and the bytes to send it, serialised before anything is timed.

    A unary call takes the next of `messages` each time, and so does one whose answer
    grows; a streaming one sends all of them and reads until the server ends the stream.

    method: of gRPC; the path of a POST where the answer comes as events
    stages: names the way to find the server's own timing in an answer
    tokens: how many a growing answer must have; others count as failed
    """

    method: str
    messages: tuple[bytes, ...]
    streaming: bool = False
    metadata: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 10.0
    stages: StageSource = "none"
    form: Form = "whole"
    tokens: int = 0


@dataclass(frozen=True)
class Workload:
    """A call under a load, and the statistic by which targets are compared on it.

    also: further statistics that claims may be about
    """

    name: str
    title: str
    call: Call
    load: Closed | Open
    statistic: Statistic
    also: tuple[Statistic, ...] = ()

    def schedule(self, window: Window, seed: int) -> Schedule | None:
        """The intended times over warm-up and measurement; None for a closed loop."""
        if isinstance(self.load, Closed):
            return None
        return make(self.load.arrival, self.load.rate, window.total_s, seed)


@dataclass(frozen=True)
class Window:
    """A block's time. The warm-up runs on into the measurement undrained: a pause
    between them would put the burst of a cold start into the figures."""

    warmup_s: float
    measure_s: float

    @property
    def total_s(self) -> float:
        return self.warmup_s + self.measure_s
