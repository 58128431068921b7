"""What a request asks for, checked, and which of a picture's faces it means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serving.errors import InvalidArgument
from serving.models.face.locate import Located
from serving.models.face.options import Embedder, Options
from serving.models.face.types import Choice, Faces, Query


@dataclass(frozen=True, slots=True)
class Wish:
    """What one request wants, with the model's own settings filled in.

    threshold: the cosine to compare with, or None where nothing is compared
    """

    embed: bool
    min_score: float
    max_overlap: float
    min_size: float
    max_results: int
    choice: Choice
    mirror: bool
    threshold: float | None
    sharpness: bool


def wish(item: Query, options: Options) -> Wish:
    """Raises InvalidArgument for what no request can ask for."""
    _check_pictures(item, options)
    if item.choice not in ("all", "largest", "only"):
        raise InvalidArgument.field("choice", "must be all, largest or only")
    if item.task == "verify" and item.choice == "all":
        raise InvalidArgument.field("choice", "must be largest or only to compare two faces")
    if item.max_results < 0:
        raise InvalidArgument.field("max_results", "must not be negative")
    embedder = options.embedder or Embedder()
    embed = item.task != "detect"
    min_size = max(options.min_size, embedder.min_size) if embed else options.min_size
    thresholds = options.detector.thresholds
    threshold = _within("threshold", item.threshold, -1, 1, embedder.threshold)
    return Wish(
        embed=embed,
        min_score=_within("min_score", item.min_score, 0, 1, thresholds.score),
        max_overlap=_within("max_overlap", item.max_overlap, 0, 1, thresholds.iou),
        min_size=_within("min_size", item.min_size, 0, 1e6, min_size),
        max_results=min(item.max_results or options.max_results, options.max_results),
        choice=item.choice,
        mirror=embedder.mirror if item.mirror is None else item.mirror,
        threshold=threshold if item.task == "verify" else None,
        sharpness=embed or item.sharpness,
    )


def choose(found: Located, wish: Wish, field: str) -> Located:
    """The faces meant, of all that were found on the picture that came in `field`.

    Raises InvalidArgument; its reason is NO_FACE, FACE_TOO_SMALL or SEVERAL_FACES.
    """
    sides = found.sides
    large = found[sides >= wish.min_size]
    if wish.choice == "all":
        return large[: wish.max_results]
    if not len(found):
        raise InvalidArgument.field(field, "shows no face that could be found", reason="NO_FACE")
    if not len(large):
        raise InvalidArgument.field(
            field,
            f"the largest face is {sides.max():.0f} pixels wide or high; at least "
            f"{wish.min_size:g} are needed",
            reason="FACE_TOO_SMALL",
        )
    if wish.choice == "only" and len(large) > 1:
        raise InvalidArgument.field(
            field,
            f"shows {len(large)} faces where only one may be; cut the picture to one, or ask "
            "for the largest",
            reason="SEVERAL_FACES",
        )
    return large[np.array([large.areas.argmax()])]


def refuse_too_many(count: int, most: int) -> None:
    """Raises InvalidArgument, TOO_MANY_FACES, for more faces than one request may embed."""
    if count > most:
        raise InvalidArgument.field(
            "images",
            f"show {count} faces together; at most {most} are embedded at once, so send "
            "fewer pictures or a smaller max_results",
            reason="TOO_MANY_FACES",
        )


def refuse_blurred(faces: Faces, least: float, field: str) -> None:
    """Raises InvalidArgument, FACE_BLURRED, where the one face chosen is not sharp enough."""
    assert faces.sharpness is not None, "what is embedded was measured. This is a bug."
    if faces.sharpness[0] < least:
        raise InvalidArgument.field(
            field,
            f"the face has a sharpness of {faces.sharpness[0]:.0f}; at least {least:g} is needed",
            reason="FACE_BLURRED",
        )


def _check_pictures(item: Query, options: Options) -> None:
    count = len(item.pictures)
    if item.task == "verify" and count != 2:
        raise InvalidArgument.field("images", f"must be two to compare, not {count}")
    if not 1 <= count <= options.max_pictures:
        raise InvalidArgument.field(
            "images",
            f"{count} pictures; a request carries 1 to {options.max_pictures}",
            reason="IMAGE_COUNT",
        )


def _within(field: str, value: float | None, low: float, high: float, default: float) -> float:
    if value is None:
        return default
    if not low <= value <= high:  # false for NaN, too
        raise InvalidArgument.field(field, f"must be between {low:g} and {high:g}")
    return float(value)
