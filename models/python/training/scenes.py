"""Endless labelled scenes: small volumes of invented anatomy with several objects that can be asked for.

Nothing here imitates a particular data set. A scene is fixed by its seed alone. Seeds below 1,000,000 are for
training; held-out scenes start at 1,000,000,000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from . import shapes
from .appearance import field_of_view, random_kind, render, to_bytes
from .fields import log_uniform, smooth_field

TRAINING_SEEDS = 1_000_000
HELD_OUT_SEEDS = 1_000_000_000
_MIN_PIXELS = 14


@dataclass
class Scene:
    """image [z, y, x] uint8 and the objects in it, each a boolean mask over the whole volume."""

    image: np.ndarray
    masks: list[np.ndarray]
    kind: str
    aniso: float


def _tissues(rng: np.random.Generator, shape: tuple[int, int, int], aniso: float) -> tuple[np.ndarray, np.ndarray]:
    """Background: tissue values and the index of the region each voxel belongs to (organs packed side by side)."""
    d, h, w = shape
    count = int(rng.integers(2, 7))
    cell = log_uniform(rng, 0.12, 0.4) * h
    cells = (max(cell / aniso, 2.0), cell, cell)
    fields = np.stack([smooth_field(rng, shape, cells) for _ in range(count)])
    order = np.partition(fields, count - 2, axis=0)
    region = fields.argmax(0).astype(np.int16)
    values = np.clip(rng.normal(0.45, rng.uniform(0.03, 0.22), count), 0.05, 1).astype(np.float32)
    tissue = values[region]
    if rng.random() < 0.5:  # fat or capsules between the organs
        seam = rng.uniform(0.02, 0.18)
        between = np.clip(1 - (order[-1] - order[-2]) / seam, 0, 1)
        tissue = tissue + between * (rng.uniform(0.0, 0.9) - tissue)
    tissue = tissue + rng.uniform(0.0, 0.06) * smooth_field(rng, shape, (max(6 / aniso, 1.0), 6.0, 6.0))
    if rng.random() < 0.45:  # a body in air
        y, x = np.linspace(-1, 1, h)[:, None], np.linspace(-1, 1, w)[None]
        a, b = rng.uniform(0.7, 1.0), rng.uniform(0.7, 1.0)
        wobble = 0.06 * smooth_field(rng, (h, w), (h / 4, w / 4))
        body = np.clip((1 - np.sqrt((y / a) ** 2 + (x / b) ** 2) + wobble) * h / 4, 0, 1).astype(np.float32)
        tissue = tissue * body + rng.uniform(0, 0.05) * (1 - body)
        region = np.where(body > 0.5, region, -1).astype(np.int16)
    return tissue.astype(np.float32), region


class _Canvas:
    """The volume being painted: tissue values, and which object (0 = none) covers each voxel."""

    def __init__(self, rng: np.random.Generator, tissue: np.ndarray, aniso: float, noise: float):
        self.rng, self.tissue, self.aniso, self.noise = rng, tissue, aniso, noise
        self.cover = np.zeros(tissue.shape, np.uint8)
        self.count = 0
        self.values: list[float] = []

    def paint(self, box: shapes.Local, depth: np.ndarray, value: float, softness: float) -> int:
        """Paint where depth > 0, with partial volume over `softness` pixels; returns the object's number."""
        share = np.clip(depth / softness + 0.5, 0, 1)
        view = self.tissue[box.where]
        texture = 0.0
        if self.rng.random() < 0.5:
            cell = log_uniform(self.rng, 1.5, 12)
            field = smooth_field(self.rng, depth.shape, (max(cell / self.aniso, 1.0), cell, cell))
            texture = self.rng.uniform(0.01, 0.07) * field
        view += share * (value + texture - view)
        self.count += 1
        self.cover[box.where][share > 0.5] = self.count
        self.values.append(value)
        return self.count

    def value_beside(self, box: shapes.Local, depth: np.ndarray, tiny: bool) -> float:
        """A tissue value that differs from what lies around the shape, often only slightly."""
        rng = self.rng
        around = (depth > -3) & (depth < 0)
        local = self.tissue[box.where]
        base = float(local[around].mean()) if around.any() else float(local.mean())
        contrast = log_uniform(rng, 0.035, 0.12) if rng.random() < 0.3 else log_uniform(rng, 0.1, 0.7)
        contrast = max(contrast, (1.6 if tiny else 0.7) * self.noise)
        sign = 1 if rng.random() < 0.55 else -1
        if not -0.05 <= base + sign * contrast <= 1.25:
            sign = -sign
        return base + sign * contrast


