"""What serving a language model costs over its engine, and beside vLLM's own server.

All targets run the same engine on the same folder with the same settings, and all are
asked the same: so whatever differs is what lies between the engine and the client.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.load import growth
from benchmarks.load.workload import Call, Closed, Workload
from benchmarks.peers.engine import EngineLoop
from benchmarks.scenarios import servers
from benchmarks.scenarios.scenario import Loop, Scenario, Target, TargetError
from benchmarks.stats.claims import Claim
from seom.pb.v1 import chat_pb2

MODEL = "talker"
CLIENTS = 32
TOKENS = 128
FEW = 32  # of a lone client: short answers are more first tokens
_START_S = 240.0  # vLLM's server alone takes a minute where cores are few and busy

# Everything that is a choice is made here, for all targets: vLLM's own defaults differ
# from ours, and from one way of starting it to another.
_SETTINGS = """\
family: chat
weights: {{folder: "1"}}
dtype: float32
context: 512
sequences: {sequences}
step_tokens: 2048
kv_cache: 256MiB
block: 32
resources: {{cpus: 1}}
"""
_NOTES = {
    "engine": "the engine in a process of its own, no network: conversations in, replies out",
    "edge": "our cluster: HAProxy edge, direct-ingress replica; ChatStream over one channel",
    "vllm": "`vllm serve` with our engine settings and our process layout (uni executor, one "
    "OpenMP thread), without statistics and access log; /v1/chat/completions, server-sent "
    "events over kept HTTP/1.1 connections",
    "vllm-own": "the same with processes, threads and logging as vLLM chooses them",
    "bare": "the replica's face on grpc.aio, without Ray and edge",
}
NAMES = tuple(_NOTES)


def build(
    names: Mapping[str, str | None],
    model: Path,
    folder: Path,
    *,
    clients: int = CLIENTS,
    tokens: int = TOKENS,
    seed: int = 1,
) -> Scenario:
    """names: targets in order, each with the address of a running server or None.

    model: in Hugging Face's layout; it is copied
    folder: where the repository may be written
    """
    repository = write_repository(folder, model, max(clients, 1))
    call = Call("/seom.v1.ChatService/ChatStream", (), timeout_s=60.0, form="deltas")
    one = Workload(
        "one",
        "one client",
        _ask(call, min(tokens, FEW), seed),
        Closed(1),
        "ttft",
        also=("tokens",),
    )
    many = Workload(
        "many",
        f"{clients} clients",
        _ask(call, tokens, seed),
        Closed(clients),
        "tokens",
        also=("ttft",),
    )
    return Scenario(
        name="chat",
        workloads=(one, many),
        targets=[_target(name, address, repository) for name, address in names.items()],
        claims=_claims(list(names)),
        check=SameText(),
        notes={
            "model": f"temperature 0, {tokens} tokens an answer ({min(tokens, FEW)} for one "
            "client), as many for every target; all say the same text",
            "engine settings": " ".join(_SETTINGS.format(sequences=clients).split("\n")[2:]),
            **{name: text for name, text in _NOTES.items() if name in names},
        },
    )


def write_repository(folder: Path, model: Path, sequences: int) -> Path:
    """A model repository with the model `talker`."""
    if not (model / "config.json").is_file():
        raise TargetError("the model's folder has no config.json; it must be Hugging Face's layout")
    home = folder / "cpu" / MODEL
    shutil.copytree(model, home / "1")
    (home / "model.yaml").write_text(_SETTINGS.format(sequences=sequences))
    return folder


def prompts(seed: int, count: int = 16) -> list[str]:
    """Beginnings of stories, different enough not to share a cached prefix of use."""
    random = np.random.Generator(np.random.PCG64(seed))
    names = ("Lily", "Tom", "Mia", "Ben", "Sue", "Max", "Anna", "Tim")
    things = ("a red ball", "a big dog", "an old tree", "a blue bird", "the sea", "a small box")
    made = []
    for _ in range(count):
        who, thing = random.choice(names), random.choice(things)
        made.append(f"{who} went to the park with a friend and saw {thing}. {who} said,")
    return made


def _ask(call: Call, tokens: int, seed: int) -> Call:
    """The call with requests for answers of exactly so many tokens."""
    messages = []
    for prompt in prompts(seed):
        request = chat_pb2.ChatRequest(model_name=MODEL)
        request.messages.add(role=chat_pb2.Message.USER).parts.add(text=prompt)
        request.sampling.temperature = 0.0
        request.sampling.min_tokens = request.sampling.max_tokens = tokens
        messages.append(request.SerializeToString())
    route = (("application", MODEL),)  # as the SDK sends it
    return replace(call, messages=tuple(messages), metadata=route, tokens=tokens)


def as_openai(call: Call) -> Call:
    """The same requests for a server that speaks OpenAI's HTTP."""
    bodies = []
    for message in call.messages:
        request = chat_pb2.ChatRequest.FromString(message)
        body = {
            "model": request.model_name,
            "messages": [{"role": "user", "content": request.messages[0].parts[0].text}],
            "temperature": request.sampling.temperature,
            "max_completion_tokens": request.sampling.max_tokens,
            "min_tokens": request.sampling.min_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        bodies.append(json.dumps(body).encode())
    path = "/v1/chat/completions"
    return replace(call, method=path, messages=tuple(bodies), metadata=(), form="events")


class SameText:
    """Raises TargetError unless every target says what the first one said, as long."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def __call__(self, workload: Workload, answers: list[bytes]) -> None:
        call = workload.call
        found = growth.read(call.form, [(1, answer) for answer in answers])
        if found.tokens != call.tokens:
            raise TargetError(f"{workload.name}: {found.tokens} tokens, not {call.tokens}")
        if not found.text:
            raise TargetError(f"{workload.name}: the answer has no text")
        said = self._said.setdefault(workload.name, found.text)
        if found.text != said:
            raise TargetError(f"{workload.name}: targets differ: {said!r} and {found.text!r}")


def _target(name: str, address: str | None, repository: Path) -> Target | Loop:
    if name == "engine":
        loop = EngineLoop(repository, MODEL)
        return Loop(name, loop, loop.probe)
    endpoint = servers.running(address) if address else _endpoint(name, repository)
    return Target(name, endpoint, translate=as_openai if name.startswith("vllm") else None)


def _endpoint(name: str, repository: Path) -> AbstractContextManager[str]:
    where = ("--repo", str(repository), "--model", MODEL)
    match name:
        case "edge":
            return servers.cluster(repository, [MODEL], start_s=_START_S)
        case "bare":
            return servers.module("serving.replica.bare", *where, start_s=_START_S)
        case "vllm" | "vllm-own":
            layout = "own" if name == "vllm-own" else "ours"
            return _over_http("benchmarks.peers.vllm_server", *where, "--layout", layout)
    raise TargetError(f"no target {name!r}; there are {', '.join(NAMES)}, or name=host:port")


@contextmanager
def _over_http(module: str, *arguments: str) -> Iterator[str]:
    with servers.module(module, *arguments, start_s=_START_S) as address:
        yield f"http://{address}"


def _claims(names: list[str]) -> list[Claim]:
    """What is claimed of the edge; of everything else the same comparisons are told."""
    at_most: Literal["at most", "at least"] = "at most"
    claims = [
        Claim("many", "edge", "engine", "at least", 0.9),
        Claim("one", "edge", "engine", at_most, 3.0, of="difference"),
        Claim("many", "edge", "vllm", "at least", 1.0),
        Claim("many", "edge", "vllm", at_most, 1.0, statistic="ttft"),
        Claim("one", "edge", "vllm", at_most, 1.0),
    ]
    pairs = [(ours, name) for ours in ("edge", "bare") for name in names if ours in names]
    compared = [
        claim
        for ours, name in pairs
        if name not in ("edge", ours)
        for claim in (
            Claim("many", ours, name),
            Claim("many", ours, name, statistic="ttft"),
            Claim("one", ours, name, of="difference" if name == "engine" else "ratio"),
            Claim("one", ours, name, statistic="tokens"),
        )
    ]
    made = {(c.workload, c.target, c.against, c.statistic) for c in claims}
    return claims + [
        c for c in compared if (c.workload, c.target, c.against, c.statistic) not in made
    ]
