"""Generates the SDK's protocol code from the .proto files beside this script.

    python protos/generate.py            write clients/python/seom/pb
    python protos/generate.py --check    fail if what is there is stale

Two things differ from plain protoc output. The code lives in the package
`seom.pb`, so that no top-level module of ours can meet somebody else's. And its
descriptors live in a pool of their own: protobuf's default pool takes every
symbol once, and NVIDIA's tritonclient brings the same `inference` symbols.
"""

from __future__ import annotations

import argparse
import filecmp
import re
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
TARGET = PROTOS.parent / "clients" / "python" / "seom" / "pb"
HOMES = {
    "seom.v1": "seom.pb.v1",
    "inference": "seom.pb.inference",
    "health.v1": "seom.pb.health.v1",
}
POOL = "from seom.pb._pool import POOL as _pool\n"


def package(path: Path) -> Path:
    """Where a .proto file's code goes below `seom.pb`: seom/v1 → v1."""
    return Path(*[part for part in path.parent.parts if part != "seom"])


def rehome(code: str) -> str:
    """Moves imports into `seom.pb` and descriptors into our own pool."""
    for written, lives in HOMES.items():
        pattern = rf"^from {re.escape(written)} import"
        code = re.sub(pattern, f"from {lives} import", code, flags=re.M)
    code = code.replace("from google.protobuf import descriptor_pool as _descriptor_pool\n", POOL)
    return code.replace("_descriptor_pool.Default()", "_pool")


def generate(into: Path) -> list[Path]:
    """Generates everything below `into`; returns the relative paths written."""
    sources = sorted(path.relative_to(PROTOS) for path in PROTOS.rglob("*.proto"))
    written: list[Path] = []
    with tempfile.TemporaryDirectory() as raw:
        arguments = ["protoc", f"-I{PROTOS}", f"--python_out={raw}", f"--pyi_out={raw}"]
        arguments += [f"--grpc_python_out={raw}", *map(str, sources)]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc refused the .proto files (its message is above)")
        for source in sources:
            for suffix in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py"):
                made = Path(raw) / source.parent / (source.stem + suffix)
                if suffix == "_pb2_grpc.py" and "class " not in made.read_text():
                    continue  # a file without services
                target = package(source) / made.name
                (into / target).parent.mkdir(parents=True, exist_ok=True)
                (into / target).write_text(rehome(made.read_text()))
                written.append(target)
    return written


def stale() -> list[str]:
    """Names the generated files that differ from what the .proto files give."""
    with tempfile.TemporaryDirectory() as fresh:
        made = generate(Path(fresh))
        here = {
            path.relative_to(TARGET)
            for path in TARGET.rglob("*_pb2*.py*")
            if "__pycache__" not in path.parts
        }
        changed = {
            path
            for path in made
            if path not in here or not filecmp.cmp(Path(fresh) / path, TARGET / path, shallow=False)
        }
        return sorted(map(str, changed | (here - set(made))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when stale")
    if parser.parse_args().check:
        if names := stale():
            sys.exit(f"generated code is stale ({', '.join(names)}): run `make protos`")
        return
    for path in generate(TARGET):
        print(TARGET.relative_to(PROTOS.parent) / path)


if __name__ == "__main__":
    main()
