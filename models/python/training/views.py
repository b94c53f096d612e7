"""Views: the square of a slice that is resampled to the model's input, and how it follows an object.

The same rules as the engine's `roi` view; coordinates are pixels of the slice, (x, y), integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

SMALLEST = 24
MARGIN = 2.0
STEP = 1.25
ENLARGE = 1.5


@dataclass(frozen=True)
class View:
    """A square of the slice: left, top and side in pixels; may reach beyond the image."""

    x: int
    y: int
    side: int


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 of the pixels that are set, x1 and y1 exclusive; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def centred(cx: float, cy: float, side: float) -> View:
    whole = max(SMALLEST, int(np.floor(side + 0.5)))
    return View(int(np.floor(cx - whole / 2 + 0.5)), int(np.floor(cy - whole / 2 + 0.5)), whole)


def around_box(box: tuple[float, float, float, float]) -> View:
    """The view of a prompted slice: twice the longer side of the box (first and last pixels), centred on it."""
    x0, y0, x1, y1 = box
    return centred((x0 + x1 + 1) / 2, (y0 + y1 + 1) / 2, MARGIN * (max(x1 - x0, y1 - y0) + 1))


def following(previous: View, box: tuple[float, float, float, float] | None) -> View:
    """The view of the next slice from the mask of the previous one; unchanged where that mask was empty."""
    if box is None:
        return previous
    x0, y0, x1, y1 = box
    side = np.clip(MARGIN * max(x1 - x0, y1 - y0), previous.side / STEP, previous.side * STEP)
    return centred((x0 + x1) / 2, (y0 + y1) / 2, float(side))


def enlarged(view: View) -> View:
    return centred(view.x + view.side / 2, view.y + view.side / 2, ENLARGE * view.side)


def cut(image: np.ndarray, view: View) -> np.ndarray:
    """The pixels of a view [side, side]; 0 outside the image."""
    out = np.zeros((view.side, view.side), image.dtype)
    y0, x0 = max(view.y, 0), max(view.x, 0)
    y1, x1 = min(view.y + view.side, image.shape[0]), min(view.x + view.side, image.shape[1])
    if y1 > y0 and x1 > x0:
        out[y0 - view.y : y1 - view.y, x0 - view.x : x1 - view.x] = image[y0:y1, x0:x1]
    return out


def resample(image: np.ndarray, size: int) -> np.ndarray:
    """Pillow's bicubic, antialiased; uint8 in and out."""
    if image.shape == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def coverage(mask: np.ndarray, size: int) -> np.ndarray:
    """A mask resampled to size x size as the share of each pixel that it covers, uint8 0..255."""
    whole = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(whole.resize((size, size), Image.Resampling.BILINEAR))


def into_view(box: tuple[float, float, float, float], view: View, size: int) -> np.ndarray:
    """A box in slice pixels as two corners [2, 2] in pixels of the model's input."""
    scale = size / view.side
    x0, y0, x1, y1 = box
    return np.array([[(x0 - view.x) * scale, (y0 - view.y) * scale], [(x1 - view.x) * scale, (y1 - view.y) * scale]], np.float32)
