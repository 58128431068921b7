"""Tables of a stored run, for the terminal and as Markdown: the same cells in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

JSON = dict[str, Any]
_STATISTICS = {"ttft": ", first token", "tokens": ", tokens/s"}
_COLOURS = {"PASS": "green", "MISS": "red", "INVALID": "magenta", "INFO": "dim"}


@dataclass(frozen=True)
class Grid:
    """A table before it is drawn; the first `left` columns are text."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 2


def grids(report: JSON) -> list[Grid]:
    """The tables of a run as `Report.as_json` gives it."""
    found = [_latencies(report), _growths(report), _verdicts(report)]
    if any(cell["stages"] for cell in report["cells"]):
        found.append(_stages(report))
    return [grid for grid in found if grid.rows]


def draw(report: JSON, console: Console) -> None:
    for grid in grids(report):
        table = Table(title=grid.title, title_justify="left", header_style="bold")
        for index, header in enumerate(grid.headers):
            words = index < grid.left
            table.add_column(header, justify="left" if words else "right", no_wrap=not words)
        for row in grid.rows:
            table.add_row(*row, style=_COLOURS.get(row[-1].split()[0].rstrip("~"), ""))
        console.print(table)
    for line in footnotes(report):
        console.print(line, style="dim")


def markdown(report: JSON) -> str:
    parts = []
    for grid in grids(report):
        rule = ["---" if i < grid.left else "--:" for i in range(len(grid.headers))]
        lines = [grid.headers, rule, *grid.rows]
        parts.append(f"**{grid.title}**\n\n" + "\n".join(f"| {' | '.join(x)} |" for x in lines))
    parts.append("\n".join(f"- {line}" for line in footnotes(report)))
    return "\n\n".join(parts) + "\n"


def footnotes(report: JSON) -> list[str]:
    manifest, notes = report["manifest"], report["manifest"]["notes"]
    dirty = " (with changes)" if manifest["git_dirty"] else ""
    lines = [
        f"{_stamp(report)}: {report['rounds']} interleaved rounds of "
        f"{report['measure_s']:g} s, seed {manifest['seed']}, `{manifest['command']}`, "
        f"{manifest['date'][:10]}, commit {(manifest['git_sha'] or 'none')[:12]}{dirty}",
        f"{manifest['cpu']}, {manifest['cores']} cores, Linux {manifest['kernel']}, Python "
        f"{manifest['python']}; load before {manifest['load_before'][0]:.1f}",
        *(f"{key}: {text}" for key, text in notes.items()),
        "— below the sample a percentile needs (p99: 662); [95 % interval]; ~ the interval "
        "holds the limit",
    ]
    if ceiling := report["ceiling"]:
        lines.append(
            f"generator alone, 16 calls at once to a server that does nothing: "
            f"{ceiling['throughput']:,.0f}/s at {ceiling['client_cpu']:.0%} of a core, "
            f"{ceiling['per_core']:,.0f}/s for a whole core"
        )
    for cell in report["cells"]:
        lines += [f"{cell['workload']} on {cell['target']}: {why}" for why in cell["invalid"]]
    return lines


def _stamp(report: JSON) -> str:
    failed = sum(bool(cell["invalid"]) for cell in report["cells"])
    return "VALID" if not failed else f"INVALID in {failed} of {len(report['cells'])} cells"


def _latencies(report: JSON) -> Grid:
    headers = ["workload", "target", "n", "p50 ms", "p90 ms", "p99 ms", "answers/s"]
    headers += ["failed", "late p50 · max ms", "client", "gates"]
    rows = [
        [
            report["titles"][cell["workload"]],
            cell["target"],
            f"{cell['n']:,}",
            _percentile(cell["response"], 0, interval=True),
            _percentile(cell["response"], 1),
            _percentile(cell["response"], 2),
            f"{cell['throughput']:,.0f}",
            str(cell["failed"]),
            _lateness(cell),
            f"{cell['client_cpu']:.0%}",
            "INVALID" if cell["invalid"] else "ok",
        ]
        for cell in report["cells"]
    ]
    return Grid(f"{report['scenario']}: what was measured", headers, rows)


