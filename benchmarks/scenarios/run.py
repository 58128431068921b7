"""Runs a scenario: starts its targets, interleaves its blocks, sums them up."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.load.generator import Generators
from benchmarks.load.record import Measured, write_jsonl
from benchmarks.scenarios.scenario import Loop, Measure, Plan, Scenario, measure_from_outside
from benchmarks.stats.claims import Claim, Verdict, judge
from benchmarks.stats.compare import interleave
from benchmarks.stats.summary import Cell, summarise


@dataclass(frozen=True)
class Outcome:
    cells: list[Cell]
    verdicts: list[Verdict]
    schedules: dict[str, str]


def run(
    scenario: Scenario, plan: Plan, generators: Generators, sink: IO[str], console: Console
) -> Outcome:
    """Raises TargetError or ConnectionError when a target cannot be measured."""
    with ExitStack() as stack:
        measures = _start(scenario, generators, stack, console)
        blocks = _measure(scenario, plan, measures, sink, console)
    with console.status("summing up"):
        cells = {
            (workload.name, target): summarise(
                workload, target, blocks[workload.name, target], plan.gates, plan.seed
            )
            for workload in scenario.workloads
            for target in measures
        }
    claims = [*scenario.claims, *_controls(scenario)]
    return Outcome(list(cells.values()), judge(claims, cells), _digests(scenario, plan))


def _start(
    scenario: Scenario, generators: Generators, stack: ExitStack, console: Console
) -> dict[str, Measure]:
    measures: dict[str, Measure] = {}
    addresses: dict[str, str] = {}
    for target in scenario.targets:
        with console.status(f"starting {target.name}"):
            if isinstance(target, Loop):
                measures[target.name] = stack.enter_context(target.measurer)
                if target.probe:
                    for workload in scenario.workloads:
                        scenario.check(workload, target.probe(workload.call))
                continue
            address = stack.enter_context(target.endpoint)
            if target.control:
                address = addresses[target.control]
            addresses[target.name] = address
            for workload in scenario.workloads:
                asked = target.asked(workload)
                scenario.check(asked, generators.probe(address, asked.call))
            measures[target.name] = measure_from_outside(generators, address, target.asked)
        console.print(f"[dim]{target.name} is ready[/dim]")
    return measures


def _measure(
    scenario: Scenario,
    plan: Plan,
    measures: dict[str, Measure],
    sink: IO[str],
    console: Console,
) -> dict[tuple[str, str], list[Measured]]:
    """Targets change fastest: what is compared was measured within seconds."""
    blocks: dict[tuple[str, str], list[Measured]] = {
        (workload.name, target): [] for workload in scenario.workloads for target in measures
    }
    columns = (TextColumn("{task.description:48}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=plan.rounds * len(blocks))
        for index, order in enumerate(interleave(list(measures), plan.rounds)):
            seed = plan.seed + index
            for workload in scenario.workloads:
                for target in order:
                    progress.update(
                        task, description=f"round {index + 1}: {workload.name} on {target}"
                    )
                    measured = measures[target](workload, plan.window, seed)
                    write_jsonl(
                        sink,
                        measured,
                        scenario=scenario.name,
                        workload=workload.name,
                        target=target,
                        round_=index,
                    )
                    blocks[workload.name, target].append(measured)
                    progress.advance(task)
    return blocks


def _controls(scenario: Scenario) -> list[Claim]:
    """A target measured twice must be equal to itself: the run's own noise."""
    return [
        Claim(workload.name, target.name, target.control)
        for target in scenario.targets
        if not isinstance(target, Loop) and target.control
        for workload in scenario.workloads
    ]


def _digests(scenario: Scenario, plan: Plan) -> dict[str, str]:
    """The first round's schedules; later rounds' follow from their seeds."""
    made = {w.name: w.schedule(plan.window, plan.seed) for w in scenario.workloads}
    return {name: schedule.digest() for name, schedule in made.items() if schedule}
