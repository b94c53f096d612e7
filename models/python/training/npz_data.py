"""Clips of one's own labelled volumes: a folder of npz files with `imgs` and `gts` (specification 8.2), full view."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from . import views
from .clips import Clip, loosened
from .feed import Shape

_ATTEMPTS = 1000


class BadData(SystemExit):
    """A folder or file that cannot be trained on; the message says which and why."""


def read_volume(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """imgs and gts [z, y, x] uint8 of one file; nothing in the file is executed."""
    try:
        with np.load(path, allow_pickle=False) as content:
            missing = {"imgs", "gts"} - set(content.files)
            if missing:
                raise BadData(f"{path.name} has no array {' and no '.join(sorted(missing))}; it holds {', '.join(content.files)}")
            images, labels = content["imgs"], content["gts"]
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise BadData(f"{path.name} is not a readable npz file: {error}") from error
    if images.ndim != 3 or images.shape != labels.shape:
        raise BadData(f"{path.name}: imgs {images.shape} and gts {labels.shape} are not volumes (z, y, x) of one shape")
    if images.dtype != np.uint8:
        raise BadData(f"{path.name}: imgs are {images.dtype}; window them to uint8 0..255 first")
    return images, labels


def _affine(rng: np.random.Generator, size: int) -> tuple[float, ...]:
    """Coefficients of Pillow's affine transform about the centre: up to 25 degrees, shear up to 20 degrees."""
    turn, shear = np.deg2rad(rng.uniform(-25, 25)), np.tan(np.deg2rad(rng.uniform(-20, 20)))
    m = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array([[1, shear], [0, 1]])
    centre = np.array([size / 2, size / 2])
    shift = centre - m @ centre
    return (m[0, 0], m[0, 1], shift[0], m[1, 0], m[1, 1], shift[1])


class NpzSource:
    """Random clips of random objects of random files. Objects must be visible on the clip's first slice."""

    def __init__(self, folder: Path, augment: bool = True):
        self.files = sorted(folder.rglob("*.npz"))
        self.augment = augment
        if not self.files:
            raise BadData(f"{folder} holds no npz file")
        for path in self.files:
            read_volume(path)

    def clips(self, seed: int, group: int, count: int, shape: Shape) -> list[Clip]:
        rng = np.random.default_rng([seed, group, 7])
        found: list[Clip] = []
        loaded: dict[Path, tuple[np.ndarray, np.ndarray]] = {}
        for _ in range(_ATTEMPTS * count):
            path = self.files[int(rng.integers(len(self.files)))]
            if path not in loaded:
                if len(loaded) > 3:
                    loaded.pop(next(iter(loaded)))
                loaded[path] = read_volume(path)
            clip = self._clip(rng, *loaded[path], shape)
            if clip is not None:
                found.append(clip)
            if len(found) == count:
                return found
        raise BadData(f"no object is visible at the start of {shape.length} consecutive slices in any file")

    def _clip(self, rng: np.random.Generator, images: np.ndarray, labels: np.ndarray, shape: Shape) -> Clip | None:
        if len(images) < shape.length:
            return None
        first = int(rng.integers(0, len(images) - shape.length + 1))
        present = np.unique(labels[first])
        present = present[present > 0]
        if len(present) == 0:
            return None
        mask = labels[first : first + shape.length] == rng.choice(present)
        flip = self.augment and rng.random() < 0.5
        affine = _affine(rng, shape.size) if self.augment else None
        gain, offset = (rng.uniform(0.9, 1.1), rng.uniform(-12, 12)) if self.augment else (1.0, 0.0)
        pictures, truths = [], []
        for z in range(shape.length):
            picture = Image.fromarray(views.resample(np.ascontiguousarray(images[first + z]), shape.size))
            truth = Image.fromarray(views.coverage(mask[z], shape.size))
            if affine is not None:
                picture = picture.transform(picture.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
                truth = truth.transform(truth.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
            pixels = np.clip(np.asarray(picture, np.float32) * gain + offset, 0, 255).astype(np.uint8)
            cover = np.asarray(truth)
            pictures.append(pixels[:, ::-1] if flip else pixels)
            truths.append(cover[:, ::-1] if flip else cover)
        box = views.bounding_box(truths[0] > 127)
        if box is None:
            return None
        x0, y0, x1, y1 = loosened(rng, box, truths[0].shape)
        targets = [views.resample(np.ascontiguousarray(t), shape.target) for t in truths]
        return Clip(np.stack(pictures), np.stack(targets), np.array([[x0, y0], [x1, y1]], np.float32))
