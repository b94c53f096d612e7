"""Invented bodies: walls of muscle and bone around a cavity packed with organs, vessels and a spine.

Structures of real images mostly touch others of similar brightness, are bounded by thin seams of fat, and run through
many slices. Nothing here follows a particular anatomy; every label is a structure that can be asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from . import shapes
from .fields import log_uniform, smooth_curve, smooth_field


@dataclass
class Palette:
    """Tissue values of one scene: what each kind of tissue looks like."""

    air: float
    fat: float
    soft: tuple[float, ...]
    fluid: float
    blood: float
    cortex: float
    marrow: float

    @staticmethod
    def random(rng: np.random.Generator, kind: str) -> "Palette":
        if kind == "ct":
            middle = rng.uniform(0.45, 0.62)
            soft = tuple(middle + rng.uniform(-0.16, 0.2, 4))
            return Palette(-0.4, rng.uniform(0.08, 0.3), soft, middle - rng.uniform(0.05, 0.2),
                           middle + rng.choice([rng.uniform(-0.06, 0.08), rng.uniform(0.15, 0.5)]), rng.uniform(1.0, 1.7), rng.uniform(0.7, 1.0))  # fmt: skip
        soft = tuple(rng.uniform(0.15, 0.75, 4))
        fat, fluid = rng.uniform(0.5, 1.0) if rng.random() < 0.7 else rng.uniform(0.1, 0.4), rng.choice([rng.uniform(0.7, 1.1), rng.uniform(0.02, 0.2)])
        return Palette(0.0, fat, soft, fluid, rng.uniform(0.0, 1.0), rng.uniform(0.0, 0.15), rng.uniform(0.3, 0.9))

    def organ(self, rng: np.random.Generator) -> float:
        kind = rng.random()
        if kind < 0.8:
            return float(rng.choice(self.soft)) + rng.normal(0, 0.025)
        return self.fluid if kind < 0.9 else self.blood


class _Body:
    """The volume being filled: tissue values, label of every voxel (0 = nothing that can be asked for)."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int], aniso: float, palette: Palette):
        self.rng, self.shape, self.aniso, self.palette = rng, shape, aniso, palette
        d, h, w = shape
        self.tissue = np.full(shape, palette.air, np.float32)
        self.labels = np.zeros(shape, np.int16)
        self.count = 0
        # one bend of space for all: nothing is a perfect ellipse, and everything drifts along z
        cell = log_uniform(rng, 0.15, 0.45) * h
        bend = rng.uniform(0.02, 0.06) * h
        cells = (max(cell / aniso, 2.0), cell, cell)
        drift = smooth_curve(rng, d, rng.uniform(6, 16)) * rng.uniform(0, 0.03) * h, smooth_curve(rng, d, rng.uniform(6, 16)) * rng.uniform(0, 0.03) * h
        self.z = ((np.arange(d, dtype=np.float32) - d / 2) * aniso)[:, None, None] + np.zeros(shape, np.float32)
        self.y = (np.arange(h, dtype=np.float32) - h / 2)[None, :, None] + drift[0][:, None, None] + bend * smooth_field(rng, shape, cells)
        self.x = (np.arange(w, dtype=np.float32) - w / 2)[None, None, :] + drift[1][:, None, None] + bend * smooth_field(rng, shape, cells)
        self.fine = smooth_field(rng, shape, (max(0.09 * h / aniso, 1.5), 0.09 * h, 0.09 * h))

    def fill(self, where: np.ndarray, value: float, label: bool) -> int:
        self.tissue[where] = value
        if not label:
            self.labels[where] = 0
            return 0
        self.count += 1
        self.labels[where] = self.count
        return self.count

    def bone(self, depth: np.ndarray) -> None:
        """A bone where depth > 0 (pixels): a rim of cortex around marrow."""
        self.fill(depth > 0, self.palette.cortex, True)
        self.tissue[depth > self.rng.uniform(1.0, 2.5)] = self.palette.marrow + self.rng.normal(0, 0.05)

    def ellipsoid(self, centre: np.ndarray, radii: np.ndarray, wobble: float) -> np.ndarray:
        """Depth in pixels below the surface of a rotated ellipsoid; centre and radii (z, y, x) in pixels."""
        a, b = self.rng.uniform(0, np.pi), self.rng.uniform(-0.6, 0.6)
        about_z = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
        about_x = np.array([[np.cos(b), np.sin(b), 0], [-np.sin(b), np.cos(b), 0], [0, 0, 1]])
        rho = np.zeros(self.shape, np.float32)
        for row, offset in zip((about_x @ about_z) / radii[:, None], (about_x @ about_z) @ centre / radii):
            m = [float(value) for value in row]  # numpy's own scalars would turn all into float64
            along = m[0] * self.z + m[1] * self.y
            along += m[2] * self.x
            along -= float(offset)
            along *= along
            rho += along
        np.sqrt(rho, out=rho)
        return (1 - rho + float(wobble) * self.fine) * float(radii.min())


