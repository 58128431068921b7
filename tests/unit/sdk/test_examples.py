"""Every docstring example runs, against a real server."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import seom

from .server import Server

MODULES = ["seom", *(f"seom.{info.name}" for info in pkgutil.iter_modules(seom.__path__))]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(
    name: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for photo in ("street.jpg", "people.jpg", "badge.jpg", "gate.jpg"):
        (tmp_path / photo).write_bytes(b"the server does not look")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEOM_ADDRESS", server.address)
    module = importlib.import_module(name)
    public = {each: getattr(seom, each) for each in seom.__all__}
    assert doctest.testmod(module, extraglobs=public).failed == 0


def test_there_are_examples_at_all() -> None:
    finder = doctest.DocTestFinder()
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name))]
    assert sum(len(test.examples) for test in found) >= 15
