#!/usr/bin/env python3
"""Write the averaged weights of a training run as half-precision safetensors, the form in which they lie in git.

    python export_weights.py runs/nano/best.pt ../nano/weights.safetensors

Any checkpoint {"model": state_dict} will do. Values that half precision cannot hold are refused.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from medsam2_export.reference import add_size_arguments, build, chosen_size, load_checkpoint  # noqa: E402
from random_checkpoint import write_safetensors  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", choices=["float16", "float32"], default="float16")
    add_size_arguments(parser)
    for action in parser._actions:
        if action.dest == "name":
            action.nargs, action.default = "?", "nano"
    args = parser.parse_args()
    model = build(chosen_size(parser, args))
    load_checkpoint(model, args.checkpoint)  # strict: a wrong model is refused
    state = {}
    for key, value in model.state_dict().items():
        state[key] = value.to(getattr(torch, args.dtype))
        if not torch.isfinite(state[key]).all():
            raise SystemExit(f"{key} has values that {args.dtype} cannot hold")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(state, args.out)
    print(f"{args.out}: {len(state)} tensors, {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
