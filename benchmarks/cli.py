"""The command `seom-bench`: parses arguments, runs a scenario, keeps and shows it."""

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

from benchmarks.load.generator import Generators
from benchmarks.load.workload import Window
from benchmarks.report import manifest, store, table
from benchmarks.scenarios import calibrate, run
from benchmarks.scenarios.scenario import Plan, Scenario, TargetError
from benchmarks.stats.gates import Gates

ABOUT = """\
Measures model servers from outside, and says how sure it is.

Every claim is a ratio of two targets measured side by side in one run: each round
takes all targets through all workloads in turn, and the order is mirrored from round
to round (ABBA), so that a machine whose speed wanders slows all of them alike.
Latency counts from the time a request was meant to be sent. A percentile with too few
samples for it is shown as a dash.
"""
EXAMPLES = """\
examples:
  seom-bench path --quick                       does everything run? (half a minute and Ray's start)
  seom-bench path                               the path to a model against its baselines
  seom-bench path --targets bare,edge=127.0.0.1:8001
                                                with a cluster that is running already
  seom-bench path --targets echo,ray-proxy --baseline echo
                                                peers only, nothing of ours
  seom-bench vision                             the path to vision models against a loop
  seom-bench chat                               streamed answers beside the bare engine and vLLM
  seom-bench chat --targets engine,edge,vllm,vllm-own
                                                also vLLM as it starts by itself
  seom-bench calibrate                          what the generator itself can do
  seom-bench show path --markdown               the table of a run that was kept

exit status: 0 all claims hold (or --quick ran), 1 a claim is missed, 2 wrong usage or a
target that does not start, 3 the run is INVALID (a gate failed)
"""
CHAT = """\
Streams answers of a language model from our cluster, from the same engine without a
server, and from vLLM's own OpenAI server: same folder, same settings, same requests.

engine    conversations go in and replies come out in one process; no network, no client
edge      our cluster, ChatStream through the edge
vllm      `vllm serve`, with processes laid out as ours are and nothing it logs
vllm-own  `vllm serve`, with processes, threads and logs as it starts by itself
bare      our replica on a plain gRPC server: what Ray and the edge add is the rest

Every answer has the same number of tokens, and before anything is measured all targets
must have given the same text. The time to the first token counts from when a request was
meant to leave to the first text; tokens a second are those that came inside the window,
by the server's own count. All targets stay up, and one at a time is under load.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
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


def _targets(text: str) -> dict[str, str | None]:
    """`a,b=host:port` to names and the addresses of those that run already."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    return {name: address or None for name, _, address in pairs}


def _plan(options: argparse.Namespace) -> Plan:
    rounds, warmup = (2, 0.1) if options.quick else (8, 0.25)
    # A batch of pictures takes a tenth of a second, an answer of many tokens a whole one:
    # windows must hold many.
    measure = {"vision": 4.0, "chat": 4.0}.get(options.command, 1.5) / (3 if options.quick else 1)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seom-bench",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common, out = _common(), _out()

    path = commands.add_parser(
        "path",
        parents=[common, out],
        help="the path to a model: our cluster, a bare server, Ray Serve's own proxy",
    )
    path.add_argument(
        "--targets",
        default="bare,edge,ray-proxy",
        metavar="NAME[=ADDRESS],…",
        help="what to measure: bare, edge, ray-proxy, echo, or any name with the address of a "
        "server that runs already (default: %(default)s)",
    )
    path.add_argument(
        "--baseline", default="bare", metavar="NAME", help="what ratios are to (default: bare)"
    )
    path.add_argument(
        "--no-control",
        action="store_true",
        help="do not measure the baseline twice; the two show the run's own noise",
    )

    vision = commands.add_parser(
        "vision", parents=[common, out], help="JPEGs to vision models against a loop in one process"
    )
    vision.add_argument("--repo", type=Path, default=Path("model_repo"), metavar="DIR")
    vision.add_argument(
        "--models", default="yolox-nano,faces", metavar="NAME,…", help="default: %(default)s"
    )
    vision.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="JPEG files, sent in turn (default: eight made for the purpose)",
    )
    vision.add_argument("--edge", metavar="ADDRESS", help="a cluster that runs already")

    chat = commands.add_parser(
        "chat",
        parents=[common, out],
        help="streamed answers of a language model, beside its engine alone and vLLM's own server",
        description=CHAT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    chat.add_argument(
        "--targets",
        default="engine,edge,vllm",
        metavar="NAME[=ADDRESS],…",
        help="what to measure: engine, edge, vllm, vllm-own, bare (default: %(default)s)",
    )
    chat.add_argument(
        "--model-folder",
        type=Path,
        metavar="DIR",
        help="a text model in Hugging Face's layout (default: the repository's stories260K)",
    )
    chat.add_argument("--repo", type=Path, default=Path("model_repo"), metavar="DIR")
    chat.add_argument("--clients", type=int, default=32, metavar="N", help="default: 32")
    chat.add_argument(
        "--tokens", type=int, metavar="N", help="of an answer (default: 128, with --quick 32)"
    )

    commands.add_parser(
        "calibrate",
        parents=[common, out],
        help="the generator against a server that does nothing, or for a known time",
    )

    show = commands.add_parser("show", parents=[out], help="the table of a run that was kept")
    show.add_argument("run", metavar="NAME", help="as in results/NAME.json")
    show.add_argument("--markdown", action="store_true", help="as Markdown, for a document")
    return parser


def _common() -> argparse.ArgumentParser:
    gates = Gates()
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--quick", action="store_true", help="short: a smoke test, no claim")
    common.add_argument("--rounds", type=int, metavar="N", help="default: 8, with --quick 2")
    common.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="of each block (default: 1.5, of pictures 4; --quick: a third)",
    )
    common.add_argument("--seed", type=int, default=1, help="of all schedules (default: 1)")
    common.add_argument(
        "--processes", type=int, default=1, metavar="N", help="generators (default: 1)"
    )
    common.add_argument(
        "--lateness-ms",
        type=float,
        default=gates.lateness_ms,
        metavar="MS",
        help="gate: the generator's own p99 lateness in an open loop (default: %(default)s)",
    )
    common.add_argument("--name", help="of the kept files (default: the command's name)")
    return common


def _out() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(add_help=False)
    out.add_argument(
        "--out",
        type=Path,
        default=store.FOLDER,
        metavar="DIR",
        help="where runs are kept (default: the package's results folder)",
    )
    return out


if __name__ == "__main__":
    sys.exit(main())
