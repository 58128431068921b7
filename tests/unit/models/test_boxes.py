"""Suppression against the slow and obvious version of itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.models.boxes import suppress


def suppress_one_by_one(boxes, scores, class_ids, max_overlap, limit):
    kept = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        for j in kept:
            w = min(boxes[i][2], boxes[j][2]) - max(boxes[i][0], boxes[j][0])
            h = min(boxes[i][3], boxes[j][3]) - max(boxes[i][1], boxes[j][1])
            shared = max(w, 0) * max(h, 0)
            areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (boxes[i], boxes[j])]
            if class_ids[i] == class_ids[j] and shared > max_overlap * (sum(areas) - shared):
                break
        else:
            kept.append(i)
    return kept[:limit]


# Small whole numbers, so that ties and exact overlaps happen and float32 rounds nothing.
a_box = st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(0, 8)] * 2)
candidates = st.lists(st.tuples(a_box, st.integers(0, 5), st.integers(0, 1)), max_size=25)


@given(
    found=candidates,
    classes=st.booleans(),
    max_overlap=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    limit=st.integers(1, 9),
)
@settings(max_examples=60, deadline=None)
def test_the_best_box_stays(found, classes, max_overlap, limit):
    boxes = np.array([(x, y, x + w, y + h) for (x, y, w, h), _, _ in found], np.float32)
    boxes = boxes.reshape(-1, 4)
    scores = np.array([score for _, score, _ in found], np.float32)
    class_ids = np.array([class_id for *_, class_id in found], np.int64)
    same = class_ids if classes else np.zeros_like(class_ids)
    kept = suppress(
        boxes, scores, class_ids if classes else None, max_overlap=max_overlap, limit=limit
    )
    assert kept.tolist() == suppress_one_by_one(boxes, scores, same, max_overlap, limit)