def _add_object(canvas: _Canvas, centre: np.ndarray | None, value: float | None) -> tuple[list[list[int]], np.ndarray, float] | None:
    """Paint one object; returns the groups of numbers that make targets, its centre and its value."""
    rng, shape, aniso = canvas.rng, canvas.tissue.shape, canvas.aniso
    radius = shapes.random_size(rng, shape[1])
    radii = radius * np.array([rng.uniform(0.6, 1.8), rng.uniform(0.5, 1.0), 1.0], np.float32)
    radii[1:] = np.maximum(radii[1:], 2.6)
    radii[0] = np.clip(radii[0], rng.uniform(1.2, 4) * aniso, 0.6 * shape[0] * aniso)
    if centre is None:
        centre = rng.uniform(0.12, 0.88, 3) * np.array(shape)
    form = rng.choice(["ellipsoid", "lobulated", "balls", "tube", "strand", "plate", "irregular", "shell"],
                      p=[0.24, 0.22, 0.1, 0.15, 0.06, 0.04, 0.09, 0.1])  # fmt: skip
    reach = np.array([radii[0] / aniso, radii[1:].max(), radii[1:].max()]) * (1.5 if form in ("lobulated", "tube", "irregular") else 1.2) + 2
    if form == "tube":
        radius = min(radius, 0.12 * shape[1])
        reach = np.array([rng.uniform(3, shape[0]), 3.5 * radius + 6, 3.5 * radius + 6])
    box = shapes.local_box(shape, centre, reach, aniso)
    if box is None:
        return None
    if form in ("ellipsoid", "shell"):
        depth = shapes.ellipsoid(rng, box, radii, rng.uniform(0, 0.12))
    elif form == "lobulated":
        depth = shapes.ellipsoid(rng, box, radii, rng.uniform(0.12, 0.4))
    elif form == "balls":
        depth = shapes.balls(rng, box, radii)
    elif form == "tube":
        depth = shapes.tube(rng, box, radius, reach[1], int(rng.integers(0, 3)))
    elif form == "strand":
        depth = shapes.strand(rng, box, rng.uniform(1.5, max(2.0, 0.25 * radius)), radii)
    elif form == "plate":
        depth = shapes.plate(rng, box, rng.uniform(1.3, 3.5), radii)
    else:
        depth = shapes.irregular(rng, box, radii)
    if rng.random() < 0.3:
        depth = shapes.interrupted(rng, depth)
    if value is None:
        value = canvas.value_beside(box, depth, radius < 6)
    else:  # a look-alike must not melt into its neighbour: where two touch without a seam, no answer is the right one
        taken = ndimage.maximum_filter(canvas.cover[box.where], size=(1, 5, 5)) > 0
        depth = np.where(taken, np.minimum(depth, -2.0), depth)
    softness = rng.uniform(0.8, 2.2) if rng.random() < 0.8 else rng.uniform(2.0, 4.0)
    outer = canvas.paint(box, depth, value, softness)
    groups = [[outer]]
    if form == "shell" or (form in ("ellipsoid", "lobulated", "tube") and rng.random() < 0.25):
        wall = max(1.6, rng.uniform(0.15, 0.45) * min(radius, 20))
        inner = canvas.paint(box, depth - wall, canvas.value_beside(box, depth - wall, False), softness)
        groups = [[outer, inner], [inner]] + ([[outer]] if form == "shell" else [])
    return groups, np.asarray(centre), value


