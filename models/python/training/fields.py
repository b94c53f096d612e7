"""Smooth random fields: the raw material of shapes, textures and bias fields."""

from __future__ import annotations

import numpy as np


def _spline_weights(length: int, cell: float, offset: float) -> np.ndarray:
    """Weights [length, knots] of a uniform cubic B-spline with `cell` samples between knots."""
    position = np.arange(length, dtype=np.float32) / max(cell, 1e-3) + offset
    knots = int(np.floor(position[-1])) + 4
    weights = np.zeros((length, knots), np.float32)
    left = np.floor(position).astype(int)
    t = position - left
    rows = np.arange(length)
    weights[rows, left] = (1 - t) ** 3 / 6
    weights[rows, left + 1] = (3 * t**3 - 6 * t**2 + 4) / 6
    weights[rows, left + 2] = (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6
    weights[rows, left + 3] = t**3 / 6
    return weights


def smooth_field(rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[float, ...]) -> np.ndarray:
    """A random field of about unit variance and zero mean; `cells` is the coarseness in samples per axis."""
    weights = [_spline_weights(n, c, rng.random()) for n, c in zip(shape, cells)]
    field = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    for axis, w in enumerate(weights):
        field = np.moveaxis(np.tensordot(w, field, axes=(1, axis)), 0, axis)
    # A cubic B-spline of white noise keeps about 0.48 of its variance per axis.
    return np.ascontiguousarray(field / 0.69 ** len(shape))


def smooth_curve(rng: np.random.Generator, length: int, cell: float) -> np.ndarray:
    """A random curve [length] of about unit variance."""
    return smooth_field(rng, (length,), (cell,))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
