"""Reads the fields of a typed request and gathers every one that is wrong, not the first alone."""

from __future__ import annotations

import math
from typing import Any

from serving.errors import InvalidArgument
from serving.images.picture import Picture
from serving.services.images import picture


class Fields:
    """One request under inspection; `check` ends it."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._problems: list[tuple[str, str]] = []
        self._refused: list[InvalidArgument] = []

    def wrong(self, path: str, problem: str) -> None:
        self._problems.append((path, problem))

    def number(
        self, name: str, least: float, most: float = math.inf, *, within: str = ""
    ) -> float | None:
        """An optional float; None where it is not set.

        within: the path of the message it belongs to, for the caller's eyes
        """
        if not self._request.HasField(name):
            return None
        value: float = getattr(self._request, name)
        # Written so that NaN is refused, too.
        if not (math.isfinite(value) and least <= value <= most):
            bounded = f"lie between {least:g} and {most:g}"
            limits = bounded if math.isfinite(most) else f"be {least:g} or more"
            self.wrong(within + name, f"must {limits}, not {value:g}")
        return value

    def picture(self, name: str) -> Picture | None:
        """The picture in a field; None where it is none, which `check` will raise."""
        if not self._request.HasField(name):
            self.wrong(name, "is missing; send a JPEG, PNG or WebP file, or pixels")
            return None
        return self.image(getattr(self._request, name), name)

    def image(self, image: Any, path: str) -> Picture | None:
        """The picture in a message of the request's that lies at `path`."""
        try:
            return picture(image, path)
        except InvalidArgument as error:
            self._problems += error.fields
            self._refused.append(error)
            return None

    def check(self) -> None:
        """Raises InvalidArgument if anything was wrong."""
        if not self._problems:
            return
        if len(self._problems) == len(self._refused) == 1:
            raise self._refused[0]  # alone, it keeps its reason
        message = "; ".join(f"{path}: {problem}" for path, problem in self._problems)
        raise InvalidArgument(message, fields=self._problems)
