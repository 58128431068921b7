"""The command `seom-bench`: runs a scenario, keeps and shows it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from benchmarks.arguments import parser
from benchmarks.load.generator import Generators
from benchmarks.load.workload import Window
from benchmarks.report import manifest, store, table
from benchmarks.scenarios import calibrate, run
from benchmarks.scenarios.scenario import Plan, Scenario, TargetError
from benchmarks.stats.gates import Gates


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    console = _console()
    if options.command == "show":
        return _show(options, console)
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    # So that whatever was started is ended in order.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return _run(options, console)
    except (TargetError, ConnectionError, TimeoutError) as error:
        console.print(f"seom-bench: {error}", style="red", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("stopped; nothing was kept")
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def _console() -> Console:
    console = Console(highlight=False)
    # A file or a pipe has no width; tables need more than the 80 columns assumed.
    return console if console.is_terminal else Console(highlight=False, width=150)


def _run(options: argparse.Namespace, console: Console) -> int:
    load_before = os.getloadavg()
    plan = _plan(options)
    name = options.name or options.command + ("-quick" if options.quick else "")
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seom-bench-")))
        scenario = _scenario(options, work)
        generators = stack.enter_context(Generators(options.processes))
        options.out.mkdir(parents=True, exist_ok=True)
        sink = stack.enter_context((options.out / f"{name}.jsonl").open("w"))
        with console.status("what the generator itself can do"):
            ceiling = calibrate.ceiling(generators, 1.0 if options.quick else 3.0)
        outcome = run.run(scenario, plan, generators, sink, console)
    report = store.Report(
        scenario=scenario.name,
        titles={workload.name: workload.title for workload in scenario.workloads},
        statistics={workload.name: workload.statistic for workload in scenario.workloads},
        rounds=plan.rounds,
        measure_s=plan.window.measure_s,
        manifest=manifest.collect(plan.seed, outcome.schedules, scenario.notes, load_before),
        ceiling=ceiling,
        cells=outcome.cells,
        verdicts=outcome.verdicts,
    )
    path = store.save(report, options.out, name)
    table.draw(report.as_json(), console)
    console.print(f"kept in {path}, every request in {path.with_suffix('.jsonl').name}")
    if options.quick:
        return 0
    if not report.valid:
        return 3
    return int(any(verdict.outcome == "MISS" for verdict in outcome.verdicts))


def _scenario(options: argparse.Namespace, work: Path) -> Scenario:
    # A scenario's own imports (message types, onnx) are paid by who runs it.
    if options.command == "path":
        from benchmarks.scenarios import path

        names = _targets(options.targets)
        for name, address in names.items():
            if not address and name not in path.NAMES:
                known = ", ".join(path.NAMES)
                raise TargetError(f"no target {name!r}; there are {known}, or name=host:port")
        return path.build(names, work, options.baseline, not options.no_control)
    if options.command == "vision":
        from benchmarks.scenarios import pictures, vision

        files = pictures.synthetic()
        if options.pictures and not (files := pictures.from_folder(options.pictures)):
            raise TargetError("no JPEG files in the folder named by --pictures")
        models = options.models.split(",")
        return vision.build(options.repo, files, models=models, address=options.edge)
    if options.command == "chat":
        return _chat(options, work)
    if options.command == "synthesis":
        return _synthesis(options)
    return calibrate.build()


def _chat(options: argparse.Namespace, work: Path) -> Scenario:
    from benchmarks.peers import stories
    from benchmarks.scenarios import chat

    model = options.model_folder
    if model is None:
        model = work / "stories"
        try:
            stories.write(options.repo, model)
        except stories.NoStories as error:
            raise TargetError(f"{error}; or name a model by --model-folder") from None
    return chat.build(
        _targets(options.targets),
        model,
        work / "repository",
        clients=options.clients,
        tokens=options.tokens or (chat.FEW if options.quick else chat.TOKENS),
        seed=options.seed,
    )


def _synthesis(options: argparse.Namespace) -> Scenario:
    from benchmarks.scenarios import synthesis

    return synthesis.build(
        options.targets.split(","),
        resolution=options.resolution or (1024 if options.gpu else 256),
        batches=[int(batch) for batch in options.batches.split(",")],
        gpu=options.gpu,
        threads=options.threads or len(os.sched_getaffinity(0)),
        seed=options.seed,
    )


def _targets(text: str) -> dict[str, str | None]:
    """`a,b=host:port` to names and the addresses of those that run already."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    return {name: address or None for name, _, address in pairs}


def _plan(options: argparse.Namespace) -> Plan:
    rounds, warmup = (2, 0.1) if options.quick else (8, 0.25)
    # A batch of pictures takes a tenth of a second, an answer of many tokens a whole one:
    # windows must hold many.
    measure = {"vision": 4.0, "chat": 4.0, "synthesis": 8.0}.get(options.command, 1.5) / (
        3 if options.quick else 1
    )
    if options.command == "chat" and not options.quick:
        warmup = 1.0  # the first answers of all clients come in step
    return Plan(
        rounds=options.rounds or rounds,
        window=Window(warmup, options.seconds or measure),
        seed=options.seed,
        gates=Gates(lateness_ms=options.lateness_ms),
    )


def _show(options: argparse.Namespace, console: Console) -> int:
    try:
        report = store.load(options.out, options.run)
    except FileNotFoundError:
        kept = ", ".join(sorted(path.stem for path in options.out.glob("*.json"))) or "none"
        console.print(f"no run {options.run!r}; kept are: {kept}", markup=False)
        return 2
    except ValueError as error:
        console.print(str(error), markup=False)
        return 2
    if options.markdown:
        sys.stdout.write(table.markdown(report))
    else:
        table.draw(report, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
