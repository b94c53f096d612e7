#!/usr/bin/env python3
"""Write held-out generated scenes as npz files in MedSAM2's format (imgs, gts, spacing), to evaluate a model on.

    python export_scenes.py FOLDER --count 40

The scenes start at seed 1,002,000,000, which neither training nor its validation uses. Of each scene one or two structures
are labelled that do not overlap; a third structure would only repeat the same image. Structures that end within the
volume come first, so that it can be measured where a segmentation stops.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from training.scenes import make_scene  # noqa: E402

FIRST_SEED = 1_002_000_000
LEAST_VOXELS, LEAST_SLICES = 100, 3
ROOM = 3
"""slices of volume beyond an end for it to count as an end within the volume"""


def open_ends(mask: np.ndarray) -> int:
    """How many ends of a structure have ROOM slices of volume beyond them."""
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    return int(slices[0] >= ROOM) + int(len(mask) - 1 - slices[-1] >= ROOM)


def is_big_enough(mask: np.ndarray) -> bool:
    return mask.sum() >= LEAST_VOXELS and mask.any(axis=(1, 2)).sum() >= LEAST_SLICES


def labelled(masks: list[np.ndarray], shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A label volume of up to two structures that do not overlap, those with most ends within the volume first."""
    labels = np.zeros(shape, np.uint8)
    order = [masks[index] for index in rng.permutation(len(masks)) if is_big_enough(masks[index])]
    order.sort(key=open_ends, reverse=True)
    for mask in order:
        if labels.max() < 2 and not labels[mask].any():
            labels[mask] = labels.max() + 1
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    seed, written, structures, ends = args.first_seed, 0, 0, 0
    while written < args.count:
        scene = make_scene(seed)
        gts = labelled(scene.masks, scene.image.shape, np.random.default_rng([seed, 2]))
        if gts.any():
            spacing = np.array([1.0, 1.0, scene.aniso])
            np.savez_compressed(args.folder / f"{scene.kind}_{seed}.npz", imgs=scene.image, gts=gts, spacing=spacing)
            written += 1
            structures += int(gts.max())
            ends += sum(open_ends(gts == label) for label in range(1, gts.max() + 1))
        seed += 1
    print(f"{written} scenes, {structures} structures, {ends} ends within the volume")


if __name__ == "__main__":
    main()
