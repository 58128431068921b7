"""Weights on disk that are what model.yaml says: fetched once, verified, never half there.

They are looked for in the model's folder, then in the directory that SEOM_MIRROR names,
then at the URL upstream. What is found is copied into the model's folder, or into a cache
where that folder cannot be written. Nothing unverified ever has the final name.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeAlias

from serving.repository.config import CheckpointFile, ModelConfig, Weights

Progress: TypeAlias = Callable[[int, int | None], None]

_BLOCK = 2**20
_ATTEMPTS = 6
_PAUSE_S = 0.5  # before the second attempt; doubled for each further one
_TIMEOUT_S = 30.0


class WeightsError(Exception):
    """Weights that are not to be had, or not the right ones; for whoever runs the server."""


def ensure(
    config: ModelConfig,
    part: str = "",
    progress: Progress | None = None,
    *,
    pause: float = _PAUSE_S,
) -> Path:
    """The verified file of a model's weights, or of one part of them, fetched if it is not there.

    `progress` is called with the bytes so far and their total, None while unknown.
    Raises WeightsError.
    """
    for weights in config.weights:
        if weights.part == part:
            break
    else:
        missing = f"no weights of the part {part!r}" if part else "no weights"
        raise WeightsError(f"{config.name} has {missing}: its model.yaml names none")
    target = config.folder / weights.file
    _refuse_links_outside(config, target)
    if _fits(target, weights):
        return target
    target = _writable(config, weights)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.parent):
        if not _fits(target, weights):  # another process may have been first
            unfinished = target.with_name(target.name + ".part")
            _fetch(config.name, weights, unfinished, progress, pause)
            unfinished.replace(target)
    return target


def ensure_all(config: ModelConfig, progress: Progress | None = None) -> None:
    """`ensure` for every part; `progress` begins anew with each."""
    for weights in config.weights:
        ensure(config, weights.part, progress)


def ensure_folder(config: ModelConfig) -> Path:
    """The folder of a version whose weights are many files, each of them verified.

    Raises WeightsError.
    """
    if not config.weights:
        folder = config.folder / config.version
        if not folder.is_dir():
            raise WeightsError(f"{config.name}: its folder {config.version} is not there")
        _refuse_links_outside(config, folder)
        return folder
    found = {weights.file: ensure(config, weights.part) for weights in config.weights}
    # Each file lies `depth` folders below the version's own.
    folders = {path.parents[file.count("/") - 1] for file, path in found.items()}
    if len(folders) > 1:
        raise WeightsError(f"{config.name}: its weights lie in several folders; empty the cache")
    return folders.pop()


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(
    name: str, weights: Weights, part: Path, progress: Progress | None, pause: float
) -> None:
    """Leaves verified weights in `part`, or nothing."""
    source = _mirrored(weights)
    resumed = part.exists()
    if source is not None:
        _copy(source, part, progress)
    elif weights.url is not None and weights.sha256 is not None:
        _download(name, weights.url, part, progress, pause)
        if resumed and not _fits(part, weights):  # what was there was something else
            part.unlink()
            _download(name, weights.url, part, progress, pause)
    else:
        raise WeightsError(
            f"{name}: {weights.file} is not there; put it into the model's folder or into the "
            "folder SEOM_MIRROR names, or give model.yaml a url and a sha256"
        )
    if not _fits(part, weights):
        part.unlink(missing_ok=True)
        raise WeightsError(f"{name}: the weights found do not have the sha256 of model.yaml")


def _fits(path: Path, weights: Weights) -> bool:
    if not path.is_file():
        return False
    return weights.sha256 is None or digest(path) == weights.sha256


def _refuse_links_outside(config: ModelConfig, target: Path) -> None:
    folder = config.folder.resolve()
    if not target.resolve().is_relative_to(folder):
        raise WeightsError(f"{config.name}: its weights lead out of its folder")


def _writable(config: ModelConfig, weights: Weights) -> Path:
    """The file's place in the model's folder, or in the user's cache where that is read-only."""
    target = config.folder / weights.file
    folder = target.parent if target.parent.exists() else config.folder
    if os.access(folder, os.W_OK):
        return target
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    shelf = Path(home) / "seom" / "weights"
    if isinstance(weights, CheckpointFile):
        return shelf / weights.together / weights.part
    return shelf / (weights.sha256 or config.name) / target.name


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One process at a time per folder; the lock is the folder itself and leaves nothing."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # File systems that cannot lock a folder (some NFS) do without: the final rename is
        # atomic and the hash is checked, so that the worst is a wasted download.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _mirrored(weights: Weights) -> Path | None:
    """The file in the mirror, by one of its names; only one of the right hash counts."""
    mirror = os.environ.get("SEOM_MIRROR")
    if not mirror or not Path(mirror).is_dir():
        return None
    names = {Path(weights.file).name, weights.sha256}
    if weights.url is not None:
        names.add(weights.url.rpartition("/")[2])
    for folder, folders, files in os.walk(mirror):
        folders.sort()
        for name in sorted(names.intersection(files), key=str):
            path = Path(folder, str(name))
            if _fits(path, weights):
                return path
    return None


def _copy(source: Path, part: Path, progress: Progress | None) -> None:
    total = source.stat().st_size
    with source.open("rb") as reading, part.open("wb") as writing:
        _pour(reading, writing, 0, total, progress)


def _download(name: str, url: str, part: Path, progress: Progress | None, pause: float) -> None:
    """Continues `part` until it is whole, from where an earlier attempt was cut off."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            threading.Event().wait(pause * 2 ** (attempt - 1))
        try:
            _download_rest(url, part, progress)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 and error.code != 429:
                raise WeightsError(
                    f"{name}: upstream has no such file (HTTP {error.code}); correct its url"
                ) from None
        except (OSError, http.client.HTTPException):
            pass
    raise WeightsError(
        f"{name}: the download failed {_ATTEMPTS} times; what has arrived is kept, try again"
    )


def _download_rest(url: str, part: Path, progress: Progress | None) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "seom"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # Nothing is left to send: the part is whole, or is of another file. The hash decides.
        error.close()
        return
    with response:
        resumed = response.status == 206 and _starts_at(response, have)
        if not resumed:
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if resumed else "wb") as writing:
            done = _pour(response, writing, have, total, progress)
    if total is not None and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _starts_at(response: http.client.HTTPResponse, have: int) -> bool:
    return (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-")


def _pour(
    reading: IO[bytes] | http.client.HTTPResponse,
    writing: IO[bytes],
    done: int,
    total: int | None,
    progress: Progress | None,
) -> int:
    while block := reading.read(_BLOCK):
        writing.write(block)
        done += len(block)
        if progress is not None:
            progress(done, total)
    return done
