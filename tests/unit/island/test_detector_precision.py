"""Average precision, against cases worked by hand and against scikit-learn's curve."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from model_repo.island.detector.judging import figures
from model_repo.island.detector.precision import Found, Ranking, overlaps, rank
from model_repo.island.detector.truth import CLASSES, Truth

APPLE, PERSON = CLASSES.index("apple"), CLASSES.index("person")


def ranking(right: list[int], there: int, scores: list[float] | None = None) -> Ranking:
    falling = np.linspace(0.9, 0.1, len(right)) if scores is None else np.array(scores)
    return Ranking(falling, np.array(right, bool), there)


def test_the_area_is_that_under_the_best_precision_at_each_recall_or_beyond() -> None:
    # Precision 1, ½, ⅔, ¾, ⅗ at recall ¼, ¼, ½, ¾, ¾; the ⅔ counts as ¾, the last quarter as 0.
    assert ranking([1, 0, 1, 1, 0], 4).average_precision() == pytest.approx((1 + 0.75 + 0.75) / 4)


@pytest.mark.parametrize(
    ("right", "there", "area"),
    [
        ([1, 1, 1], 3, 1.0),
        ([0, 0, 0], 3, 0.0),
        ([], 3, 0.0),
        ([0, 1], 1, 0.5),
        ([1, 0, 0, 0], 1, 1.0),  # what comes after the last one found costs nothing
    ],
)
def test_plain_cases(right: list[int], there: int, area: float) -> None:
    assert ranking(right, there).average_precision() == pytest.approx(area)


def test_where_nothing_is_to_be_found_there_is_no_precision() -> None:
    assert np.isnan(ranking([0], 0).average_precision())


def test_equal_scores_come_together_in_whatever_order() -> None:
    one = ranking([1, 0, 0, 1], 2, [0.5, 0.5, 0.5, 0.5])
    assert one.average_precision() == pytest.approx(0.5)
    assert ranking([0, 0, 1, 1], 2, [0.5] * 4).average_precision() == one.average_precision()


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_area_under_the_curve_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = np.sort(random.integers(0, 30, 60) / 30)[::-1]  # with ties
    right = random.random(60) < 0.2 + 0.6 * scores
    precision, recall, _ = precision_recall_curve(right, scores)  # recall falls
    area = sum(
        (before - after) * precision[: i + 1].max()
        for i, (before, after) in enumerate(pairwise(recall))
    )
    mine = Ranking(scores, right, int(right.sum())).average_precision()
    assert mine == pytest.approx(area)


def test_overlaps_are_shares_of_the_union() -> None:
    box = np.array([0, 0, 4, 2], np.float32)
    others = np.array([[0, 0, 4, 2], [2, 0, 6, 2], [4, 0, 8, 2], [1, 1, 2, 2]], np.float32)
    assert overlaps(box, others) == pytest.approx([1, 1 / 3, 0, 1 / 8])


def found(*seen: tuple[int, float, tuple[float, ...]]) -> Found:
    classes, scores, boxes = zip(*seen, strict=True) if seen else ((), (), ())
    return Found(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(classes, np.int64),
    )


def truth(*there: tuple[int, tuple[float, ...]]) -> Truth:
    classes, boxes = zip(*there, strict=True) if there else ((), ())
    return Truth(np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int64))


def test_nothing_is_found_twice() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    seen = found((APPLE, 0.6, box), (APPLE, 0.9, (0, 0, 10, 9)), (APPLE, 0.3, (50, 50, 60, 60)))
    result = rank([seen], [truth((APPLE, box))])[APPLE]
    assert result.scores == pytest.approx([0.9, 0.6, 0.3])
    assert result.right.tolist() == [True, False, False]
    assert result.there == 1


def test_each_takes_the_free_box_it_overlaps_most() -> None:
    near, far = (0.0, 0.0, 10.0, 10.0), (0.0, 3.0, 10.0, 13.0)
    seen = found((APPLE, 0.9, (0, 0.5, 10, 10.5)), (APPLE, 0.8, (0, 1, 10, 11)))
    # The second would rather have the box that the first has taken.
    result = rank([seen], [truth((APPLE, far), (APPLE, near))])[APPLE]
    assert result.right.tolist() == [True, True]


def test_classes_and_pictures_are_kept_apart() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    rankings = rank(
        [found((APPLE, 0.9, box)), found((PERSON, 0.8, box)), found()],
        [truth((PERSON, box)), truth((PERSON, box)), truth((APPLE, box))],
    )
    assert [r.right.tolist() for r in (rankings[APPLE], rankings[PERSON])] == [[False], [True]]
    assert [rankings[APPLE].there, rankings[PERSON].there] == [1, 2]
    assert sum(r.there for r in rankings) == 3


def test_an_overlap_below_the_least_is_none() -> None:
    seen, there = found((APPLE, 0.9, (0, 0, 10, 4.9))), truth((APPLE, (0, 0, 10, 10)))
    assert not rank([seen], [there])[APPLE].right[0]
    assert rank([seen], [there], least=0.4)[APPLE].right[0]


def test_the_figures_are_means_over_classes_and_counts_above_the_threshold() -> None:
    rankings = [ranking([1], 1) for _ in CLASSES]
    rankings[APPLE] = ranking([0, 1], 2, [0.9, 0.2])
    told = {figure.name: figure.value for figure in figures(rankings, 0.35)}
    assert told == pytest.approx(
        {
            "mAP@0.5": (20 + 0.25) / 21,
            "lowest AP@0.5 of a class (apple)": 0.25,
            "AP@0.5 of people": 1.0,
            "precision at a score of 0.35": 20 / 21,
            "recall at a score of 0.35": 20 / 22,
        }
    )
