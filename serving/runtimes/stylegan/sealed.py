"""The process that opens a pickle: bounded in memory and time, and sealed against code.

    python -m serving.runtimes.stylegan.sealed PICKLE OUT WHICH MEMORY SECONDS

Writes model.safetensors and config.json into OUT; what is wrong goes to standard output as
one line. The unpickler executes nothing as it is; the seal is there for the day when that
turns out to be wrong, and refuses what Python would have to do to run something.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from serving.runtimes.stylegan.pickled import generator
from serving.runtimes.stylegan.unpickle import Refused, read

REFUSED = 3
# Audit events of running, importing or reaching anything.
_FORBIDDEN = ("exec", "compile", "import", "open", "os.", "subprocess.", "socket.", "ctypes.",
              "shutil.", "code.", "marshal.", "mmap.")  # fmt: skip


def main(pickle: Path, out: Path, which: str, memory: int, seconds: int) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with pickle.open("rb") as file, _sealed():
            tensors, arguments = generator(read(file), which)
        save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    except Refused as refused:
        print(refused)
        return REFUSED
    except OSError:
        print("the pickle cannot be opened, or the result not written")
        return REFUSED
    except MemoryError:
        print("the pickle wants more memory than it may have")
        return REFUSED
    text = json.dumps(arguments, indent=1, allow_nan=False)
    (out / "config.json").write_text(text + "\n", encoding="utf-8")
    return 0


@contextmanager
def _sealed() -> Iterator[None]:
    """Python itself refuses the events above meanwhile; a hook cannot be taken off again."""
    closed = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if closed and event.startswith(_FORBIDDEN):
            raise Refused(f"the pickle tried to {event}, which is not allowed")

    sys.addaudithook(hook)
    try:
        yield
    finally:
        closed = False


if __name__ == "__main__":
    code = main(
        Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    )
    sys.stdout.flush()
    # No destructor of what was read is waited for.
    os._exit(code)