def _organ_targets(rng: np.random.Generator, region: np.ndarray, cover: np.ndarray) -> list[np.ndarray]:
    """Connected parts of the background's regions as targets: large, with look-alike neighbours on every side."""
    found = []
    for index in rng.permutation(region.max() + 1)[:2] if region.max() >= 0 else []:
        parts, count = ndimage.label((region == index) & (cover == 0))
        if count == 0:
            continue
        sizes = np.bincount(parts.ravel())[1:]
        part = parts == 1 + int(sizes.argmax())
        if part.any(axis=(1, 2)).sum() >= 3 and part.sum(axis=(1, 2)).max() < 0.3 * part[0].size:
            found.append(part)
    return found


def make_scene(seed: int) -> Scene:
    """The scene of a seed: image, objects, contrast, slice distance."""
    rng = np.random.default_rng(seed)
    depth, side = int(rng.integers(14, 27)), int(rng.choice([112, 128, 144, 160, 192]))
    shape = (depth, side, side)
    aniso = log_uniform(rng, 1.0, 3.0) if rng.random() < 0.7 else log_uniform(rng, 3.0, 6.0)
    kind = random_kind(rng)
    noise = log_uniform(rng, 0.008, 0.13)
    tissue, region = _tissues(rng, shape, aniso)
    if kind == "pet":
        tissue *= 0.35
    canvas = _Canvas(rng, tissue, aniso, noise)
    groups: list[list[int]] = []
    last: tuple[np.ndarray, float] | None = None
    for _ in range(int(rng.integers(4, 10))):
        centre = value = None
        if last is not None and rng.random() < 0.45:  # a neighbour, often of the same value
            centre = last[0] + rng.normal(0, 1, 3) * np.array([2, 0.09 * side, 0.09 * side])
            value = last[1] + rng.normal(0, 0.03) if rng.random() < 0.7 else None
        added = _add_object(canvas, centre, value)
        if added is not None:
            groups += added[0]
            last = added[1], added[2]
    masks = [np.isin(canvas.cover, group) for group in groups]
    if rng.random() < 0.5:
        masks += _organ_targets(rng, region, canvas.cover)
    fan = field_of_view(rng, shape, kind)
    if fan is not None:
        masks = [mask & fan for mask in masks]
    masks = [mask for mask in masks if mask.sum(axis=(1, 2)).max() >= _MIN_PIXELS]
    keep = (min(canvas.values, default=0.3) - noise, max(canvas.values, default=0.6) + noise)
    volume = canvas.tissue
    if rng.random() < 0.3:  # thick slices mix with their neighbours
        volume = ndimage.convolve1d(volume, np.array([1, 6, 1], np.float32) / 8, axis=0, mode="nearest")
    image = to_bytes(rng, render(rng, volume, kind, noise, fan), keep)
    return Scene(image, [mask for mask in masks if _visible(image, mask) or rng.random() < 0.15], kind, aniso)


def _visible(image: np.ndarray, mask: np.ndarray) -> bool:
    """Whether an object differs from what surrounds it on its largest slice, in mean or in texture, even if faintly."""
    z = int(mask.sum(axis=(1, 2)).argmax())
    inside = mask[z]
    around = ndimage.binary_dilation(inside, iterations=4) & ~ndimage.binary_dilation(inside)
    if not around.any():
        return False
    a, b = image[z][inside].astype(np.float32), image[z][around].astype(np.float32)
    spread = 0.5 * (a.std() + b.std()) + 1
    # the error of a mean shrinks with the root of the area: large faint objects are visible, small ones are not
    standard = spread * np.sqrt(1 / len(a) + 1 / len(b))
    return abs(a.mean() - b.mean()) > max(1.5, 4 * standard, 0.15 * spread) or abs(a.std() - b.std()) > 0.35 * spread