def _growths(report: JSON) -> Grid:
    headers = ["workload", "target", "n", "tokens/s", "first token p50 ms", "p90 ms", "p99 ms"]
    headers += ["per token p50 ms", "p99 ms", "tokens a piece"]
    rows = [
        [
            report["titles"][cell["workload"]],
            cell["target"],
            f"{cell['n']:,}",
            f"{grown['tokens']:,.0f}",
            _percentile(grown["first"], 0, interval=True),
            _percentile(grown["first"], 1),
            _percentile(grown["first"], 2),
            _percentile(grown["per_token"], 0, interval=True),
            _percentile(grown["per_token"], 2),
            f"{grown['merged']:.2f}",
        ]
        for cell in report["cells"]
        if (grown := cell.get("growth"))
    ]
    return Grid(f"{report['scenario']}: answers as they grew", headers, rows)


def _verdicts(report: JSON) -> Grid:
    rows = []
    for verdict in report["verdicts"]:
        claim, found = verdict["claim"], verdict["comparison"]
        unit = " ms" if claim["of"] == "difference" else "×"
        between = f"{claim['target']} : {claim['against']}"
        if claim["of"] == "difference":
            between = f"{claim['target']} − {claim['against']}"
        elif claim["of"] != "ratio":
            between = f"{claim['target']}: {claim['of'].replace(':', ' : ')}"
        limit = "" if claim["limit"] is None else f"{claim['sense']} {claim['limit']:g}{unit}"
        rows.append(
            [
                report["titles"][claim["workload"]] + _statistic(report, claim),
                between,
                "–" if found is None else f"{found['value']:.2f}{unit}",
                "–"
                if found is None or found["low"] is None
                else f"{found['low']:.2f}–{found['high']:.2f}",
                limit,
                verdict["outcome"] + ("" if verdict["sure"] else "~"),
            ]
        )
    headers = ["workload", "of", "value", "95 %", "claim", "verdict"]
    return Grid(f"{report['scenario']}: compared round by round", headers, rows)


def _statistic(report: JSON, claim: JSON) -> str:
    """What a claim is about, where its workload's title does not say it."""
    own = report.get("statistics", {}).get(claim["workload"])
    return _STATISTICS.get(claim.get("statistic") or own, "")


def _stages(report: JSON) -> Grid:
    cells = [cell for cell in report["cells"] if cell["stages"]]
    names = sorted({name for cell in cells for name in cell["stages"]})
    rows = [
        [
            report["titles"][cell["workload"]],
            cell["target"],
            *(_stage(name, cell["stages"].get(name)) for name in names),
        ]
        for cell in cells
    ]
    heads = ["workload", "target"]
    heads += [name.replace("_ns", " ms").replace("_", " ") for name in names]
    return Grid("where the server says its time went (medians)", heads, rows)


def _lateness(cell: JSON) -> str:
    """Of an open loop; a closed loop has no schedule to be late on."""
    if cell["little"] is not None:
        return "–"
    return f"{_percentile(cell['lateness'], 0)} · {_ms(cell['lateness_max_ns'])}"


def _percentile(latency: JSON, index: int, *, interval: bool = False) -> str:
    entry, bounds = latency["percentiles"][index], latency["intervals"][index]
    if entry["value"] is None:
        return "—"
    text = _ms(entry["value"])
    if interval and bounds:
        text += f" [{_ms(bounds['low'])}–{_ms(bounds['high'])}]"
    return text


def _stage(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return _ms(value) if name.endswith("_ns") else f"{value:g}"


def _ms(nanoseconds: float) -> str:
    """Three figures that count."""
    value = nanoseconds / 1e6
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"
