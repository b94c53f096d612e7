#!/usr/bin/env python3
"""Time the PyTorch reference, for `medsam2 bench` to compare with in the same run. Prints one JSON object.

    python bench_reference.py medsam2 --threads 2 --runs 5 --slices 12

Weights are random: speed does not depend on them. Device cpu is fp32; cuda is measured in fp32 and under bfloat16 autocast.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
import numpy as np  # noqa: E402
import torch  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
from medsam2_export.reference import SIZES, build, randomise  # noqa: E402
from record_reference import Recorder, flows_for, make_scene  # noqa: E402


def measure(runs: int, task, device: str) -> dict[str, float]:
    times = []
    for run in range(runs + 1):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        task()
        if device == "cuda":
            torch.cuda.synchronize()
        if run:  # the first one warms up
            times.append(1000 * (time.perf_counter() - start))
    return {"median": float(np.median(times)), "best": min(times), "runs": runs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(SIZES))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--slices", type=int, default=12)
    parser.add_argument("--batches", type=int, nargs="*", default=[1])
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    device = args.device
    model = build(SIZES[args.name], "sam2.sam2_video_predictor.SAM2VideoPredictor")
    randomise(model, 7)
    model = model.to(device)
    size, dim, mem_dim = model.image_size, model.hidden_dim, model.mem_dim
    side = size // 16
    precision = (
        torch.autocast(device, dtype=torch.bfloat16) if args.precision == "bfloat16" else contextlib.nullcontext()
    )
    graphs: dict[str, dict[str, float]] = {}
    with torch.inference_mode(), precision:
        for batch in args.batches:
            image = torch.randn(batch, 3, size, size, device=device)
            name = "image encoder" if batch == 1 else f"image encoder, batch of {batch}"
            graphs[name] = measure(args.runs, lambda image=image: model.forward_image(image), device)
        features = model.forward_image(torch.randn(1, 3, size, size, device=device))["backbone_fpn"]
        curr = features[2].flatten(2).permute(2, 0, 1)
        for memories, pointers in ((1, 1), (4, 8), (7, 16)):
            tokens = memories * side * side + pointers * (dim // mem_dim)
            memory = torch.randn(tokens, 1, mem_dim, device=device)
            graphs[f"memory attention, {memories} memories and {pointers} pointers"] = measure(
                args.runs,
                lambda memory=memory, pointers=pointers: model.memory_attention(
                    curr=[curr],
                    curr_pos=[torch.zeros_like(curr)],
                    memory=memory,
                    memory_pos=torch.zeros_like(memory),
                    num_obj_ptr_tokens=pointers * (dim // mem_dim),
                ),
                device,
            )
        points = (torch.rand(1, 2, 2, device=device) * size, torch.tensor([[2, 3]], dtype=torch.int32, device=device))

        def decode() -> None:
            model._forward_sam_heads(
                backbone_features=features[2],
                point_inputs={"point_coords": points[0], "point_labels": points[1]},
                high_res_features=features[:2],
                multimask_output=False,
            )

        graphs["mask decoder"] = measure(args.runs, decode, device)
        mask = torch.randn(1, 1, size, size, device=device)
        graphs["memory encoder"] = measure(
            args.runs, lambda: model.memory_encoder(features[2], mask, skip_mask_sigmoid=True), device
        )
        propagation = None
        if args.slices:
            recorder = Recorder(model, make_scene(args.slices, 512, 512))
            recorder.images = recorder.images.to(device)
            started = time.perf_counter()
            recorder.run(flows_for(recorder.scene)["mask"])
            propagation = {"slices": args.slices, "seconds": time.perf_counter() - started}
    result = {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "precision": args.precision,
        "threads": torch.get_num_threads(),
        "graphs": graphs,
        "propagation": propagation,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
