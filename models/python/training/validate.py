"""Held-out scenes, segmented as the engine does, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage

from . import views
from .follow import Follower
from .scenes import HELD_OUT_SEEDS, make_scene
from .tracker import Parts


@dataclass
class Case:
    """One structure to find: volume, true mask, key slice, box (x0, y0, x1, y1: first and last pixel)."""

    image: np.ndarray
    truth: np.ndarray
    key: int
    box: tuple[float, float, float, float]
    name: str


@dataclass
class Figures:
    """Medians over cases, and shares. ends: tracking stopped within 2 slices of the object's true end."""

    cases: int
    key_dice: float
    volume_dice: float
    volume_dice_lower_quartile: float
    key_empty: float
    ends: float

    def row(self) -> dict[str, float]:
        return asdict(self)


def largest_slice_case(image: np.ndarray, truth: np.ndarray, name: str) -> Case | None:
    """The case of a structure of >= 100 voxels on >= 3 slices, connected on its largest slice; None for others."""
    areas = truth.sum(axis=(1, 2))
    if areas.sum() < 100 or (areas > 0).sum() < 3:
        return None
    key = int(areas.argmax())
    if ndimage.label(truth[key], np.ones((3, 3)))[1] != 1:
        return None
    x0, y0, x1, y1 = views.bounding_box(truth[key])
    return Case(image, truth, key, (x0, y0, x1 - 1, y1 - 1), name)


def held_out(count: int, first: int = HELD_OUT_SEEDS) -> list[Case]:
    """`count` structures, at most two of one scene."""
    cases: list[Case] = []
    seed = first
    while len(cases) < count:
        scene = make_scene(seed)
        rng = np.random.default_rng([seed, 1])
        taken = 0
        for index in rng.permutation(len(scene.masks)):
            case = largest_slice_case(scene.image, scene.masks[index], f"{scene.kind}-{seed}-{index}")
            if case is not None and taken < 2:
                cases.append(case)
                taken += 1
        seed += 1
    return cases[:count]


def dice(a: np.ndarray, b: np.ndarray) -> float:
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else 2 * int((a & b).sum()) / total


def end_distances(found: np.ndarray, truth: np.ndarray, room: int = 3) -> list[int]:
    """Per end of the object that has `room` slices of volume beyond it: slices between true and found end."""
    true, seen = np.flatnonzero(truth.any(axis=(1, 2))), np.flatnonzero(found.any(axis=(1, 2)))
    out = []
    if len(seen) and true[0] >= room:
        out.append(abs(int(true[0]) - int(seen[0])))
    if len(seen) and len(truth) - 1 - true[-1] >= room:
        out.append(abs(int(true[-1]) - int(seen[-1])))
    return out


def validate(parts: Parts, cases: list[Case], view: str = "roi") -> tuple[Figures, list[dict[str, object]]]:
    """Figures over the cases, and one row per case."""
    rows, ends = [], []
    for case in cases:
        found = Follower(parts, case.image, view).segment(case.key, case.box)
        ends += end_distances(found, case.truth)
        rows.append(
            {
                "name": case.name,
                "key": dice(found[case.key], case.truth[case.key]),
                "volume": dice(found, case.truth),
                "empty": not found[case.key].any(),
                "box": max(case.box[2] - case.box[0], case.box[3] - case.box[1]) + 1,
            }
        )
    volume = [r["volume"] for r in rows]
    figures = Figures(
        len(rows),
        float(np.median([r["key"] for r in rows])),
        float(np.median(volume)),
        float(np.quantile(volume, 0.25)),
        float(np.mean([r["empty"] for r in rows])),
        float(np.mean(np.array(ends) <= 2)) if ends else 1.0,
    )
    return figures, rows
