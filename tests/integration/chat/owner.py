"""A process that owns an engine: tells a story, names the engine's processes, and waits.

python -m tests.integration.chat.owner FOLDER
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import psutil

from serving.models.base import Device
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.options import EngineOptions
from serving.runtimes.vllm.types import Sampling

BOS = 1


async def main(folder: Path) -> None:
    engine = Engine(folder, EngineOptions(kv_cache="64MiB", sequences=2), Device())
    engine.start()
    await engine.ready()
    story = ""
    greedy = Sampling(temperature=0.0, max_tokens=64)
    async for delta in engine.generate(engine.tokens([BOS]), greedy, tenant="a"):
        story += delta.text
    processes = [child.pid for child in psutil.Process().children(recursive=True)]
    print(json.dumps({"story": story, "processes": processes}), flush=True)
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
