#!/usr/bin/env python3
"""Segment held-out generated scenes from one box each and print the figures by contrast and by size.

    python evaluate_scenes.py ../nano/weights.safetensors --cases 200 [--json figures.json]

The scenes start at seed 1,001,000,000, which neither training nor its validation uses. Every structure of at least 100
voxels on at least 3 slices that is connected on its largest slice counts; the only prompt is the tight box there.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from medsam2_export.reference import add_size_arguments, build, chosen_size, load_checkpoint  # noqa: E402
from training.tracker import Parts  # noqa: E402
from training.validate import Case, dice, held_out, validate  # noqa: E402

FIRST_SEED = 1_001_000_000


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Weights of a .pt or .safetensors file, strict."""
    if path.suffix != ".safetensors":
        load_checkpoint(model, path)
        return
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    types = {"F32": np.float32, "F16": np.float16}
    state = {}
    for key, entry in header.items():
        if key != "__metadata__":
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            values = np.frombuffer(content[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
            state[key] = torch.from_numpy(values.astype(np.float32))
    model.load_state_dict(state, strict=True)


def ellipse(case: Case) -> np.ndarray:
    """Baseline: the ellipse in the box, copied to all slices of the object's true extent."""
    x0, y0, x1, y1 = case.box
    y, x = np.mgrid[0 : case.truth.shape[1], 0 : case.truth.shape[2]]
    inside = ((x - (x0 + x1) / 2) / ((x1 - x0 + 1) / 2)) ** 2 + ((y - (y0 + y1) / 2) / ((y1 - y0 + 1) / 2)) ** 2 <= 1
    return inside[None] & case.truth.any(axis=(1, 2))[:, None, None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    add_size_arguments(parser)
    for action in parser._actions:
        if action.dest == "name":
            action.nargs, action.default = "?", "nano"
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = build(chosen_size(parser, args))
    load_weights(model, args.weights)
    cases = held_out(args.cases, FIRST_SEED)
    figures, rows = validate(Parts(model), cases)
    base = [(dice(e[c.key], c.truth[c.key]), dice(e, c.truth)) for c in cases for e in (ellipse(c),)]
    result = figures.row() | {"ellipse_key_dice": float(np.median([k for k, _ in base])), "ellipse_volume_dice": float(np.median([v for _, v in base]))}
    for name, value in result.items():
        print(f"{name:28s} {value:.3f}")
    for title, group in (("contrast", lambda r: str(r["name"]).split("-")[0]), ("box side", lambda r: ("< 8 px", "8-15", "16-31", ">= 32")[int(np.searchsorted([8, 16, 32], r["box"], "right"))])):
        print(f"\n{title:10s} cases  key   volume")
        for name in sorted({group(r) for r in rows}):
            some = [r for r in rows if group(r) == name]
            print(f"{name:10s} {len(some):5d}  {np.median([r['key'] for r in some]):.3f} {np.median([r['volume'] for r in some]):.3f}")
    if args.json:
        args.json.write_text(json.dumps({"figures": result, "cases": [r | {"empty": bool(r["empty"])} for r in rows]}, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
