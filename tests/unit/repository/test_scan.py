from __future__ import annotations

import pickle

import pytest

from serving.errors import InvalidArgument, NotFound
from serving.repository.config import ConfigError
from serving.repository.scan import Repository
from tests.small_models import write_repository


@pytest.fixture
def root(tmp_path):
    return write_repository(tmp_path)


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.yaml").write_text(text)


TWO = """
family: tensor
weights: [{file: 1/model.onnx}, {file: 10/model.onnx}, {file: 9/model.onnx}]
versions: all
"""


def test_it_lists_the_models_of_its_profiles(root):
    write(root / "gpu" / "large", "family: tensor\nweights: {file: 1/model.onnx}\n")
    cpu = [model.name for model in Repository(root, "cpu").models()]
    assert sorted(set(cpu)) == sorted(folder.name for folder in (root / "cpu").iterdir())
    assert "pair" in cpu
    every = [model.name for model in Repository(root, ("gpu", "cpu")).models()]
    assert every == ["large", *cpu]
    assert Repository(root, "reference").models() == ()


def test_a_version_is_found_by_its_number_and_the_latest_without(root):
    write(root / "cpu" / "many", TWO)
    repository = Repository(root, "cpu")
    assert repository.find("many").version == "10"
    assert repository.find("many@9").version == "9"
    assert repository.find("many@10").application == "many"
    assert [m.application for m in repository.models() if m.name == "many"] == [
        "many",
        "many@9",
        "many@1",
    ]


def test_a_version_may_have_several_files(root):
    files = "[{part: a, file: 1/a.onnx}, {part: b, file: 1/b.onnx}, {part: a, file: 2/a.onnx}]"
    write(root / "cpu" / "parts", f"family: tensor\nversions: all\nweights: {files}\n")
    newest, oldest = (m for m in Repository(root, "cpu").models() if m.name == "parts")
    assert [weights.file for weights in newest.weights] == ["2/a.onnx"]
    assert {weights.part: weights.file for weights in oldest.weights} == {
        "a": "1/a.onnx",
        "b": "1/b.onnx",
    }
    write(root / "cpu" / "parts", "family: tensor\nweights: [{file: 1/a}, {file: 1/b}]\n")
    with pytest.raises(ConfigError, match="two entries of one version and one `part`"):
        Repository(root, "cpu")


def test_what_is_not_there_is_told_with_what_is(root):
    repository = Repository(root, "cpu")
    with pytest.raises(NotFound, match=r"'nothing' here; there are: .*flags, .*pair, ") as caught:
        repository.find("nothing")
    assert (caught.value.kind, caught.value.name) == ("model", "nothing")
    with pytest.raises(NotFound, match="no version 7 here; there are: 1") as caught:
        repository.find("pair@7")
    assert (caught.value.kind, caught.value.name) == ("version", "pair@7")


@pytest.mark.parametrize(
    "name",
    ["", " ", "..", "../pair", "../../etc/passwd", "/abs", "a/b", "..\\", "pair\0", "%2e%2e",
     "Pair", "pair ", "pair\n", ".hidden", "x" * 64, "x" * 10_240, "pair@", "pair@0", "pair@-1",
     "pair@1/..", "pair@1@1", "pair@" + "9" * 99, "päir"],
)  # fmt: skip
def test_what_is_no_name_never_reaches_the_disk(root, name):
    with pytest.raises(InvalidArgument) as caught:
        Repository(root, "cpu").find(name)
    assert caught.value.fields[0][0] == "model_name"
    assert len(str(caught.value)) < 200


def test_every_problem_is_told_at_once(root):
    write(root / "cpu" / "one", "family: tensor\ncolour: red\n")
    write(root / "cpu" / "two", "family: unheard\n")
    (root / "cpu" / "three").mkdir()
    write(root / "gpu" / "pair", "family: tensor\n")
    with pytest.raises(ConfigError) as caught:
        Repository(root, ("cpu", "gpu"))
    message = str(caught.value)
    for part in ("colour", "unheard", "three: has no model.yaml", "profile cpu has a model"):
        assert part in message


def test_an_unknown_profile_is_refused(root):
    with pytest.raises(ConfigError, match="no profile 'tpu'; there are reference, cpu, gpu"):
        Repository(root, "tpu")


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_link_out_of_the_repository_is_refused(root, tmp_path_factory, what):
    outside = tmp_path_factory.mktemp("outside")
    write(outside / "evil", "family: tensor\n")
    if what == "folder":
        (root / "cpu" / "evil").symlink_to(outside / "evil")
    else:
        (root / "cpu" / "evil").mkdir()
        (root / "cpu" / "evil" / "model.yaml").symlink_to(outside / "evil" / "model.yaml")
    with pytest.raises(ConfigError, match="leads out of the repository"):
        Repository(root, "cpu")


def test_a_link_within_the_repository_is_fine(root):
    (root / "cpu" / "alias").symlink_to(root / "cpu" / "pair")
    assert Repository(root, "cpu").find("alias").name == "alias"


def test_hidden_folders_and_files_are_passed_over(root):
    before = Repository(root, "cpu").models()
    (root / "cpu" / ".git").mkdir()
    (root / "cpu" / "README.md").write_text("about")
    assert Repository(root, "cpu").models() == before


def test_it_travels_to_other_processes(root):
    again = pickle.loads(pickle.dumps(Repository(root, "cpu")))  # noqa: S301
    assert again.find("pair") == Repository(root, "cpu").find("pair")
