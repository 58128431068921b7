"""The chat model's engine without a server: conversations go in, replies come out, here.

The same engine with the same options as behind our edge, in a process that does nothing
else: what is missing to its figures is what serving costs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter_ns as now
from typing import Any

from benchmarks.load.record import Measured, Records, Row
from benchmarks.load.workload import Call, Closed, Window, Workload
from benchmarks.peers.process import OwnProcess, serve

# The replies to a serialised ChatRequest.
Reply = Callable[[bytes], AsyncIterator[Any]]


class EngineLoop(OwnProcess):
    """Starts the engine of a repository's chat model on entering."""

    def __init__(self, repository: Path, model: str, profile: str = "cpu") -> None:
        super().__init__(_main, repository, model, profile)

    def probe(self, call: Call) -> list[bytes]:
        """The reply to the first message, as the ChatDeltas a server would send."""
        self.send(call)
        answers: list[bytes] = self.receive(call.timeout_s + 60)
        return answers


def _main(pipe: Connection, repository: Path, name: str, profile: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    with _quietly():
        _serve(pipe, repository, name, profile)
    os._exit(0)  # vLLM's objects would fail on their way through the interpreter's end


def _serve(pipe: Connection, repository: Path, name: str, profile: str) -> None:
    import uvloop  # as in a replica, and in vLLM's own server

    from seom.pb.v1 import chat_pb2
    from serving.models.base import Device
    from serving.repository.scan import Repository
    from serving.runtimes.vllm.conversation import Conversations
    from serving.runtimes.vllm.engine import Engine
    from serving.runtimes.vllm.types import Conversation, Message, Text
    from serving.services.chat import parse_chat

    config = Repository(repository, profile).find(name)
    device = Device(threads=max(1, round(config.resources.cpus)), gpu=config.resources.gpus > 0)
    engine = Engine(config.folder / config.version, config.options, device, name)
    engine.start()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(engine.ready())
        conversations = Conversations(engine)
        conversations.warm_up()

        def reply(message: bytes) -> AsyncIterator[Any]:
            chat = parse_chat(chat_pb2.ChatRequest.FromString(message))
            turns = []
            for turn in chat.turns:
                texts = tuple(part for part in turn.parts if isinstance(part, Text))
                turns.append(Message(turn.role, texts))
            conversation = Conversation(tuple(turns), chat.sampling)
            return conversations.reply(conversation, tenant="default")

        async def probe(message: bytes) -> list[bytes]:
            deltas = []
            async for delta in reply(message):
                told = chat_pb2.ChatDelta(text=delta.text)
                if delta.raw.usage:
                    told.usage.completion_tokens = delta.raw.usage.completion
                deltas.append(told.SerializeToString())
            return deltas

        def answer(job: Call | tuple[Workload, Window]) -> Any:
            if isinstance(job, Call):
                return runner.run(probe(job.messages[0]))
            return runner.run(_measure(reply, *job))

        serve(pipe, answer)
        runner.run(engine.close())


@contextmanager
def _quietly() -> Iterator[None]:
    """What vLLM and torch have to say about themselves is shown only when they fail."""
    before = [os.dup(file) for file in (1, 2)]
    with tempfile.TemporaryFile() as log:
        for file in (1, 2):
            os.dup2(log.fileno(), file)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(before[1], log.read())
            raise
        finally:
            for file, kept in zip((1, 2), before, strict=True):
                os.dup2(kept, file)
                os.close(kept)


async def _measure(reply: Reply, workload: Workload, window: Window) -> Measured:
    """Clients as in a closed loop of the generator's, each awaiting the end of its reply."""
    assert isinstance(workload.load, Closed)
    messages = workload.call.messages
    rows: list[Row] = []
    turn = 0
    cpu, begin = time.process_time(), now()
    start = begin + int(window.warmup_s * 1e9)
    end = begin + int(window.total_s * 1e9)

    async def client() -> None:
        nonlocal turn
        while (free := now()) < end:
            message = messages[turn % len(messages)]
            turn += 1
            rows.append(await _one(reply, message, free, workload.call.tokens))

    async with asyncio.TaskGroup() as clients:
        for _ in range(workload.load.concurrency):
            clients.create_task(client())
    cpu = time.process_time() - cpu
    return Measured(Records.of(rows), start, end, cpu / ((now() - begin) / 1e9))


async def _one(reply: Reply, message: bytes, free: int, expected: int) -> Row:
    first = pieces = tokens = 0
    async with aclosing(reply(message)) as deltas:  # type: ignore[type-var]
        async for delta in deltas:
            if delta.text:
                first = first or now()
                pieces += 1
            if delta.raw.usage:
                tokens = delta.raw.usage.completion
    last = now()
    status = 0 if tokens == expected else 15  # DATA_LOSS
    return Row(free, free, first or last, last, status, len(message), 0, pieces, tokens)
