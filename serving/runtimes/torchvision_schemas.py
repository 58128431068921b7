"""Lets torchvision's PyPI wheel be imported beside a CPU build of torch.

That wheel's native operators are linked to CUDA; without it they are not registered, and
torchvision then stops at describing two of them: `operator torchvision::nms does not
exist`. vLLM and transformers import torchvision for pictures but call neither operator, so
their names and types are enough. Where the native operators are there, nothing is done.

The fix must reach every process, those that vLLM starts too, so it lives in site-packages,
from where Python runs it at start-up; this file copies itself there:

    .venv/bin/python serving/runtimes/torchvision_schemas.py
"""

from __future__ import annotations

import sys

NAME = "seom_torchvision_schemas"
_TROUBLED = "torchvision._meta_registrations"
_SCHEMAS = {
    name: f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    for name in ("nms", "qnms")
}


class _Finder:
    """Defines what is missing just before the module that describes it is imported.

    By then torchvision has tried to load its native operators.
    """

    library: object = None  # schemas last as long as the library object does

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> None:
        if name != _TROUBLED:
            return
        import torch

        missing = [s for op, s in _SCHEMAS.items() if not hasattr(torch.ops.torchvision, op)]
        if missing:
            cls.library = library = torch.library.Library(  # type: ignore[no-untyped-call]
                "torchvision", "FRAGMENT"
            )
            for schema in missing:
                library.define(schema)  # type: ignore[no-untyped-call]


def activate() -> None:
    """Makes this process ready to import torchvision; costs nothing until it does."""
    if not any(getattr(finder, "__name__", "") == "_Finder" for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder)


def install() -> None:
    """Copies this file to where every process of this environment finds it at start-up."""
    import sysconfig
    from pathlib import Path

    packages = Path(sysconfig.get_path("purelib"))
    (packages / f"{NAME}.py").write_text(Path(__file__).read_text(encoding="utf-8"))
    (packages / f"{NAME}.pth").write_text(f"import {NAME}; {NAME}.activate()\n")


if __name__ == "__main__":
    install()
