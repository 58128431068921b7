"""Processes are known by more than their id, folders by their owner, and one start wins."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace

import psutil
import pytest

from serving.cluster.state import ClusterHome, ClusterState, Process, end


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEOM_HOME", str(tmp_path))
    return ClusterHome(1234)


@pytest.fixture
def sleeper():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield child
    child.kill()
    child.wait()


def state_of(process):
    return ClusterState(process, "127.0.0.1:1234", "cpu", "/models", children=[process])


def test_a_process_is_found_and_ended(sleeper):
    process = Process.of(psutil.Process(sleeper.pid))
    found = process.find()
    assert found is not None
    assert found.pid == sleeper.pid
    end([process])
    assert process.find() is None


def test_a_recycled_id_is_never_signalled(sleeper):
    earlier = replace(Process.of(psutil.Process(sleeper.pid)), started=1.0)
    assert earlier.find() is None
    end([earlier])
    assert sleeper.poll() is None


def test_a_cluster_runs_as_long_as_its_supervisor(home):
    home.create()
    me = Process.of(psutil.Process())
    state = state_of(me)
    home.write(state)
    assert home.read() == state == home.running()
    state.supervisor = replace(me, started=me.started - 5)
    home.write(state)
    assert home.read() == state
    assert home.running() is None
    home.remove_state()
    assert home.read() is None


def test_one_holds_a_folder_at_a_time(home):
    with home.exclusive():
        with pytest.raises(BlockingIOError):
            with home.exclusive():
                pass
    with home.exclusive():
        pass


def test_the_folders_are_closed_to_others(tmp_path, monkeypatch):
    monkeypatch.delenv("SEOM_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    root = tmp_path / f"seom-{os.getuid()}"
    root.mkdir(mode=0o755)
    home = ClusterHome(1234)
    home.create()
    assert {folder.stat().st_mode & 0o777 for folder in (root, home.folder)} == {0o700}


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("SEOM_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"seom-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="no folder of yours"):
        ClusterHome(1234).create()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_foreign_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("SEOM_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    root = tmp_path / f"seom-{os.getuid()}"
    root.mkdir()
    os.chown(root, 12345, 12345)
    with pytest.raises(PermissionError, match="no folder of yours"):
        ClusterHome(1234).create()
