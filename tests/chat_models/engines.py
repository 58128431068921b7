"""The processes of vLLM's engines, found from outside."""

from __future__ import annotations

import psutil


def is_engine(process: psutil.Process) -> bool:
    """vLLM names them `VLLM::EngineCore`, but now and then the title does not take."""
    try:
        text = f"{process.name()} {' '.join(process.cmdline())}"
    except psutil.NoSuchProcess:
        return False
    return "EngineCore" in text or "multiprocessing.spawn" in text
