#!/usr/bin/env python3
"""Write generated scenes as npz files in MedSAM2's format (imgs, gts, spacing), to try fine-tuning with.

    python make_npz.py FOLDER --count 3 --first-seed 5
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from training.scenes import make_scene  # noqa: E402


def labelled(masks: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """One label volume; where objects overlap the later one wins."""
    labels = np.zeros(shape, np.uint8)
    for value, mask in enumerate(masks[:255], start=1):
        labels[mask] = value
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(args.first_seed, args.first_seed + args.count):
        scene = make_scene(seed)
        spacing = np.array([1.0, 1.0, scene.aniso])
        gts = labelled(scene.masks, scene.image.shape)
        np.savez_compressed(args.folder / f"scene_{seed}.npz", imgs=scene.image, gts=gts, spacing=spacing)


if __name__ == "__main__":
    main()
