"""The chat scenario: one set of requests for every target, and a whole quick run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import cli
from benchmarks.load.workload import Workload
from benchmarks.scenarios import chat
from benchmarks.scenarios.scenario import Scenario, Target, TargetError
from seom.pb.v1 import chat_pb2


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def scenario(model: Path, tmp_path: Path) -> Scenario:
    names = dict.fromkeys(("engine", "edge", "vllm"))
    return chat.build(names, model, tmp_path / "repository", clients=8, tokens=100, seed=3)


def asked(scenario: Scenario, target: str) -> list[Workload]:
    (found,) = [each for each in scenario.targets if each.name == target]
    return [found.asked(w) if isinstance(found, Target) else w for w in scenario.workloads]


def test_all_targets_are_asked_the_same(scenario: Scenario) -> None:
    for ours, theirs in zip(asked(scenario, "edge"), asked(scenario, "vllm"), strict=True):
        assert (ours.call.form, theirs.call.form) == ("deltas", "events")
        assert ours.call.tokens == theirs.call.tokens in (32, 100)
        assert len(ours.call.messages) == len(theirs.call.messages) == 16
        for message, body in zip(ours.call.messages, theirs.call.messages, strict=True):
            request = chat_pb2.ChatRequest.FromString(message)
            told = json.loads(body)
            assert told["messages"] == [
                {"role": "user", "content": request.messages[0].parts[0].text}
            ]
            tokens = request.sampling.max_tokens
            assert tokens == request.sampling.min_tokens == ours.call.tokens
            assert (told["min_tokens"], told["max_completion_tokens"]) == (tokens, tokens)
            assert told["temperature"] == request.sampling.temperature == 0
            assert told["stream_options"] == {"include_usage": True}
    assert asked(scenario, "engine") == asked(scenario, "edge")


def test_a_seed_is_a_set_of_prompts() -> None:
    assert chat.prompts(3) == chat.prompts(3) != chat.prompts(4)
    assert len(set(chat.prompts(1))) > 8


def test_what_is_claimed(scenario: Scenario) -> None:
    claims = [
        (c.workload, c.against, c.statistic, c.of, c.sense, c.limit)
        for c in scenario.claims
        if c.limit is not None
    ]
    assert claims == [
        ("many", "engine", None, "ratio", "at least", 0.9),
        ("one", "engine", None, "difference", "at most", 3.0),
        ("many", "vllm", None, "ratio", "at least", 1.0),
        ("many", "vllm", "ttft", "ratio", "at most", 1.0),
        ("one", "vllm", None, "ratio", "at most", 1.0),
    ]
    assert {c.target for c in scenario.claims} == {"edge"}
    about = {w.name: (w.statistic, w.also) for w in scenario.workloads}
    assert about == {"one": ("ttft", ("tokens",)), "many": ("tokens", ("ttft",))}


def answer(text: str, tokens: int) -> list[bytes]:
    deltas = [chat_pb2.ChatDelta(text=part) for part in text]
    deltas.append(chat_pb2.ChatDelta(usage=chat_pb2.Usage(completion_tokens=tokens)))
    return [delta.SerializeToString() for delta in deltas]


def test_targets_must_say_the_same(scenario: Scenario) -> None:
    one, many = scenario.workloads
    check = chat.SameText()
    check(one, answer("Lily", 32))
    check(many, answer("Lily and Tom", 100))
    check(one, answer("Lily", 32))
    with pytest.raises(TargetError, match="targets differ"):
        check(one, answer("Mia", 32))
    with pytest.raises(TargetError, match="31 tokens, not 32"):
        check(one, answer("Lily", 31))


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"no config\.json"):
        chat.write_repository(tmp_path / "repository", tmp_path, 8)


def test_an_unknown_target_is_named(model: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="there are engine, edge"):
        chat.build({"egde": None}, model, tmp_path / "repository")


def test_vllm_is_started_with_our_settings(scenario: Scenario, tmp_path: Path) -> None:
    from benchmarks.peers import vllm_server
    from serving.repository.scan import Repository

    config = Repository(tmp_path / "repository", "cpu").find(chat.MODEL)
    ours, own = (vllm_server.command(config, 1234, layout) for layout in ("ours", "own"))
    for given in (ours, own):
        assert {
            "--dtype=float32",
            "--max-model-len=512",
            "--max-num-seqs=8",
            "--max-num-batched-tokens=2048",
            f"--kv-cache-memory-bytes={256 * 2**20}",
            "--block-size=32",
            "--enable-prefix-caching",
            "--enable-chunked-prefill",
            "--served-model-name=talker",
        } <= set(given)
    assert {"--distributed-executor-backend=uni", "--enforce-eager"} <= set(ours) - set(own)
    one, other = (vllm_server.environment(config, layout) for layout in ("ours", "own"))
    assert one["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0" and one["OMP_NUM_THREADS"] == "1"
    assert other["HF_HUB_OFFLINE"] == "1"
    assert "VLLM_ENABLE_V1_MULTIPROCESSING" not in other


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["chat", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in ("engine", "edge", "vllm-own", "same text", "meant to leave", "--model-folder"):
        assert word in text


def test_a_model_that_is_not_to_be_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["chat", "--quick", "--repo", str(tmp_path), "--out", str(tmp_path / "out")]
    assert cli.main(quick) == 2
    assert "or name a model by --model-folder" in capsys.readouterr().out


@pytest.mark.timeout(600)
def test_a_quick_run(tmp_path: Path) -> None:
    """Our cluster and vLLM's own server, each under load in turn; an engine more would take
    half a minute more."""
    pytest.importorskip("vllm", reason="vLLM is not installed")
    from tests.chat_models import write_models

    write_models(tmp_path, "llama")
    options = (
        f"--model-folder {tmp_path / 'llama'} --clients 8 --seconds 1 --out {tmp_path / 'out'} "
        "--targets edge,vllm"
    )
    assert cli.main(["chat", "--quick", *options.split()]) == 0
    report = json.loads((tmp_path / "out" / "chat-quick.json").read_text())
    cells = {(cell["workload"], cell["target"]): cell for cell in report["cells"]}
    assert set(cells) == {(w, t) for w in ("one", "many") for t in ("edge", "vllm")}
    for cell in cells.values():
        assert cell["failed"] == 0
        assert cell["growth"]["tokens"] > 0 and cell["growth"]["merged"] >= 1
        assert set(cell["also"]) == ({"tokens"} if cell["workload"] == "one" else {"ttft"})
    claimed = [v for v in report["verdicts"] if v["claim"]["limit"] is not None]
    assert len(claimed) == 3
    assert {"edge", "vllm", "engine settings"} <= set(report["manifest"]["notes"])