def _wall(body: _Body, size: float) -> np.ndarray:
    """Skin, fat, muscles in sectors and ribs; returns the depth in pixels below the wall's inner face."""
    rng, palette = body.rng, body.palette
    a, b = size * rng.uniform(0.7, 1.0), size * rng.uniform(0.8, 1.15)
    rho = np.sqrt((body.y / a) ** 2 + (body.x / b) ** 2)
    depth = (1 - rho) * min(a, b)
    body.fill(depth > 0, palette.fat, False)
    body.tissue[(depth > 0) & (depth < rng.uniform(1, 2))] = palette.soft[0]
    angle = np.arctan2(body.y / a, body.x / b) + 0.15 * body.fine
    fat = rng.uniform(0.03, 0.25) * size * (1 + 0.5 * np.sin(angle * int(rng.integers(1, 4)) + rng.uniform(0, 6)))
    thick = rng.uniform(0.06, 0.2) * size
    below = depth - fat
    muscle = (below > 0) & (below < thick)
    sectors = int(rng.integers(3, 11))
    turn = (angle + np.pi + rng.uniform(0, 6)) / (2 * np.pi) * sectors
    arc = 2 * np.pi * size / sectors
    seam = rng.uniform(0.5, 1.5) / arc
    between = np.minimum(turn % 1, 1 - turn % 1) < seam
    value = rng.choice(palette.soft)
    for k in range(sectors):
        body.fill(muscle & (np.floor(turn).astype(int) % sectors == k) & ~between, value + rng.normal(0, 0.015), True)
    if rng.random() < 0.6:
        count = int(rng.integers(2, 9))
        half = rng.uniform(0.22, 0.45) * thick
        for _ in range(count):
            middle = rng.uniform(-np.pi, np.pi) + body.z * rng.uniform(-1, 1) * 1.2 / size
            along = np.abs((angle - middle + math.pi) % (2 * math.pi) - np.pi) * size * 0.85
            body.bone((1 - np.sqrt((along / (half * rng.uniform(1, 4))) ** 2 + ((below - 0.5 * thick) / half) ** 2)) * half)
    return below - thick


def _organs(body: _Body, inside: np.ndarray, size: float) -> None:
    """Organs that share the cavity like soap bubbles, with seams of fat of their own widths, some hollow."""
    rng, palette = body.rng, body.palette
    count = int(rng.integers(4, 15))
    best = np.where(inside > 0, 0.0, 1e3).astype(np.float32)
    second = np.full(body.shape, -1e3, np.float32)
    owner = np.full(body.shape, -1, np.int16)
    span = body.shape[0] * body.aniso
    for k in range(count):
        radius = log_uniform(rng, 0.09, 0.5) * size
        centre = np.array([rng.uniform(-0.5, 0.5) * span, rng.uniform(-0.65, 0.65) * size, rng.uniform(-0.75, 0.75) * size])
        radii = radius * np.array([log_uniform(rng, 0.6, 2.2), rng.uniform(0.45, 1.0), 1.0])
        depth = body.ellipsoid(centre, radii, rng.choice([0.03, 0.1, 0.22]))
        above = depth > best
        second = np.where(above, np.where(owner >= 0, best, second), np.maximum(second, depth))
        owner = np.where(above, k, owner).astype(np.int16)
        best = np.maximum(best, depth)
    clear = best - second
    for k in range(count):
        seam = rng.choice([0.0, rng.uniform(0.5, 2.5)])
        where = (owner == k) & (clear > seam)
        if not where.any():
            continue
        value = palette.organ(rng)
        label = body.fill(where, value, True)
        kind = rng.random()
        if kind < 0.22:  # a wall around gas, fluid or a mixture of both, part of the organ
            content = where & (best > rng.uniform(1.5, 4))
            body.tissue[content] = rng.choice([palette.fluid, palette.air, palette.organ(rng)])
            if rng.random() < 0.4:  # a level between gas and fluid
                body.tissue[content & (body.y < rng.uniform(-0.4, 0.4) * size)] = palette.air
            if rng.random() < 0.25:
                body.labels[content] = 0
        elif kind < 0.34:  # a hilum or sinus that does not belong to it
            inner = where & (best > rng.uniform(0.45, 0.75) * best[where].max())
            body.fill(inner, rng.choice([palette.fat, palette.fluid, palette.blood]), bool(rng.random() < 0.3))
        elif kind < 0.5:  # vessels in it
            lines = np.abs(smooth_field(rng, body.shape, (4, 7, 7))) < 0.08
            body.tissue[where & lines & (best > 2)] += rng.choice([-1, 1]) * rng.uniform(0.05, 0.2)
        if rng.random() < 0.3:
            body.tissue[body.labels == label] += rng.uniform(0.01, 0.05) * body.fine[body.labels == label]


