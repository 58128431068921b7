"""What the shipped files do on the test split, seen through the code that serves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model_repo.island.faces.album import FAMILY, album
from model_repo.island.faces.embedder import SIZE
from model_repo.island.faces.features import embed
from model_repo.island.faces.finding import find, photographs, portraits
from model_repo.island.faces.served import Served
from model_repo.island.faces.verification import auc, pairs
from model_repo.island.training.cards import Figure
from model_repo.island.world import SPLITS, Expression, Identity, face
from model_repo.island.world.dice import Dice


def evaluate(entry_root: Path, pictures: int = 400, families: int = 6) -> Sequence[Figure]:
    """Serves JPEGs of the test split, and compares with the truth.

    pictures: how many photographs; families: of twenty people each who are enrolled
    """
    served = Served(entry_root)
    return [
        *finding(served, pictures),
        aligned(entry_root, 100 * families),
        *recognising(served, families),
    ]


def finding(served: Served, pictures: int) -> list[Figure]:
    """The detector's figures, at the score it is shipped with."""
    score = served.options.detector.thresholds.score
    scenes = list(photographs("test", pictures))
    finds = find(served, scenes)
    recall, precision = finds.at(score)
    result = [
        Figure("recall of faces on photographs", recall, 0.97),
        Figure("precision of faces on photographs", precision, 0.97),
        Figure(
            "landmarks off, in distances of the eyes", finds.landmarks_off(score), sense="at most"
        ),
    ]
    some = max(1, pictures // 4)
    for what, seen in (
        ("photographs half as large", (scene.scaled(0.5) for scene in scenes[:some])),
        ("photographs twice as large", (scene.scaled(2.0) for scene in scenes[:some])),
        ("portraits", portraits("test", some)),
    ):
        recall, precision = find(served, seen).at(score)
        result += [Figure(f"recall on {what}", recall), Figure(f"precision on {what}", precision)]
    return result


def aligned(entry_root: Path, people: int) -> Figure:
    """Verification where nothing is left to the detector."""
    split = SPLITS["test"]
    numbers = split.people[:people]
    one, other = (
        np.stack(
            [
                face(
                    Identity.of(number),
                    Expression.draw(Dice(67, number, moment)),
                    SIZE,
                    seed=split.seeds.start + 2 * number + moment,
                    framing="aligned",
                ).image
                for number in numbers
            ]
        )
        for moment in (0, 1)
    )
    vectors = [
        embed(images.transpose(0, 3, 1, 2).astype(np.float32), entry_root)
        for images in (one, other)
    ]
    units = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in vectors]
    return Figure("verification AUC, faces drawn aligned", auc(*pairs(*units)), 0.98)


def recognising(served: Served, families: int, photographs_each: int = 14) -> list[Figure]:
    """The embedder's figures behind the detector: JPEG, detection, alignment, embedding."""
    embedder = served.options.embedder
    assert embedder is not None
    seen = album(served, "test", families, photographs_each)
    same, strangers = seen.verification()
    named, misnamed = seen.identified(embedder.threshold)
    return [
        Figure("verification AUC, photographs as served", auc(same, strangers), 0.98),
        Figure(
            "one person's pairs above the threshold", float((same >= embedder.threshold).mean())
        ),
        Figure(
            "strangers' pairs above the threshold", float((strangers >= embedder.threshold).mean())
        ),
        Figure("portraits a gallery accepts", float(seen.portraits.known.mean()), 0.99),
        Figure(f"named on photographs, of {FAMILY} people by two portraits each", named),
        Figure("named as somebody else", misnamed),
    ]
