"""Endless labelled scenes: small volumes of invented anatomy with several objects that can be asked for.

Nothing here imitates a particular data set. A scene is fixed by its seed alone. Seeds below 1,000,000 are for
training; held-out scenes start at 1,000,000,000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from . import shapes
from .anatomy import make_anatomy
from .appearance import blur, field_of_view, random_kind, render, to_bytes
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


def _largest_parts(labels: np.ndarray) -> list[np.ndarray]:
    """Every label as a mask: all of it where its pieces are comparable, else its largest piece."""
    found = []
    for label, where in enumerate(ndimage.find_objects(labels), 1):
        if where is None:
            continue
        mine = labels[where] == label
        parts, count = ndimage.label(mine)
        sizes = np.bincount(parts.ravel())[1:]
        if count > 1 and np.sort(sizes)[-2] < 0.4 * sizes.max():
            mine = parts == 1 + int(sizes.argmax())
        areas = mine.sum(axis=(1, 2))
        if (areas > 0).sum() >= 3 and areas.max() < 0.35 * labels[0].size:
            mask = np.zeros(labels.shape, bool)
            mask[where] = mine
            found.append(mask)
    return found


def _lesions(rng: np.random.Generator, canvas: _Canvas, count: int) -> list[list[int]]:
    """Paint objects; some beside the last one, often of the same value. Returns the groups of numbers that make targets."""
    groups: list[list[int]] = []
    last: tuple[np.ndarray, float] | None = None
    for _ in range(count):
        centre = value = None
        if last is not None and rng.random() < 0.45:
            centre = last[0] + rng.normal(0, 1, 3) * np.array([2, 0.09 * canvas.tissue.shape[1], 0.09 * canvas.tissue.shape[1]])
            value = last[1] + rng.normal(0, 0.03) if rng.random() < 0.7 else None
        added = _add_object(canvas, centre, value)
        if added is not None:
            groups += added[0]
            last = added[1], added[2]
    return groups


def make_scene(seed: int) -> Scene:
    """The scene of a seed: image, objects, contrast, slice distance. Six in ten are bodies, the others loose objects."""
    rng = np.random.default_rng(seed)
    kind = random_kind(rng)
    body = rng.random() < (0.8 if kind in ("ct", "mr") else 0.2)
    aniso = log_uniform(rng, 0.8, 2.0) if rng.random() < 0.65 else log_uniform(rng, 2.0, 6.0)
    depth = int(rng.integers(14, 27)) if aniso > 2 or not body else int(rng.integers(20, 41))
    side = int(rng.choice([96, 112, 128, 144, 160]) if body else rng.choice([112, 128, 144, 160, 192]))
    shape = (depth, side, side)
    noise = log_uniform(rng, 0.006, 0.07 if body else 0.1)
    if body:
        tissue, labels = make_anatomy(rng, shape, aniso, kind)
        edge = rng.uniform(0.3, 0.8)
        tissue = blur(tissue, (rng.choice([0.0, 0.35, 0.5]), edge, edge))
        count = int(rng.integers(0, 4))
    else:
        tissue, labels = _tissues(rng, shape, aniso)
        labels = (labels + 1).astype(np.int16) if rng.random() < 0.5 else np.zeros(shape, np.int16)
        count = int(rng.integers(4, 10))
    if kind == "pet":
        tissue *= 0.35
    canvas = _Canvas(rng, tissue, aniso, noise)
    groups = _lesions(rng, canvas, count)
    masks = [np.isin(canvas.cover, group) for group in groups]
    masks += _largest_parts(np.where(canvas.cover > 0, 0, labels))
    fan = field_of_view(rng, shape, kind)
    if fan is not None:
        masks = [mask & fan for mask in masks]
    masks = [mask for mask in masks if mask.sum(axis=(1, 2)).max() >= _MIN_PIXELS]
    volume = canvas.tissue
    if rng.random() < 0.3:  # thick slices mix with their neighbours
        volume = ndimage.convolve1d(volume, np.array([1, 6, 1], np.float32) / 8, axis=0, mode="nearest")
    rendered = render(rng, volume, kind, noise, fan)
    if body and kind == "ct":  # a fixed window, in which air is black and bone white
        image = (np.clip((rendered - rng.uniform(-0.1, 0.15)) / rng.uniform(0.7, 1.2), 0, 1) * 255).astype(np.uint8)
    else:
        keep = (min(canvas.values, default=0.3) - noise, max(canvas.values, default=0.6) + noise)
        image = to_bytes(rng, rendered, keep)
    chances = rng.random((len(masks), 2))
    kept = [m for m, (a, b) in zip(masks, chances) if a < _share_of_shape(m) and (b < 0.03 or _visible(image, m))]
    return Scene(image, kept, kind, aniso)


def _share_of_shape(mask: np.ndarray) -> float:
    """How often a shape is asked for: bodies have more thin sheets and arcs than organs, users ask for organs."""
    flat = mask[int(mask.sum(axis=(1, 2)).argmax())]
    rows, columns = np.flatnonzero(flat.any(1)), np.flatnonzero(flat.any(0))
    fill = flat.sum() / ((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1))
    return 1.0 if fill > 0.62 else 0.5 if fill > 0.5 else 0.2


def _visible(image: np.ndarray, mask: np.ndarray) -> bool:
    """Whether most of an object's outline on its largest slice is seen in the image, judged in eight directions."""
    z = int(mask.sum(axis=(1, 2)).argmax())
    rows, columns = np.flatnonzero(mask[z].any(1)), np.flatnonzero(mask[z].any(0))
    y0, y1, x0, x1 = max(rows[0] - 4, 0), rows[-1] + 5, max(columns[0] - 4, 0), columns[-1] + 5
    inside, pixels = mask[z, y0:y1, x0:x1], image[z, y0:y1, x0:x1].astype(np.float32)
    within = ndimage.distance_transform_cdt(np.pad(inside, 1))[1:-1, 1:-1]
    beyond = ndimage.distance_transform_cdt(~inside)
    inner, outer = (within > 0) & (within <= 2), (beyond > 0) & (beyond <= 2)
    y, x = np.indices(inside.shape)
    sector = np.floor((np.arctan2(y - y[inside].mean(), x - x[inside].mean()) / np.pi + 1) * 4).astype(int) % 8
    sums = []
    for ring in (inner, outer):
        count = np.maximum(np.bincount(sector[ring], minlength=8), 1)
        mean = np.bincount(sector[ring], pixels[ring], 8) / count
        spread = np.bincount(sector[ring], pixels[ring] ** 2, 8) / count - mean**2
        sums.append((count, mean, np.maximum(spread, 1.0)))
    (n, a, v), (m, b, w) = sums
    used = (np.bincount(sector[inner], minlength=8) > 0) & (np.bincount(sector[outer], minlength=8) > 0)
    seen = np.abs(a - b) > np.maximum.reduce([np.full(8, 4.0), 3 * np.sqrt(v / n + w / m), 0.6 * np.sqrt(0.5 * (v + w))])
    return used.any() and float(seen[used].mean()) >= 0.6