def _spine(body: _Body, size: float) -> None:
    """Vertebrae with canal and processes, discs between them."""
    rng, palette = body.rng, body.palette
    radius, height = rng.uniform(0.12, 0.2) * size, rng.uniform(0.25, 0.5) * size
    y, x = body.y - rng.uniform(0.35, 0.6) * size, body.x - rng.uniform(-0.1, 0.1) * size
    level = (body.z + 0.25 * y * rng.uniform(-1, 1)) / height + rng.uniform(0, 1) + 100
    number, part = np.floor(level).astype(int), level % 1
    column = (1 - np.sqrt((y / (0.8 * radius)) ** 2 + (x / radius) ** 2)) * radius
    behind = y - 1.35 * radius
    canal = np.sqrt(behind**2 + x**2) - 0.45 * radius
    arch = np.where((part > 0.2) & (part < 0.8), 0.3 * radius - np.abs(canal - 0.3 * radius), -5.0)
    spinous = np.where((part > 0.3) & (part < 0.75), np.minimum(0.22 * radius - np.abs(x), 0.8 * radius - np.abs(behind - 1.1 * radius)), -5.0)
    transverse = np.where((part > 0.4) & (part < 0.65), np.minimum(0.25 * radius - np.abs(y - 0.9 * radius), 1.9 * radius - np.abs(x)), -5.0)
    disc = (part < 0.12) | (part > 0.88)
    body.fill(column > 0, rng.choice(palette.soft), False)
    bone = np.maximum.reduce([np.where(disc, -5.0, column), arch, spinous, transverse])
    bone = np.where(canal < 0, -5.0, bone)
    body.fill(canal < 0, palette.fluid if rng.random() < 0.5 else palette.soft[1], bool(rng.random() < 0.7))
    whole = rng.random() < 0.2
    for n in [None] if whole else range(int(number.min()), int(number.max()) + 1):
        body.bone(bone if n is None else np.where(number == n, bone, -5.0))


def _tubes(body: _Body, size: float) -> None:
    rng, palette = body.rng, body.palette
    d, h, w = body.shape
    for _ in range(int(rng.integers(1, 6))):
        radius = rng.uniform(0.03, 0.11) * size
        centre = np.array([d / 2, h / 2 + rng.uniform(-0.6, 0.6) * size, w / 2 + rng.uniform(-0.6, 0.6) * size])
        box = shapes.local_box(body.shape, centre, np.array([d, 0.8 * size, 0.8 * size]), body.aniso)
        if box is None:
            continue
        depth = np.full(body.shape, -5.0, np.float32)
        depth[box.where] = shapes.tube(rng, box, max(radius, 2.0), rng.uniform(0.2, 0.9) * size, int(rng.integers(0, 3)))
        start, stop = np.sort(rng.choice(np.arange(-d // 2, d + d // 2), 2, replace=False))
        depth[: max(start, 0)] = -5.0
        depth[max(stop, start + 4) :] = -5.0
        depth[body.tissue == palette.air] = -5.0
        seam = rng.choice([0.0, 1.5])
        if seam:
            body.fill(depth > -seam, palette.fat, False)
        body.fill(depth > 0, palette.blood if rng.random() < 0.6 else palette.organ(rng), True)
        if rng.random() < 0.25:
            body.tissue[depth > rng.uniform(1.3, 3)] = rng.choice([palette.fluid, palette.air, palette.organ(rng)])


def make_anatomy(rng: np.random.Generator, shape: tuple[int, int, int], aniso: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Tissue values [z, y, x] and labels of one invented body."""
    palette = Palette.random(rng, kind)
    body = _Body(rng, shape, aniso, palette)
    size = 0.5 * shape[1] * rng.choice([rng.uniform(0.75, 1.0), rng.uniform(1.0, 1.7)])
    inside = _wall(body, size)
    filler = palette.fat if rng.random() < 0.6 else float(rng.choice(palette.soft))
    body.fill(inside > 0, filler, False)
    if rng.random() < 0.25:  # two lungs
        for side in (-1, 1):
            lung = body.ellipsoid(np.array([0, rng.uniform(-0.15, 0.15) * size, side * 0.4 * size]), size * np.array([rng.uniform(0.5, 1.6), 0.55, 0.33]), 0.1)
            where = (lung > 0) & (inside > 1)
            body.fill(where, palette.air + rng.uniform(0, 0.1), True)
            lines = np.abs(smooth_field(rng, shape, (4, 6, 6))) < 0.05
            body.tissue[where & lines & (body.fine > 0)] = palette.soft[0]
    occupied = body.labels > 0
    _organs(body, np.where(occupied, -1.0, inside), size)
    if rng.random() < 0.65:
        _spine(body, size)
    _tubes(body, size)
    return body.tissue, body.labels
