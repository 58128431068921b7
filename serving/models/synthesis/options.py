"""The keys of model.yaml that belong to the family `synthesis`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from serving.repository.config import FilePath, Section

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Deviations = Annotated[float, Field(ge=-100, le=100)]
LayerNumber = Annotated[int, Field(ge=0, le=64)]


class Direction(Section):
    """One attribute: where its direction is, and how far it may be followed.

    file: .npy, or .pt of tensors alone, in the model's folder
    space: which of the generator's latents it moves
    layers: [first, end): the layers of W or W+ that move; all by default
    std: the standard deviation of its generator's latents along it; where it is left out,
        it is measured as the model is loaded
    bounds: strengths that may be asked for, in these standard deviations
    keep: attributes that stay as they are while this one moves, unless a request says more
    """

    file: FilePath
    space: Literal["z", "w", "w+"]
    layers: tuple[LayerNumber, LayerNumber] | None = None
    std: float | None = Field(default=None, gt=0, le=1e6)
    bounds: tuple[Deviations, Deviations] = (-3.0, 3.0)
    keep: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Direction:
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError("bounds must be [low, high]")
        if self.layers is not None and not self.layers[0] < self.layers[1]:
            raise ValueError("layers must be [first, end]")
        if self.layers is not None and self.space == "z":
            raise ValueError("layers are of w and w+; in z there are none")
        return self


class Options(Section):
    """A generator in safetensors, and what its pictures look like unless a request says.

    generator: the JSON of its constructor arguments, beside the weights; or it is among
        the weights as the part `generator`
    psi: truncation; 1 leaves pictures as varied as they were learnt
    noise: StyleGAN2's: the checkpoint's own, drawn anew by each seed, or none
    attributes: what pictures can be steered along, by name
    max_images: pictures of one request
    graphs: how much of a GPU's memory its captured graphs may take, as a share
    """

    generator: FilePath = "config.json"
    psi: float = Field(default=1.0, ge=-2, le=2)
    noise: Literal["const", "random", "none"] = "const"
    attributes: dict[Name, Direction] = Field(default={}, max_length=256)
    max_images: int = Field(default=64, ge=1, le=1024)
    graphs: float = Field(default=0.25, ge=0, le=0.9)
