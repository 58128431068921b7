"""Weights are what model.yaml says, however they came."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serving.repository.config import (
    Batching,
    Limits,
    ModelConfig,
    Resources,
    Weights,
)
from serving.repository.weights import WeightsError, digest, ensure

CONTENT = bytes(range(256)) * 20_000  # 5 MB


class Upstream(BaseHTTPRequestHandler):
    """Serves CONTENT with Range; the server's `script` lists how each answer goes wrong."""

    def do_GET(self):
        server = self.server
        wrong = server.script.pop(0) if server.script else "nothing"
        start = 0
        if (asked := self.headers["Range"]) and wrong != "ignores range":
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        server.asked.append(start)
        if wrong.isdigit():
            return self.send_error(int(wrong))
        if start >= len(server.content):
            return self.send_error(416)
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-/{len(server.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if wrong == "cut" else body)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.content, server.script, server.asked = CONTENT, [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def configure(tmp_path, monkeypatch, upstream):
    monkeypatch.delenv("SEOM_MIRROR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def configure(**changes) -> ModelConfig:
        values = {
            "file": "1/model.onnx",
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "url": f"http://127.0.0.1:{upstream.server_port}/upstream.onnx",
            "licence": None,
            "part": "",
        }
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        return ModelConfig(
            name="model",
            version="1",
            latest=True,
            default=False,
            profile="cpu",
            folder=folder,
            family="tensor",
            # Real files have https only; a test's own server speaks plain http.
            weights=(Weights.model_construct(**values | changes),),
            batching=Batching(),
            resources=Resources(),
            limits=Limits(),
            enabled=True,
            options=None,
        )

    return configure


def files(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_weights_are_downloaded_once_and_progress_is_told(configure, upstream):
    config = configure()
    told = []
    path = ensure(config, progress=lambda done, total: told.append((done, total)))
    assert path == config.folder / "1" / "model.onnx"
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert ensure(config) == path
    assert upstream.asked == [0]
    assert files(config.folder) == ["model.onnx"]


def test_a_cut_connection_is_continued_where_it_broke(configure, upstream):
    upstream.script += ["cut", "503", "cut", "nothing"]
    path = ensure(configure(), pause=0)
    assert path.read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert upstream.asked == [0, half, half, half + half // 2]


def test_a_later_run_continues_too(configure, upstream):
    upstream.script += ["cut"] + ["503"] * 5
    config = configure()
    with pytest.raises(WeightsError, match="is kept"):
        ensure(config, pause=0)
    assert files(config.folder) == ["model.onnx.part"]
    upstream.asked.clear()
    assert ensure(config).read_bytes() == CONTENT
    assert upstream.asked == [len(CONTENT) // 2]


def test_a_server_without_range_starts_over(configure, upstream):
    upstream.script += ["cut", "ignores range"]
    assert ensure(configure(), pause=0).read_bytes() == CONTENT


def test_a_part_of_something_else_is_thrown_away(configure, upstream):
    config = configure()
    (config.folder / "1").mkdir()
    (config.folder / "1" / "model.onnx.part").write_bytes(b"something else")
    assert ensure(config).read_bytes() == CONTENT
    assert upstream.asked == [14, 0]


def test_a_part_that_was_whole_already_is_used(configure, upstream):
    config = configure()
    (config.folder / "1").mkdir()
    (config.folder / "1" / "model.onnx.part").write_bytes(CONTENT)
    assert ensure(config).read_bytes() == CONTENT
    assert upstream.asked == [len(CONTENT)]


def test_the_wrong_file_is_refused_and_not_left_behind(configure, upstream):
    upstream.content = CONTENT[:-1] + b"!"
    config = configure()
    with pytest.raises(WeightsError, match="sha256"):
        ensure(config)
    assert files(config.folder) == []


def test_a_damaged_file_is_fetched_anew(configure):
    config = configure()
    path = ensure(config)
    path.write_bytes(b"damaged")
    assert ensure(config).read_bytes() == CONTENT


def test_a_file_that_upstream_lost_is_said_so_at_once(configure, upstream):
    upstream.script += ["404"]
    with pytest.raises(WeightsError, match="404"):
        ensure(configure())
    assert len(upstream.asked) == 1


def test_many_callers_download_once(configure, upstream):
    config = configure()
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: ensure(config), range(8)))
    assert len(paths) == 1
    assert upstream.asked == [0]


@pytest.mark.parametrize("name", ["model.onnx", "upstream.onnx", "by hash"])
def test_a_mirror_comes_before_the_network(configure, upstream, tmp_path, monkeypatch, name):
    config = configure()
    place = tmp_path / "mirror" / "deep" / "down"
    place.mkdir(parents=True)
    (place / (config.weights[0].sha256 if name == "by hash" else name)).write_bytes(CONTENT)
    (place.parent / "model.onnx").write_bytes(b"another file of that name")
    monkeypatch.setenv("SEOM_MIRROR", str(tmp_path / "mirror"))
    told = []
    path = ensure(config, progress=lambda *progress: told.append(progress))
    assert path == config.folder / "1" / "model.onnx"
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert upstream.asked == []


def test_a_mirror_without_the_file_is_no_obstacle(configure, upstream, tmp_path, monkeypatch):
    monkeypatch.setenv("SEOM_MIRROR", str(tmp_path / "nowhere"))
    assert ensure(configure()).read_bytes() == CONTENT
    assert upstream.asked == [0]


def test_a_local_file_needs_no_hash_and_a_download_does(configure):
    config = configure(sha256=None)
    with pytest.raises(WeightsError, match="a url and a sha256"):
        ensure(config)
    (config.folder / "1" / "model.onnx").write_bytes(b"mine")
    assert ensure(config).read_bytes() == b"mine"


def test_a_read_only_folder_is_served_from_the_cache(configure, monkeypatch, tmp_path):
    config = configure()
    writable = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: path != config.folder and writable(path, mode)
    )
    path = ensure(config)
    assert path.is_relative_to(tmp_path / "cache")
    assert path.read_bytes() == CONTENT
    assert files(config.folder) == []


@pytest.mark.parametrize("link", ["1", "1/model.onnx"])
def test_weights_that_lead_out_of_their_folder_are_refused(configure, tmp_path, link):
    config = configure()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "model.onnx").write_bytes(CONTENT)
    target = config.folder / link
    target.parent.mkdir(exist_ok=True)
    target.symlink_to(outside if link == "1" else outside / "model.onnx")
    with pytest.raises(WeightsError, match="out of its folder"):
        ensure(config)


def test_a_model_without_weights_has_none(configure):
    with pytest.raises(WeightsError, match="no weights"):
        ensure(configure().model_copy(update={"weights": ()}))


def test_the_digest_is_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert digest(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()
