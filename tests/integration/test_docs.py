"""What the documents say is true: their code runs, their commands and files exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from serving.repository.scan import Repository
from tests.conftest import ROOT, SEOM, RunningCluster
from tests.unit.replica.test_bad_images import encoded

DOCUMENTS = ("README.md", "DESIGN.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)


@pytest.mark.cluster
@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_examples_run(
    document: str,
    cluster: RunningCluster,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "street.jpg").write_bytes(encoded())
    for name, photo in (("badge.jpg", "obama.jpg"), ("gate.jpg", "obama3.jpg")):
        shutil.copy(data / "images" / "faces" / photo, tmp_path / name)
    names = {
        "x": np.zeros((1, 3, 112, 112), np.float32),
        "wait": lambda seconds: None,
        "frames": [encoded()] * 3,
    }
    for code in blocks(document, "python"):
        code = code.replace("127.0.0.1:8001", cluster.address)
        exec(compile(code, document, "exec", dont_inherit=True), names)


def told(*arguments: str) -> str:
    return subprocess.run([SEOM, *arguments], capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    known = told("--help")
    for code in blocks(document, "sh"):
        for line in re.split(r"[\n;]|&&", code):
            words = line.partition("#")[0].split()
            if words[:1] == ["make"]:
                assert words[1] in targets, line
            elif words[:1] == ["seom"]:
                assert re.search(rf"^    {words[1]}\s", known, flags=re.M), line
                flags = [word for word in words if word.startswith("--")]
                usage = told(words[1], "--help")
                assert all(flag.partition("=")[0] in usage for flag in flags), line


def test_model_examples_are_understood(tmp_path: Path) -> None:
    (example,) = blocks("README.md", "yaml")
    path = re.match(r"# model_repo/(.*)\n", example)
    assert path
    file = tmp_path / path[1]
    file.parent.mkdir(parents=True)
    file.write_text(example)
    (config,) = Repository(tmp_path, "cpu").models()
    (weights,) = config.weights
    assert weights.file == yaml.safe_load(example)["weights"]["file"]


def test_the_table_of_models_is_the_repository() -> None:
    text = (ROOT / "README.md").read_text()
    for config in Repository(ROOT / "model_repo").models():
        licences = dict.fromkeys(str(weights.licence) for weights in config.weights)
        # A folder of files without digests leaves the licence to the table.
        licence = ", ".join(licences) or "[A-Z].+"
        row = rf"\| `{config.name}` \| {config.family} \|.*\| {licence} \|"
        assert re.search(row, text), config.name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text()):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_every_document_speaks_of_the_project_alone() -> None:
    for document in DOCUMENTS:
        text = (ROOT / document).read_text()
        assert str(ROOT) not in text
        assert not re.search(r"pypi\.org|/root/|/tmp/pro", text), document
