"""The command line of `seom-bench`: what can be asked, and help that teaches it."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.report import store
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
  seom-bench synthesis                          StyleGAN's operators, fused and one by one
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


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="seom-bench",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
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

    synthesis = commands.add_parser(
        "synthesis",
        parents=[common, out],
        help="StyleGAN's operators as they serve, against the papers' own in eager FP32",
    )
    synthesis.add_argument(
        "--targets",
        default="fast,plain",
        metavar="NAME,…",
        help="what to measure: fast, plain, compiled (default: %(default)s)",
    )
    synthesis.add_argument(
        "--resolution", type=int, metavar="N", help="64, 256 or 1024 (default: 256; --gpu: 1024)"
    )
    synthesis.add_argument("--batches", default="1,4", metavar="N,…", help="default: %(default)s")
    synthesis.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    synthesis.add_argument("--gpu", action="store_true", help="on the GPU, in FP16")

    commands.add_parser(
        "calibrate",
        parents=[common, out],
        help="the generator against a server that does nothing, or for a known time",
    )

    show = commands.add_parser("show", parents=[out], help="the table of a run that was kept")
    show.add_argument("run", metavar="NAME", help="as in results/NAME.json")
    show.add_argument("--markdown", action="store_true", help="as Markdown, for a document")
    return made


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
