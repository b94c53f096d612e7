"""How a scene looks: contrast and artefacts in the manner of CT, MR, PET, ultrasound and colour-free video.

All work on a volume [z, y, x] of float32, tissue values about 0..1, and are deterministic for a given generator.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .fields import log_uniform, smooth_field

KINDS = ("ct", "mr", "pet", "us", "video")
_SHARES = (0.48, 0.32, 0.06, 0.08, 0.06)


def random_kind(rng: np.random.Generator) -> str:
    return str(rng.choice(KINDS, p=_SHARES))


def blur(volume: np.ndarray, sigma: tuple[float, float, float]) -> np.ndarray:
    for axis, s in enumerate(sigma):
        if s > 0.15:
            volume = gaussian_filter1d(volume, s, axis=axis, mode="nearest", truncate=3.0)
    return volume


def _white(rng: np.random.Generator, shape: tuple[int, ...], sigma: tuple[float, float, float]) -> np.ndarray:
    """Noise of unit variance, correlated over `sigma`."""
    noise = blur(rng.standard_normal(shape, dtype=np.float32), sigma)
    return noise / max(float(noise[:: max(shape[0] // 4, 1)].std()), 1e-6)


def _streaks(rng: np.random.Generator, volume: np.ndarray) -> np.ndarray:
    """Bright and dark rays from one point, as metal throws on a CT; strength varies from slice to slice."""
    d, h, w = volume.shape
    cy, cx = rng.uniform(0, h), rng.uniform(0, w)
    y, x = np.arange(h)[:, None] - cy, np.arange(w)[None, :] - cx
    angle = ((np.arctan2(y, x) / (2 * np.pi) + 0.5) * 719).astype(int)
    fade = 1 / (1 + np.sqrt(y * y + x * x) / (0.25 * w))
    rays = blur(rng.standard_normal((d, 720, 1), dtype=np.float32), (1.0, 2.0, 0.0))[..., 0]
    return volume + rng.uniform(0.03, 0.2) * rays[:, angle] * fade[None]


def _bias(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> np.ndarray:
    d, h, w = shape
    field = smooth_field(rng, shape, (max(d / 2, 4), h / rng.uniform(1.2, 3), w / rng.uniform(1.2, 3)))
    return np.exp(strength * field)


def field_of_view(rng: np.random.Generator, shape: tuple[int, int, int], kind: str) -> np.ndarray | None:
    """The fan [y, x] an ultrasound probe sees, or None where everything is seen."""
    if kind != "us" or rng.random() < 0.6:
        return None
    y, x = np.mgrid[0 : shape[1], 0 : shape[2]]
    return np.abs(x - shape[2] / 2) < rng.uniform(0.25, 0.5) * shape[2] * (0.3 + y / shape[1])


def render(rng: np.random.Generator, volume: np.ndarray, kind: str, noise: float, fan: np.ndarray | None) -> np.ndarray:
    """Add blur, noise and artefacts to a volume of tissue values; `noise` is the noise level in tissue units."""
    shape = volume.shape
    psf = rng.uniform(0.0, 0.9)
    if kind == "ct":
        volume = blur(volume, (0, psf, psf))
        grain = rng.uniform(0.0, 1.1)
        volume = volume + noise * _white(rng, shape, (0, grain, grain))
        if rng.random() < 0.12:
            volume = _streaks(rng, volume)
    elif kind == "mr":
        volume = blur(volume, (0, psf, psf)) * _bias(rng, shape, rng.uniform(0.0, 0.3))
        re = volume + noise * _white(rng, shape, (0, psf * 0.6, psf * 0.6))
        volume = np.sqrt(re * re + (0.6 * noise) ** 2) if rng.random() < 0.5 else np.abs(re)
    elif kind == "pet":
        s = rng.uniform(0.8, 2.0)
        volume = blur(volume, (rng.uniform(0, 0.5), s, s))
        volume = volume + noise * _white(rng, shape, (0.3, s, s)) * np.sqrt(np.clip(volume, 0.02, None)) * 1.5
    elif kind == "us":
        lateral = rng.uniform(0.8, 2.2)
        volume = blur(volume, (0, 0.5, 0.8))
        a = _white(rng, shape, (0.3, rng.uniform(0.4, 0.9), lateral))
        b = _white(rng, shape, (0.3, rng.uniform(0.4, 0.9), lateral))
        speckle = np.sqrt((a * a + b * b) / 2)
        strength = rng.uniform(0.15, 0.6)
        volume = np.clip(volume, 0, None) * (1 - strength + strength * speckle)
        volume = volume * _bias(rng, shape, rng.uniform(0.05, 0.35))
        if rng.random() < 0.5:
            volume = np.log1p(rng.uniform(2, 10) * volume) / 2
        if fan is not None:
            volume = volume * fan
    else:
        volume = blur(volume, (0, psf, psf)) * _bias(rng, shape, rng.uniform(0.1, 0.4))
        volume = volume + noise * 0.5 * _white(rng, shape, (0, 0.5, 0.5))
    return volume


def to_bytes(rng: np.random.Generator, volume: np.ndarray, keep: tuple[float, float]) -> np.ndarray:
    """Window to 0..255: between random percentiles, but never cutting into `keep`, the values of the objects."""
    sample = volume[:, ::4, ::4]
    low, high = np.percentile(sample, [rng.uniform(0, 3), rng.uniform(97, 100)])
    if rng.random() < 0.5:
        low, high = min(low, keep[0]), max(high, keep[1])
    unit = np.clip((volume - low) / max(high - low, 1e-3), 0, 1)
    if rng.random() < 0.3:
        unit = unit ** log_uniform(rng, 0.6, 1.6)
    if rng.random() < 0.15:
        unit = 1 - unit
    if rng.random() < 0.2:  # a wide or badly chosen window: little of the range is used
        a, b = rng.uniform(0, 0.4), rng.uniform(0.6, 1.0)
        unit = a + (b - a) * unit
    return (unit * 255).astype(np.uint8)
