"""What the generator's card says about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model_repo.island.stylegan.entry import PSI
from model_repo.island.stylegan.game import Game
from model_repo.island.stylegan.served import NAME
from model_repo.island.stylegan.sliders import SCORED
from model_repo.island.training.cards import Figure, write_card

_ABOUT = """\
Draws portraits of islanders who do not exist, 64 × 64, each from a seed, and moves three sliders
of a face: how far the eyes are open, how far the mouth is, and where the head turns. It is served
by the family `synthesis`.

## How it is built

A plain StyleGAN2 generator (Karras et al. 2020, config F) of {parameters:,} parameters: a mapping
network of {layers} layers, z and w of {z} numbers, and up to {widest} feature maps. The tensors have the
official names and lie in the file as FP16. Pictures are truncated at ψ = {psi:g} unless a request
says otherwise.

## How it was trained

From scratch on {plan.portraits:,} portraits of the people of the world's training split, with expressions
drawn independently of them: {plan.steps:,} batches of {plan.size} on a CPU. It had more help than the paper's
generators have. The world knows how each portrait came about, so a portrait brings along a latent
that tells of it, drawn from the normal distribution given all of its properties: a smooth
property is one number of z, a choice among k things the largest of k numbers.

1. For {plan.coarse:,} steps the coarse blocks, up to 32 × 32, learn to draw the portrait that a latent
   tells of, by the mean absolute difference, in which eyes and mouth count up to five times.
2. Up to step {plan.game:,} all blocks do so at 64 × 64.
3. From then on the game of the paper is added: a small residual discriminator with the deviation
   within the batch, the non-saturating logistic loss, lazy R1 (γ = {plan.gamma:g}), and the difference between
   what the discriminator sees in the drawn and in the real portrait (Wang et al. 2018).

There is no path length regularisation, no style mixing and no augmentation. Shipped is the moving
average of the weights. The discriminator and the portraits' latents are of the training alone.
The seeds are fixed: `python -m model_repo.island train stylegan` does it again.

The sliders are directions in W found by `seom directions fit` from {scored:,} generated pictures and
what `world.measure` reads in them, each kept apart from the two others; the report lies beside
them. A rank correlation is Spearman's over random latents and strengths within the slider's
bounds. The movement of the others is what the more moved of the two other attributes moves from
one end of a slider to the other, in its standard deviations over random pictures, as a share of
what the slider's own attribute moves.

## Where it fails

It knows one framing, one style of drawing and the island's choices of hair, clothes and walls,
and nothing of real faces. Between two choices of a property (two hair styles, glasses or none)
there are latents whose pictures show something of both. Freckles come out as a soft shade. What
lies far outside a slider's bounds dissolves.
"""  # noqa: E501


def write(game: Game, entry: Path, figures: Sequence[Figure]) -> None:
    arguments = game.plan.arguments
    about = _ABOUT.format(
        parameters=sum(weights.numel() for weights in game.average.parameters()),
        layers=arguments["mapping_kwargs"]["num_layers"],
        z=arguments["z_dim"],
        widest=arguments["channel_max"],
        psi=PSI,
        plan=game.plan,
        scored=SCORED,
    )
    write_card(entry, NAME, about, figures)
