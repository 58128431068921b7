"""What the cards of both entries say about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from model_repo.island.faces.entry import EMBEDDER, FACES
from model_repo.island.faces.train_detector import DetectorTask
from model_repo.island.faces.train_embedder import EmbedderTask
from model_repo.island.training.cards import Figure, write_card

_FACES = """\
Finds faces on pictures of the island, each with a box and five landmarks, and gives 128 numbers
that are near to each other for pictures of one person. It is served by the family `face`, with
galleries; the embedder alone is the entry `{embedder_name}`.

## How it is built

The detector is a residual backbone of {detector:,} parameters with a feature pyramid over
strides 8, 16 and 32 and one head for all levels; its outputs are laid out as YuNet's (Wu et al.
2023), of which it borrows nothing else. Pictures are brought to at most 320 pixels a side, the
size of the world's photographs, in which faces are 20 to 70 pixels high; those of a portrait may
fill it. The embedder, {embedder:,} parameters, sees faces of 64 × 64 pixels that the family has
aligned.

## How it was trained

From scratch on photographs of the training split's people, and on portraits of them in every
third view: {steps:,} batches of {batch} views of 256 pixels, between half and twice as large as
they are (portraits down to a quarter), mirrored, in other lights, with noise. A cell near a face's
middle is to say how well its box fits (quality focal loss, Li et al. 2020); boxes learn by
generalized overlap (Rezatofighi et al. 2019), landmarks by their distance in sides of the face.
The score from which on a find is a face was chosen on the validation split, where recall and
precision together are best; the cosine from which on two faces are one person's, where one pair
of strangers in two hundred reaches it. How the embedder was trained, its own card tells.

## Where it fails

It knows drawn people alone: on photographs of the real world it finds little. Faces below some
ten pixels, or cut by more than a third, are missed. Mirrored people are the same people to the
embedder. Two of the island's people may be as like as twins, for there are not many colours of
skin, hair and eyes: one pair of strangers in two hundred is taken for one person, more of small
faces in the dark.
"""
_EMBEDDER = """\
Gives 128 numbers for a face that was aligned by ArcFace's five landmarks to 64 × 64 pixels (RGB,
0 to 255). Vectors of one person lie in nearly one direction; compare them by their cosine. In
`{faces_name}` it stands behind a detector; here it is served alone, by the family `tensor`.

## How it is built

A residual network of {embedder:,} parameters that ends, as MobileFaceNet does (Chen et al.
2018), by weights of each place's own.

## How it was trained

From scratch on the {people:,} people of the training split, a few portraits of each:
{steps:,} batches of two looks at each of {batch} people. Of all in the batch, a person's other
look is to be the nearest, by ArcFace's margin (Deng et al. 2019; scale {scale:g}, margin
{margin:g} after a rise from none): directions for each person of the training, as ArcFace has
them, would have needed many more looks. Each time the landmarks are a little off, and all but
every eighth look is as in a photograph: smaller, down to a face of twenty pixels, in coloured
light, with noise. Half are mirrored, and stay the same person.

## Where it fails

It knows drawn people alone. Small dark faces lose the colour of eyes and hair; who differs in
little else is then taken for another.
"""


def write(
    detector: DetectorTask, embedder: EmbedderTask, root: Path, figures: Sequence[Figure]
) -> None:
    """The cards and figures of both entries."""
    counts = {"detector": _count(detector.network), "embedder": _count(embedder.network)}
    about = _FACES.format(
        embedder_name=EMBEDDER, steps=detector.steps, batch=detector.batch, **counts
    )
    write_card(root / FACES, FACES, about, figures)
    about = _EMBEDDER.format(
        faces_name=FACES,
        people=embedder.people,
        steps=embedder.steps,
        batch=embedder.batch,
        scale=embedder.scale,
        margin=embedder.margin,
        **counts,
    )
    own = [figure for figure in figures if "verification" in figure.name]
    write_card(root / EMBEDDER, EMBEDDER, about, own)


def _count(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())
