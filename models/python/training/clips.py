"""Clips: runs of consecutive slices with one object to be followed, as the model sees them.

A clip starts on the prompted slice. Views follow the true object with the errors that a tracker makes, so that the
model learns from inputs like those it will meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import views
from .views import View


_OBJECTS_PER_SCENE = 4


@dataclass
class Clip:
    """images [T, S, S] uint8, targets [T, M, M] uint8 (share of the pixel covered), box [2, 2] (input pixels)."""

    images: np.ndarray
    targets: np.ndarray
    box: np.ndarray


def loosened(rng: np.random.Generator, box: tuple[int, int, int, int], shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """A user's box for a true one: mostly tight (0-10 % off), sometimes loose. Ends in pixel indices or edges."""
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    kind = rng.random()
    last = rng.choice([1.0, 1.0, rng.uniform(0, 1)])  # most mark the last pixel, some its far edge
    if kind < 0.45:
        low, high = -0.02, 0.03
    elif kind < 0.85:
        low, high = -0.06, 0.1
    else:
        low, high = 0.0, 0.3
    e = rng.uniform(low, high, 4)
    out = (x0 - e[0] * w, y0 - e[1] * h, x1 - last + e[2] * w, y1 - last + e[3] * h)
    return max(out[0], 0), max(out[1], 0), min(out[2], shape[1]), min(out[3], shape[0])


def _noisy_follow(rng: np.random.Generator, view: View, box: tuple[int, int, int, int] | None) -> View:
    """The next view as a tracker with imperfect masks would choose it."""
    if box is not None:
        x0, y0, x1, y1 = box
        spread = rng.choice([0.03, 0.08, 0.2], p=[0.5, 0.35, 0.15])
        w, h = x1 - x0, y1 - y0
        e = rng.normal(0, spread, 4)
        a, b = x0 + e[0] * w, y0 + e[1] * h
        box = (a, b, max(x1 + e[2] * w, a + 1), max(y1 + e[3] * h, b + 1))
    elif rng.random() < 0.15:  # a false mask while the object is gone moves the view
        s = view.side
        cx, cy = view.x + rng.uniform(0.35, 0.65) * s, view.y + rng.uniform(0.35, 0.65) * s
        r = rng.uniform(0.15, 0.3) * s
        box = (cx - r, cy - r, cx + r, cy + r)
    following = views.following(view, box)
    return views.enlarged(following) if rng.random() < 0.05 else following


def slice_areas(mask: np.ndarray) -> np.ndarray:
    return mask.sum(axis=(1, 2))


def make_clip(
    rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, key: int, direction: int, length: int, size: int, target: int
) -> Clip:
    """The clip that starts on slice `key` and goes up or down; beyond the volume's end the last slice repeats, empty."""
    box = views.bounding_box(mask[key])
    assert box is not None
    prompt = loosened(rng, box, mask.shape[1:])
    view = views.around_box(prompt)
    images, targets = np.empty((length, size, size), np.uint8), np.empty((length, target, target), np.uint8)
    flip_x, flip_y, turn = rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.5
    corners, pixel = views.into_view(prompt, view, size), size / view.side
    z = key
    for t in range(length):
        z = min(max(key + direction * t, 0), image.shape[0] - 1)
        if t:
            view = _noisy_follow(rng, view, views.bounding_box(mask[min(max(z - direction, 0), len(mask) - 1)]))
        picture, truth = views.resample(views.cut(image[z], view), size), views.coverage(views.cut(mask[z], view), target)
        if flip_x:
            picture, truth = picture[:, ::-1], truth[:, ::-1]
        if flip_y:
            picture, truth = picture[::-1], truth[::-1]
        if turn:
            picture, truth = picture.T, truth.T
        images[t], targets[t] = picture, truth
    # a mirrored pixel index is (last index - index); one slice pixel is `pixel` input pixels
    if flip_x:
        corners[:, 0] = size - pixel - corners[::-1, 0]
    if flip_y:
        corners[:, 1] = size - pixel - corners[::-1, 1]
    if turn:
        corners = corners[:, ::-1].copy()
    return Clip(images, targets, corners)


def choose_start(rng: np.random.Generator, areas: np.ndarray, length: int, smallest: int) -> tuple[int, int] | None:
    """Key slice and direction of a clip. Mostly a large slice; often one from which the object ends within the clip."""
    usable = np.flatnonzero(areas >= smallest)
    if len(usable) == 0:
        return None
    depth = len(areas)
    inside = np.flatnonzero(areas > 0)
    kind = rng.random()
    if length > 1 and kind < (0.45 if length < 8 else 0.6):  # the end of the object falls inside the clip
        direction = int(rng.choice([-1, 1]))
        end = inside[-1] if direction > 0 else inside[0]
        # in long clips early: a volume goes on for long after most objects, and every slice is a chance to start again
        key = int(end - direction * rng.integers(0, length - 1 if length < 8 else length // 2 + 1))
        key = int(usable[np.abs(usable - key).argmin()])
    elif kind < 0.8:
        key = int(rng.choice(usable[areas[usable] >= 0.7 * areas.max()])) if (areas[usable] >= 0.7 * areas.max()).any() else int(usable[0])
        direction = int(rng.choice([-1, 1]))
    else:
        key, direction = int(rng.choice(usable)), int(rng.choice([-1, 1]))
    room = depth - 1 - key if direction > 0 else key
    if room < length - 1:
        other = key if direction > 0 else depth - 1 - key
        if other > room:
            direction, room = -direction, other
    return (key, direction) if room >= length - 1 else None


def clips_of_scene(rng: np.random.Generator, image: np.ndarray, masks: list[np.ndarray], length: int, size: int, target: int) -> list[Clip]:
    """Several clips per object: scenes cost more than clips."""
    clips = []
    # not all of a scene with many objects: a step should see many scenes
    for index in rng.permutation(len(masks))[: _OBJECTS_PER_SCENE]:
        mask = masks[index]
        areas = slice_areas(mask)
        for _ in range(3 if length == 1 else 2):
            start = choose_start(rng, areas, length, 14)
            if start is not None:
                clips.append(make_clip(rng, image, mask, *start, length, size, target))
    return clips
