"""What the detector's card says about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model_repo.island.detector.entry import NAME
from model_repo.island.detector.geometry import Cells
from model_repo.island.detector.learning import Plan
from model_repo.island.detector.network import STRIDES, Network
from model_repo.island.detector.truth import INPUT
from model_repo.island.training.cards import Figure, write_card

_ABOUT = """\
Finds 21 kinds of objects on photographs of the island: its 20 kinds of things, numbered as the
world numbers them, and people. People are a class because they are what most photographs are
taken of: a list of objects that leaves them out would be read as "nobody is there". Whose faces
they are is for the face models to say.

It is served by the family `detection` with the decoder `yolov8`: one output, a row for each of
{cells:,} cells with the box in pixels and a score for each class.

## How it is built

One stage and no anchors, {parameters:,} parameters. A backbone of CSP blocks gives maps at strides
8, 16 and 32; a pyramid carries what the coarse ones know to the fine ones; each level has a head
with one branch for boxes and one for classes. The input is 256 × 192, four fifths of the world's
photographs, which nearly halves the work and keeps the smallest things two cells wide. The weights
lie in the file as FP16 and are widened when it is loaded, once.

## How it was trained

From scratch on {photographs:,} photographs of the world's training split, each mirrored, moved,
stretched and lit otherwise whenever it came: {plan.steps:,} batches of {plan.batch}, on a CPU.
Cells are matched to boxes by how well they do already (TOOD, Feng et al. 2021); classes learn by
binary cross-entropy, boxes by generalized overlap (Rezatofighi et al. 2019). Shipped is the
running average of the weights. The seeds are fixed: `python -m model_repo.island train detector`
does it again.

## Where it fails

It has seen the island and nothing else: nobody has measured it on real photographs, and nothing
should be expected of it there. The world takes nothing that is hidden by more than a third, and
nothing smaller than about 18 pixels of a 320-pixel photograph, so that neither was learned. Of two
things of one kind whose boxes overlap by more than half, suppression leaves one.
"""


def write(
    network: Network, plan: Plan, photographs: int, entry: Path, figures: Sequence[Figure]
) -> None:
    """photographs: how many of them it was trained on"""
    about = _ABOUT.format(
        cells=len(Cells.of(INPUT.size, STRIDES).middles),
        parameters=sum(weights.numel() for weights in network.parameters()),
        photographs=photographs,
        plan=plan,
    )
    write_card(entry, NAME, about, figures)
