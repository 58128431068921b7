"""The keys of model.yaml that belong to the family `tensor`."""

from __future__ import annotations

from typing import Literal

from serving.repository.config import Section


class Options(Section):
    """`batchable: never` serves one row at a time even where rows could run together."""

    batchable: Literal["auto", "never"] = "auto"
