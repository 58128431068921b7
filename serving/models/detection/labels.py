"""The names of a detector's classes, and requests for some of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition, InvalidArgument


class Labels:
    """names: in class order; encoded: (n,) object array of the same as UTF-8 bytes."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.encoded = np.array([name.encode() for name in names], dtype=object)
        self._class_ids = {name: index for index, name in enumerate(names)}

    @classmethod
    def read(cls, path: Path) -> Labels:
        """One name a line. Raises FailedPrecondition."""
        try:
            names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError):
            raise FailedPrecondition(
                f"the label file {path.name} cannot be read", reason="LABELS"
            ) from None
        if "" in names or len(set(names)) < len(names):
            raise FailedPrecondition(
                f"{path.name} has an empty line or a label twice", reason="LABELS"
            )
        return cls(names)

    def __len__(self) -> int:
        return len(self.names)

    def chosen(self, names: Sequence[str]) -> NDArray[np.bool_] | None:
        """(n,) bool, true for the classes named; None where none is, which means all.

        Raises InvalidArgument for a name that is no label, and offers some that are.
        """
        if not names:
            return None
        chosen = np.zeros(len(self.names), dtype=bool)
        for index, name in enumerate(names):
            if name not in self._class_ids:
                near = difflib.get_close_matches(name[:64], self.names, n=3)
                raise InvalidArgument.field(
                    f"labels[{index}]",
                    f"is none of this model's {len(self)} labels, such as "
                    + ", ".join(near or self.names[:5]),
                    reason="UNKNOWN_LABEL",
                )
            chosen[self._class_ids[name]] = True
        return chosen
