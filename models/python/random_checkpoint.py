#!/usr/bin/env python3
"""Write a checkpoint with random, reproducible weights: the right keys and shapes, no training.

    python random_checkpoint.py medsam2 out.pt [--seed 1] [--dtype float32|float16]

For tests and benchmarks only; its masks mean nothing. The suffix chooses the format: .pt or .safetensors.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from medsam2_export.reference import add_size_arguments, build, chosen_size, randomise  # noqa: E402


def write_safetensors(state: dict[str, torch.Tensor], path: Path) -> None:
    """The format of the safetensors library (8-byte header length, JSON header, raw little-endian tensors)."""
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
    header, offset = {}, 0
    for key, tensor in state.items():
        size = tensor.numel() * tensor.element_size()
        header[key] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in state.values():
            file.write(tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.ndim else tensor.numpy().tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_arguments(parser)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dtype", choices=["float32", "float16"], default="float32")
    parser.add_argument(
        "--presence-shift", type=float, default=0.0, help="added to the presence head's bias, so that objects vanish"
    )
    args = parser.parse_args()
    size = chosen_size(parser, args)
    torch.manual_seed(args.seed)
    model = build(size)
    randomise(model, args.seed)
    with torch.no_grad():
        model.sam_mask_decoder.pred_obj_score_head.layers[2].bias.add_(args.presence_shift)
    state = {key: value.to(getattr(torch, args.dtype)) for key, value in model.state_dict().items()}
    if args.out.suffix == ".safetensors":
        write_safetensors(state, args.out)
    else:
        torch.save({"model": state}, args.out)


if __name__ == "__main__":
    main()
