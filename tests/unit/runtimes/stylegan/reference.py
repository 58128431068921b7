"""The papers' formulas in float64 numpy, as literally as they can be written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import convolve2d, fftconvolve

Real = NDArray[np.float64]


def upfirdn(
    x: Real, taps: Real, up: int, down: int, before: int, after: int, gain: float = 1
) -> Real:
    """Zero-insertion, padding or cropping, true convolution, decimation; x is (c, h, w)."""
    taps = np.outer(taps, taps) if taps.ndim == 1 else taps
    made = []
    for channel in x:
        height, width = channel.shape
        spread = np.zeros((height * up, width * up))
        spread[::up, ::up] = channel
        spread = np.pad(spread, (max(before, 0), max(after, 0)))
        first, last = max(-before, 0), max(-after, 0)
        spread = spread[first : spread.shape[0] - last, first : spread.shape[1] - last]
        made.append(fftconvolve(spread, taps * gain, mode="valid")[::down, ::down])
    return np.stack(made)


def convolution(x: Real, weight: Real, padding: int) -> Real:
    """The usual correlation of (i, h, w) and (o, i, k, k)."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    flipped = weight[:, :, ::-1, ::-1]
    return np.stack(
        [fftconvolve(x, each, mode="valid", axes=(1, 2)).sum(axis=0) for each in flipped]
    )


def modulated(weight: Real, style: Real, demodulate: bool) -> Real:
    """Equations 1 and 3 of StyleGAN2 for one sample."""
    weight = weight * style[None, :, None, None]
    if demodulate:
        weight = weight / np.sqrt((weight**2).sum((1, 2, 3), keepdims=True) + 1e-8)
    return weight


def activation(x: Real, slope: float, gain: float, clamp: float | None) -> Real:
    x = np.where(x > 0, x, slope * x) * gain
    return x if clamp is None else np.clip(x, -clamp, clamp)


def double(x: Real, taps: Real) -> Real:
    """Twice the resolution: a filter of 4 taps sits astride the samples, 2 before and 1 after."""
    return upfirdn(x, taps, 2, 1, 2, 1, gain=4)


def styled(
    x: Real, weight: Real, style: Real, bias: Real, *, noise: Any = 0, up: Any = None,
    demodulate: bool = True, slope: float = 0.2, gain: float = 2**0.5, clamp: float | None = None,
) -> Real:  # fmt: skip
    """A StyleGAN2 layer for one sample: a kernel turns over where it upsamples."""
    weight = modulated(weight, style, demodulate)
    padding = weight.shape[2] // 2
    if up is None:
        x = convolution(x, weight, padding)
    else:
        spread = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2]))
        spread[:, ::2, ::2] = x
        # All of it linear: upsampling's filter first, the convolution after, both full size.
        spread = np.pad(spread, ((0, 0), (8, 8), (8, 8)))
        filtered = np.stack([convolve2d(c, 4 * up, mode="full") for c in spread])
        spread = convolution(filtered, weight[:, :, ::-1, ::-1], 0)
        # The filter in full begins 1 before `double`, and the convolution in part 1 after.
        height, width = 2 * x.shape[1], 2 * x.shape[2]
        x = spread[:, 8 : 8 + height, 8 : 8 + width]
    return activation(x + noise + bias[:, None, None], slope, gain, clamp)


def affine(x: Real, layer: dict[str, Real], multiplier: float = 1) -> Real:
    weight = layer["weight"]
    return x @ weight.T * (multiplier / np.sqrt(weight.shape[1])) + layer["bias"] * multiplier


def pixel_norm(x: Real) -> Real:
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)


class Tensors:
    """A checkpoint's tensors in float64, by parts of their names."""

    def __init__(self, tensors: dict[str, Any]) -> None:
        self.all = {name: np.asarray(value, np.float64) for name, value in tensors.items()}

    def at(self, prefix: str) -> dict[str, Real]:
        start = prefix + "."
        return {n[len(start) :]: value for n, value in self.all.items() if n.startswith(start)}


def map2(tensors: Tensors, z: Real, c: Real | None, depth: int) -> Real:
    x = pixel_norm(z)
    if c is not None:
        x = np.concatenate((x, pixel_norm(affine(c, tensors.at("mapping.embed")))), axis=1)
    for index in range(depth):
        x = activation(affine(x, tensors.at(f"mapping.fc{index}"), 0.01), 0.2, 2**0.5, None)
    return x


def synthesize2(tensors: Tensors, w: Real, architecture: str, noisy: bool) -> Real:
    """One image of StyleGAN2 from w (num_ws, w_dim)."""
    x = tensors.all["synthesis.b4.const"]
    image, at, resolution = None, 0, 4
    while f"synthesis.b{resolution}.conv1.weight" in tensors.all:
        block = f"synthesis.b{resolution}"
        beside = None
        if f"{block}.skip.weight" in tensors.all:
            kernel = tensors.all[f"{block}.skip.weight"] / np.sqrt(len(x))
            beside = double(convolution(x, kernel, 0), tensors.all[f"{block}.skip.resample_filter"])
            beside *= 0.5**0.5
        for name in ("conv0", "conv1"):
            layer = tensors.at(f"{block}.{name}")
            if not layer:
                continue
            x = styled(
                x, layer["weight"], affine(w[at : at + 1], tensors.at(f"{block}.{name}.affine"))[0],
                layer["bias"],
                noise=layer["noise_const"] * layer["noise_strength"] if noisy else 0,
                up=layer["resample_filter"] if name == "conv0" else None,
            )  # fmt: skip
            at += 1
        if beside is not None:
            x = x * 0.5**0.5 + beside
        if image is not None:
            image = double(image, tensors.all[f"{block}.resample_filter"])
        rgb = tensors.at(f"{block}.torgb")
        if rgb:
            style = affine(w[at : at + 1], tensors.at(f"{block}.torgb.affine"))[0]
            made = styled(x, rgb["weight"], style / np.sqrt(len(x)), rgb["bias"],
                          demodulate=False, slope=1, gain=1)  # fmt: skip
            image = made if image is None else image + made
        resolution *= 2
    return image


def fourier(layer: dict[str, Real], given: Real, rate: int, cutoff: float, size: int) -> Real:
    """StyleGAN3's input for one sample: waves at the points that the placement leads to."""
    given = given / np.hypot(given[0], given[1])
    turn = np.array([[given[0], -given[1], 0], [given[1], given[0], 0], [0, 0, 1]])
    move = np.array([[1, 0, -given[2]], [0, 1, -given[3]], [0, 0, 1]])
    matrix = turn @ move @ layer["transform"]
    places = (np.arange(size) + 0.5 - size / 2) / rate
    waves = np.zeros((len(layer["freqs"]), size, size))
    fade = np.linalg.norm(layer["freqs"] @ matrix[:2, :2], axis=1)
    fade = np.clip(1 - (fade - cutoff) / (rate / 2 - cutoff), 0, 1)
    for row, y in enumerate(places):
        for column, x in enumerate(places):
            point = (matrix @ np.array([x, y, 1]))[:2]
            turns = layer["freqs"] @ point + layer["phases"]
            waves[:, row, column] = np.sin(2 * np.pi * turns) * fade
    mixed: Real = np.einsum("oi,ihw->ohw", layer["weight"] / np.sqrt(len(waves)), waves)
    return mixed
