"""The keys of model.yaml that belong to the family `embedding`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from serving.runtimes.encoders.options import EncoderOptions


class Options(EncoderOptions):
    """An encoder's keys, and those of embeddings.

    dimensions: the shorter lengths to which a vector of this model may be cut, for it was
        trained so that its first numbers say the most (Matryoshka; Kusupati et al., 2022)
    """

    task: Literal["embed"] = "embed"
    dimensions: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = Field(default=(), max_length=64)
