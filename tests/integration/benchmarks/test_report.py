"""A whole small run: a scenario over real servers, its files, its tables."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import cli
from benchmarks.load.generator import Generators
from benchmarks.load.workload import Closed, Open, Window, Workload
from benchmarks.report import manifest, store, table
from benchmarks.report.store import Report
from benchmarks.scenarios import identity, run, servers
from benchmarks.scenarios.scenario import Plan, Scenario, Target, TargetError
from benchmarks.stats.claims import Claim
from benchmarks.stats.gates import Gates

QUIET = Console(file=io.StringIO())
WORKLOADS = (
    Workload("small", "64 B", identity.unary(64), Closed(1), "p50"),
    Workload("open", "64 B, 50/s", identity.unary(64), Open(50), "p50"),
    Workload("stream", "4 messages", identity.stream(64, 4), Closed(2), "throughput"),
)
PLAN = Plan(rounds=3, window=Window(0.05, 0.1), seed=5, gates=Gates(lateness_ms=1000, achieved=0))


def scenario() -> Scenario:
    return Scenario(
        name="small-path",
        workloads=WORKLOADS,
        targets=(
            Target("echo", servers.module("benchmarks.peers.echo")),
            Target("echo again", servers.running(""), control="echo"),
        ),
        claims=(Claim("small", "echo again", "echo", "at most", 50.0),),
        check=identity.check,
    )


@pytest.fixture(scope="module")
def kept(
    generators: Generators, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Report]]:
    folder = tmp_path_factory.mktemp("results")
    with (folder / "run.jsonl").open("w") as sink:
        outcome = run.run(scenario(), PLAN, generators, sink, QUIET)
    report = Report(
        scenario="small-path",
        titles={workload.name: workload.title for workload in WORKLOADS},
        rounds=PLAN.rounds,
        measure_s=0.1,
        manifest=manifest.collect(PLAN.seed, outcome.schedules, {"echo": "a note"}, (0.1, 0, 0)),
        ceiling={"throughput": 2000.0, "client_cpu": 0.5, "per_core": 4000.0},
        cells=outcome.cells,
        verdicts=outcome.verdicts,
    )
    store.save(report, folder, "run")
    yield folder, report


def test_every_workload_was_measured_on_every_target(kept: tuple[Path, Report]) -> None:
    _, report = kept
    cells = {(cell.workload, cell.target) for cell in report.cells}
    assert cells == {(w.name, t) for w in WORKLOADS for t in ("echo", "echo again")}
    assert all(len(cell.rounds) == 3 and cell.failed == 0 for cell in report.cells)
    assert report.valid


def test_claims_and_the_control_are_judged(kept: tuple[Path, Report]) -> None:
    _, report = kept
    assert [verdict.outcome for verdict in report.verdicts] == ["PASS", "INFO", "INFO", "INFO"]


def test_every_request_is_kept(kept: tuple[Path, Report]) -> None:
    folder, report = kept
    rows = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]
    assert {row["round"] for row in rows} == {0, 1, 2}
    for cell in report.cells:
        mine = [r for r in rows if (r["workload"], r["target"]) == (cell.workload, cell.target)]
        assert sum(row["measured"] for row in mine) == cell.n
        assert all(r["intended"] <= r["sent"] <= r["first"] <= r["last"] for r in mine)


def test_the_manifest_knows_the_machine_but_does_not_name_it(kept: tuple[Path, Report]) -> None:
    import platform

    _, report = kept
    made = report.manifest
    assert made.cores >= 1 and made.cpu and made.kernel and made.seed == 5
    assert {"grpcio", "numpy", "seom"} <= set(made.packages)
    assert set(made.schedules) == {"open"}
    text = json.dumps(report.as_json())
    assert str(Path.home()) not in text and str(Path.cwd()) not in text
    assert "127.0.0.1" not in text
    assert len(platform.node()) < 4 or platform.node() not in text


def test_a_kept_run_is_shown_again(
    kept: tuple[Path, Report], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = kept
    assert cli.main(["show", "run", "--out", str(folder)]) == 0
    assert "PASS" in capsys.readouterr().out
    assert cli.main(["show", "run", "--markdown", "--out", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (head,) = [line for line in lines if line.startswith("| workload | target")]
    rows = [line for line in lines if line.startswith("| 64 B |")]
    assert rows and all(row.count("|") in (head.count("|"), 7) for row in rows)
    # Three short rounds do not make a p99.
    assert all("—" in row for row in rows if "echo again :" not in row)


def test_a_run_of_another_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"schema": 0}')
    with pytest.raises(ValueError, match="schema 0"):
        store.load(tmp_path, "old")
    assert cli.main(["show", "old", "--out", str(tmp_path)]) == 2


def test_a_run_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text("{}")
    assert cli.main(["show", "nothing", "--out", str(tmp_path)]) == 2
    assert "kept are: other" in capsys.readouterr().out


def test_a_target_that_answers_wrongly_is_not_measured(generators: Generators) -> None:
    wrong = Scenario(
        name="wrong",
        workloads=WORKLOADS[:1],
        # It gives back the request, which is no answer.
        targets=(Target("no-op", servers.module("benchmarks.peers.noop")),),
        claims=(),
        check=identity.check,
    )
    with pytest.raises(TargetError, match="not the tensor"):
        run.run(wrong, PLAN, generators, io.StringIO(), QUIET)


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in ("ABBA", "meant", "path", "vision", "calibrate", "show", "exit status"):
        assert word in text


def test_unknown_targets_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["path", "--targets", "bear", "--out", str(tmp_path)]) == 2
    assert "no target 'bear'; there are bare, edge" in capsys.readouterr().out


def test_every_row_of_every_table_fills_its_columns(kept: tuple[Path, Report]) -> None:
    plain = kept[1].as_json()
    plain["cells"][0]["stages"] = {"device_ns": 2.5e6, "batch_size": 4.0}
    plain["cells"][1]["stages"] = {"device_ns": 3e6}
    grids = table.grids(plain)
    assert len(grids) == 3
    for grid in grids:
        assert all(len(row) == len(grid.headers) for row in grid.rows)
    assert list(grids[2].headers[2:]) == ["batch size", "device ms"]
    assert [list(row[2:]) for row in grids[2].rows] == [["4", "2.50"], ["–", "3.00"]]


def test_numbers_have_three_figures() -> None:
    shown = [table._ms(value) for value in (965_432, 12_000_000, 123_456_789)]
    assert shown == ["0.965", "12.0", "123"]
