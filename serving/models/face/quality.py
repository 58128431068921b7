"""How much the picture of a face can be trusted: how sharp it is, where it looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from serving.models.face.align import LUMA, Aligned

# Of a head seen from the front: where the tip of the nose is between the eyes (0) and the
# mouth (1), as portraits have it; the distance of these, in distances of the eyes, by the
# template of alignment; how far the nose stands out, some 32 mm where the eyes are 63 apart.
_NOSE_LEVEL = 0.56
_FACE_HEIGHT = 1.156
_NOSE_DEPTH = 0.5


def sharpness(aligned: Aligned) -> NDArray[np.float32]:
    """(n,) float32: the variance of the Laplacian (4 neighbours) of the grey crops.

    Only pixels that lie, with their neighbours, on the picture count; 0 where none does. A
    face smaller than its crop was enlarged, which is a blur and measures as one.
    """
    crops = aligned.crops
    grey = crops[:, 0] if crops.shape[1] == 1 else np.einsum("c,ncyx->nyx", LUMA, crops)
    edges = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    edges -= 4 * grey[:, 1:-1, 1:-1]
    inside = aligned.inside
    counted = inside[:, :-2, 1:-1] & inside[:, 2:, 1:-1] & inside[:, 1:-1, :-2]
    counted &= inside[:, 1:-1, 2:]
    result = [
        values[mask].var() if mask.any() else 0.0
        for values, mask in zip(edges, counted, strict=True)
    ]
    return np.array(result, np.float32)


def angles(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 3) float32: yaw, pitch and roll in degrees, of (n, 5, 2) landmarks.

    Yaw is positive towards the person's left, pitch upwards, roll clockwise in the picture.

    The eyes and the mouth are taken for a plane seen from afar, the nose for a point in
    front of it. Roll is the direction across the face: of the eyes, of the mouth's corners
    and at right angles to the line from eyes to mouth, together. Turned back by it, the
    nose is off the middle by depth · sin yaw while the eyes' distance shrinks by cos yaw,
    so that the quotient is a tangent; likewise for pitch with the nose's level between eyes
    and mouth. Without a camera's parameters and the person's own proportions this is good
    to some ten degrees.
    """
    if not len(landmarks):
        return np.empty((0, 3), np.float32)
    points = landmarks[..., 0].astype(np.float64) + 1j * landmarks[..., 1]
    right_eye, left_eye, nose, right_mouth, left_mouth = points.T
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    across = (left_eye - right_eye) + (left_mouth - right_mouth) - 1j * (mouth - eyes)
    roll = np.angle(across)

    upright = np.exp(-1j * roll)
    width = ((left_eye - right_eye) * upright).real
    height = ((mouth - eyes) * upright).imag
    offset = (nose - (eyes + mouth) / 2) * upright
    yaw = np.arctan2(offset.real / _NOSE_DEPTH, np.maximum(width, 0))
    level = (0.5 - _NOSE_LEVEL) * height + offset.imag  # below where it is seen from the front
    pitch = np.arctan2(-level * (_FACE_HEIGHT / _NOSE_DEPTH), np.maximum(height, 0))
    result = np.degrees(np.stack([yaw, pitch, roll], axis=1))
    return result.astype(np.float32)
