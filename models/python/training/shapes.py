"""Shapes of generated objects as functions over a box of the volume: positive inside, about in pixels.

A shape is drawn in a local box (slices z0:z1, rows y0:y1, columns x0:x1); `depth` is the distance to the surface in
in-plane pixels, positive inside. Slices are `aniso` in-plane pixels apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fields import log_uniform, smooth_curve, smooth_field


@dataclass
class Local:
    """Coordinates of a local box relative to a centre, in in-plane pixels, and where the box lies."""

    z: np.ndarray  # [d, 1, 1]
    y: np.ndarray  # [1, h, 1]
    x: np.ndarray  # [1, 1, w]
    where: tuple[slice, slice, slice]
    aniso: float

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.z.shape[0], self.y.shape[1], self.x.shape[2]


def local_box(volume: tuple[int, int, int], centre: np.ndarray, reach: np.ndarray, aniso: float) -> Local | None:
    """The part of the volume within `reach` (z in slices, y, x in pixels) of `centre`; None where it is empty."""
    low = np.maximum(np.floor(centre - reach).astype(int), 0)
    high = np.minimum(np.ceil(centre + reach).astype(int) + 1, volume)
    if np.any(high - low < 1):
        return None
    z, y, x = (np.arange(a, b, dtype=np.float32) - c for a, b, c in zip(low, high, centre))
    where = tuple(slice(a, b) for a, b in zip(low, high))
    return Local((z * aniso)[:, None, None], y[None, :, None], x[None, None, :], where, aniso)


def _rotation(rng: np.random.Generator, tilt: float) -> np.ndarray:
    """A rotation about z by any angle and about x by up to `tilt` radians."""
    a, b = rng.uniform(0, 2 * np.pi), rng.uniform(-tilt, tilt)
    about_z = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_x = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return (about_x @ about_z).astype(np.float32)


def ellipsoid(rng: np.random.Generator, box: Local, radii: np.ndarray, lobes: float) -> np.ndarray:
    """A rotated super-ellipsoid whose radius wobbles by `lobes` (0 smooth, 0.4 strongly lobulated)."""
    m = _rotation(rng, rng.uniform(0, 0.6))
    power = rng.choice([2.0, 2.0, 2.0, 3.0])
    total = np.zeros(box.shape, np.float32)
    for row, r in zip(m, radii):
        along = (box.z * row[0] + box.y * row[1] + box.x * row[2]) / r
        total += along * along if power == 2.0 else np.abs(along) ** power
    rho = np.sqrt(total) if power == 2.0 else total ** (1 / power)
    if lobes > 0:
        cell = rng.uniform(0.35, 1.0) * radii
        field = smooth_field(rng, box.shape, (max(cell[0] / box.aniso, 2.0), max(cell[1], 2.0), max(cell[2], 2.0)))
        rho = rho * (1 + lobes * np.clip(field, -1.8, 1.8))
    return (1 - rho) * radii.min()


def balls(rng: np.random.Generator, box: Local, radii: np.ndarray) -> np.ndarray:
    """A union of two to five balls that overlap: lobes, clovers, bilobed lesions."""
    depth = np.full(box.shape, -1e3, np.float32)
    size = radii.min() if radii.min() > 2 else radii.max()
    for _ in range(rng.integers(2, 6)):
        c = rng.uniform(-0.55, 0.55, 3) * radii
        r = rng.uniform(0.35, 0.65) * size
        distance = np.sqrt((box.z - c[0]) ** 2 + (box.y - c[1]) ** 2 + (box.x - c[2]) ** 2)
        depth = np.maximum(depth, r - distance)
    return depth


def tube(rng: np.random.Generator, box: Local, radius: float, reach: float, branches: int) -> np.ndarray:
    """A vessel or bowel that runs along z, wanders within `reach`, changes calibre and may split into branches."""
    d = box.shape[0]
    cell = rng.uniform(5, 14)
    cy, cx = (smooth_curve(rng, d, cell) * rng.uniform(0.05, 0.35) * reach for _ in range(2))
    r = radius * np.exp(rng.uniform(0.05, 0.35) * smooth_curve(rng, d, cell))
    angle, ratio = rng.uniform(0, np.pi), rng.uniform(0.55, 1.0)
    depth = np.full(box.shape, -1e3, np.float32)
    fork = rng.integers(0, max(d, 1))
    sign = rng.choice([-1, 1])
    for branch in range(branches + 1):
        apart = np.maximum(sign * (np.arange(d) - fork), 0) * box.aniso if branch else np.zeros(d)
        turn = rng.uniform(0, 2 * np.pi)
        slope = rng.uniform(0.1, 0.8)
        by, bx = cy + np.sin(turn) * slope * apart, cx + np.cos(turn) * slope * apart
        dy, dx = box.y - by[:, None, None], box.x - bx[:, None, None]
        u, v = np.cos(angle) * dy + np.sin(angle) * dx, (np.cos(angle) * dx - np.sin(angle) * dy) / ratio
        rb = (r * (rng.uniform(0.5, 0.9) if branch else 1.0))[:, None, None]
        depth = np.maximum(depth, (rb - np.sqrt(u * u + v * v)) * ratio)
    return depth.astype(np.float32)


def strand(rng: np.random.Generator, box: Local, radius: float, radii: np.ndarray) -> np.ndarray:
    """A thin structure along a random polyline in any direction (capsules)."""
    points = rng.uniform(-0.9, 0.9, (rng.integers(2, 5), 3)) * radii
    depth = np.full(box.shape, -1e3, np.float32)
    for a, b in zip(points[:-1], points[1:]):
        ab = b - a
        t = ((box.z - a[0]) * ab[0] + (box.y - a[1]) * ab[1] + (box.x - a[2]) * ab[2]) / max(float(ab @ ab), 1e-3)
        t = np.clip(t, 0, 1)
        distance = (box.z - a[0] - t * ab[0]) ** 2 + (box.y - a[1] - t * ab[1]) ** 2 + (box.x - a[2] - t * ab[2]) ** 2
        depth = np.maximum(depth, radius - np.sqrt(distance))
    return depth.astype(np.float32)


def plate(rng: np.random.Generator, box: Local, thickness: float, radii: np.ndarray) -> np.ndarray:
    """A curved sheet within an ellipsoid."""
    m = _rotation(rng, 0.5)
    along = box.z * m[1][0] + box.y * m[1][1] + box.x * m[1][2]
    bend = smooth_field(rng, box.shape, (max(radii[0] / box.aniso, 1.5), radii[1], radii[2])) * rng.uniform(0.1, 0.5) * radii.max()
    limit = (1 - np.sqrt((box.z / radii[0]) ** 2 + (box.y / radii[1]) ** 2 + (box.x / radii[2]) ** 2)) * radii.min()
    return np.minimum(thickness - np.abs(along + bend), limit).astype(np.float32)


def irregular(rng: np.random.Generator, box: Local, radii: np.ndarray) -> np.ndarray:
    """The inside of a level set of a random field, within an ellipsoid: oedema, infiltrating growth."""
    cell = rng.uniform(0.35, 0.7) * radii
    field = smooth_field(rng, box.shape, (max(cell[0] / box.aniso, 2.0), max(cell[1], 2.0), max(cell[2], 2.0)))
    limit = 1 - np.sqrt((box.z / radii[0]) ** 2 + (box.y / radii[1]) ** 2 + (box.x / radii[2]) ** 2)
    return ((limit * 1.6 + field * 0.45 - 0.2) * radii.min()).astype(np.float32)


def interrupted(rng: np.random.Generator, depth: np.ndarray) -> np.ndarray:
    """The same shape cut off at a slice, or missing on a few slices in its middle."""
    inside = np.flatnonzero((depth > 0).any(axis=(1, 2)))
    if len(inside) < 4:
        return depth
    depth = depth.copy()
    if rng.random() < 0.5:
        cut = rng.integers(inside[0] + 2, inside[-1] + 1)
        depth[cut:] = -1e3
        if rng.random() < 0.5:
            depth = depth[::-1].copy() if len(inside) == depth.shape[0] else depth
    else:
        gap = rng.integers(1, 4)
        start = rng.integers(inside[0] + 1, max(inside[-1] - gap, inside[0] + 2))
        depth[start : start + gap] = -1e3
    return depth


def random_size(rng: np.random.Generator, side: int) -> float:
    """In-plane radius in pixels, from 3 (tiny) to a third of the image."""
    kind = rng.random()
    if kind < 0.25:
        return rng.uniform(3, 6)
    if kind < 0.8:
        return log_uniform(rng, 6, 0.17 * side)
    return log_uniform(rng, 0.12 * side, 0.33 * side)
