#!/usr/bin/env python3
"""Run whole flows with Meta's own video predictor and record what it answers, for the engine to be compared with.

    python record_reference.py fixture weights.safetensors reference.safetensors --graphs
    python record_reference.py medsam2 weights.pt reference.safetensors --flows mask --slices 12 --rows 384 --columns 448

Writes one .safetensors file: `scene` [slice][row][column] (0..255), per flow and direction the low-resolution logits,
presence and masks of every slice in the order in which they were answered, and, with --graphs, inputs and outputs of
each graph. The prompts are in its metadata. Everything is fp32 on the CPU; see docs/fidelity.md.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import time
from pathlib import Path
from unittest import mock

os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
from medsam2_export.reference import Size, add_size_arguments, build, chosen_size, load_checkpoint  # noqa: E402

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def make_scene(slices: int, rows: int, columns: int) -> np.ndarray:
    """A bright, slowly moving ellipse in textured surroundings, with a neighbour that looks alike."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    scene = np.zeros((slices, rows, columns))
    for k in range(slices):
        drift = (k - slices / 2) / slices
        background = 60 + 25 * np.sin(x / columns * 9 + k / 3) + 20 * np.cos(y / rows * 7)
        for cx, cy, scale, value in ((0.45, 0.5, 0.16, 110), (0.75, 0.35, 0.1, 90)):
            size = scale * (1 - 1.2 * abs(drift))
            inside = ((x / columns - cx - 0.1 * drift) / size) ** 2 + ((y / rows - cy) / (0.8 * size)) ** 2
            background += value / (1 + np.exp(np.minimum(12 * (inside - 1), 50)))
        scene[k] = background + rng.normal(0, 6, (rows, columns))
    return np.clip(scene, 0, 255).astype(np.uint8)


def model_input(scene: np.ndarray, size: int) -> torch.Tensor:
    """As the research scripts do: Pillow's default resize of an RGB image, then float64 normalisation."""
    images = np.stack([np.array(Image.fromarray(s).convert("RGB").resize((size, size))) for s in scene])
    scaled = torch.from_numpy(images / 255.0).permute(0, 3, 1, 2)
    return ((scaled - MEAN.double()) / STD.double()).float()


class Recorder:
    """One flow at a time through the reference predictor."""

    def __init__(self, predictor, scene: np.ndarray):
        self.predictor, self.scene = predictor, scene
        self.images = model_input(scene, predictor.image_size)

    def state(self) -> dict:
        rows, columns = self.scene.shape[1:]
        with mock.patch("sam2.sam2_video_predictor.load_video_frames", return_value=(self.images, rows, columns)):
            return self.predictor.init_state("unused")

    def prompt(self, state: dict, prompt: dict, masks: dict[int, np.ndarray]) -> np.ndarray:
        """Apply one prompt; returns the slice's logits at image size."""
        slice_index = prompt["slice"]
        if prompt["kind"] == "mask":
            _, _, logits = self.predictor.add_new_mask(state, slice_index, 1, torch.from_numpy(masks[slice_index] > 0))
        else:
            _, _, logits = self.predictor.add_new_points_or_box(
                state,
                slice_index,
                1,
                points=np.array(prompt["points"], np.float32) if "points" in prompt else None,
                labels=np.array(prompt["labels"], np.int32) if "labels" in prompt else None,
                box=np.array(prompt["box"], np.float32) if "box" in prompt else None,
            )
        return logits[0, 0].numpy()

    def run(self, flow: dict) -> dict[str, np.ndarray]:
        """Both directions, each from a fresh state, as the research scripts reset between passes."""
        masks = {int(k): v for k, v in flow.get("masks", {}).items()}
        prompts = flow["prompts"]
        recorded: dict[str, np.ndarray] = {}
        if flow["conditioning"] == "mask":
            for prompt in prompts:
                if prompt["kind"] == "mask":
                    continue
                logits = self.prompt(self.state(), prompt, masks)
                masks[prompt["slice"]] = (logits > 0).astype(np.uint8)
                recorded[f"prompt/{prompt['slice']}"] = masks[prompt["slice"]]
            prompts = [{"slice": p["slice"], "kind": "mask"} for p in prompts]
        for reverse in (False, True):
            state = self.state()
            for prompt in prompts:
                self.prompt(state, prompt, masks)
            slices = [p["slice"] for p in prompts]
            start = max(slices) if reverse else min(slices)
            low, presence, full, order = [], [], [], []
            for index, _, logits in self.predictor.propagate_in_video(state, start_frame_idx=start, reverse=reverse):
                outputs = state["output_dict_per_obj"][0]
                record = outputs["cond_frame_outputs"].get(index) or outputs["non_cond_frame_outputs"][index]
                low.append(record["pred_masks"][0, 0].numpy())
                presence.append(float(record["object_score_logits"].flatten()[0]))
                full.append((logits[0, 0].numpy() > 0).astype(np.float16))
                order.append(index)
            name = "backward" if reverse else "forward"
            if start == 0 and reverse:
                continue  # the reference yields nothing, not even the first slice
            recorded[f"{name}/logits"] = np.stack(low)
            recorded[f"{name}/presence"] = np.array(presence, np.float32)
            recorded[f"{name}/masks"] = np.stack(full)
            recorded[f"{name}/slices"] = np.array(order, np.float32)
        return recorded


def flows_for(scene: np.ndarray) -> dict[str, dict]:
    """The flows of the fidelity proof, in pixels of the scene."""
    slices, rows, columns = scene.shape
    key, far = slices // 2 - 1, slices - 2

    def at(x: float, y: float) -> list[float]:
        return [round(x * columns), round(y * rows)]

    box = [*at(0.28, 0.36), *at(0.62, 0.64)]
    y, x = np.mgrid[0:rows, 0:columns]
    painted = (((x / columns - 0.5) / 0.12) ** 2 + ((y / rows - 0.52) / 0.1) ** 2 < 1).astype(np.uint8)
    box_prompt = {"slice": key, "kind": "box", "box": box}
    return {
        # the research 3D-CT script: the same box again for each pass
        "box": {"conditioning": "direct", "prompts": [box_prompt]},
        # the RECIST script: box -> mask -> mask prompt for each pass
        "mask": {"conditioning": "mask", "prompts": [box_prompt]},
        # a corrected slice becomes a second conditioning mask
        "refine": {
            "conditioning": "mask",
            "prompts": [box_prompt, {"slice": far, "kind": "mask"}],
            "masks": {far: painted},
        },
        # the user says that the object is not on a slice
        "absent": {
            "conditioning": "mask",
            "prompts": [{"slice": key, "kind": "mask"}, {"slice": far, "kind": "mask"}],
            "masks": {key: painted, far: np.zeros_like(painted)},
        },
        "click": {
            "conditioning": "direct",
            "prompts": [{"slice": key, "kind": "points", "points": [at(0.45, 0.5)], "labels": [1]}],
        },
        "box_and_points": {
            "conditioning": "direct",
            "prompts": [{**box_prompt, "points": [at(0.45, 0.5), at(0.72, 0.35)], "labels": [1, 0]}],
        },
        "two_boxes": {
            "conditioning": "direct",
            "prompts": [{"slice": 1, "kind": "box", "box": box}, {"slice": far, "kind": "box", "box": box}],
        },
    }


def graph_cases(model) -> dict[str, np.ndarray]:
    """Inputs and outputs of every graph, computed by the reference modules (not by the export's own)."""
    generator = torch.Generator().manual_seed(11)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).half().float()

    size, dim, mem_dim = model.image_size, model.hidden_dim, model.mem_dim
    side, split = size // 16, dim // mem_dim
    out: dict[str, torch.Tensor] = {}
    image = noise(2, 3, size, size)
    s0, s1, feat = model.forward_image(image)["backbone_fpn"]
    out |= {"image_encoder/in/image": image, "image_encoder/out/s0": s0}
    out |= {"image_encoder/out/s1": s1, "image_encoder/out/feat": feat}

    curr_pos = model.image_encoder.neck.position_encoding(feat).flatten(2).permute(2, 0, 1)
    for case, (memories, pointers) in {"first": (1, 1), "full": (8, 17), "no_pointer": (2, 0)}.items():
        mem, tpos = noise(2, memories, mem_dim, side, side), noise(memories, mem_dim)
        ptr, ptr_pos = noise(2, pointers, dim), noise(pointers, mem_dim)
        mem_pos = model.memory_encoder.position_encoding(mem[:, 0]).flatten(2).permute(2, 0, 1)
        tokens = [mem[:, i].flatten(2).permute(2, 0, 1) for i in range(memories)]
        positions = [mem_pos + tpos[i] for i in range(memories)]
        if pointers:
            tokens.append(ptr.reshape(2, -1, mem_dim).permute(1, 0, 2))
            positions.append(ptr_pos.repeat_interleave(split, 0).unsqueeze(1).expand(-1, 2, -1))
        cond = model.memory_attention(
            curr=[feat.flatten(2).permute(2, 0, 1)],
            curr_pos=[curr_pos],
            memory=torch.cat(tokens),
            memory_pos=torch.cat(positions),
            num_obj_ptr_tokens=pointers * split,
        )
        prefix = f"memory_attention/{case}"
        out |= {f"{prefix}/in/curr": feat, f"{prefix}/in/mem": mem, f"{prefix}/in/mem_tpos": tpos}
        if pointers:
            out |= {f"{prefix}/in/ptr": ptr, f"{prefix}/in/ptr_pos": ptr_pos}
        out[f"{prefix}/out/cond"] = cond.permute(1, 2, 0).reshape(2, dim, side, side)

    decoder = model.sam_mask_decoder
    for case, labels in {"box": [2, 3], "clicks": [1, 0, 1], "none": [-1]}.items():
        count = len(labels)
        coords = (torch.rand(2, count, 2, generator=generator) * size).half().float()
        label = torch.tensor([labels, labels])
        mask = noise(2, 1, 4 * side, 4 * side)
        sparse, dense = model.sam_prompt_encoder(points=(coords, label), boxes=None, masks=mask)
        _, no_mask = model.sam_prompt_encoder(points=(coords, label), boxes=None, masks=None)
        dense = torch.cat([dense[:1], no_mask[1:]])
        masks, iou, tokens, obj = decoder.predict_masks(
            image_embeddings=feat,
            image_pe=model.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            repeat_image=False,
            high_res_features=[s0, s1],
        )
        appears = (obj > 0).float()
        pointers = appears.unsqueeze(-1) * model.obj_ptr_proj(tokens) + (1 - appears.unsqueeze(-1)) * model.no_obj_ptr
        masks = torch.where((obj > 0)[:, :, None, None], masks, torch.full_like(masks, -1024.0))
        prefix = f"mask_decoder/{case}"
        padding = torch.zeros(2, 1, 2)
        out |= {f"{prefix}/in/feat": feat, f"{prefix}/in/s0": s0, f"{prefix}/in/s1": s1, f"{prefix}/in/mask_in": mask}
        out |= {f"{prefix}/in/coords": torch.cat([coords, padding], 1), f"{prefix}/in/has_mask": torch.tensor([1.0, 0.0])}
        out[f"{prefix}/in/labels"] = torch.cat([label.float(), -torch.ones(2, 1)], 1)
        out |= {f"{prefix}/out/masks": masks, f"{prefix}/out/iou": iou, f"{prefix}/out/ptr": pointers}
        out[f"{prefix}/out/obj"] = obj

    obj = torch.tensor([[3.0], [-2.0]])
    mask = (10 * noise(2, 1, size, size)).half().float()
    mem = model.memory_encoder(feat, mask, skip_mask_sigmoid=True)["vision_features"]
    mem = mem + (1 - (obj > 0).float())[:, :, None, None] * model.no_obj_embed_spatial[:, :, None, None]
    out |= {"memory_encoder/in/feat": feat, "memory_encoder/in/mask": mask, "memory_encoder/in/obj": obj}
    out["memory_encoder/out/mem"] = mem
    return {f"graph/{key}": value.numpy() for key, value in out.items()}


def write(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    header, offset = {"__metadata__": metadata}, 0
    for key, array in arrays.items():
        kind = {"float32": "F32", "float16": "F16"}[array.dtype.name]
        header[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())


def load(size: Size, checkpoint: Path):
    """The reference predictor with the given weights; .pt, or our own .safetensors."""
    predictor = build(size, "sam2.sam2_video_predictor.SAM2VideoPredictor")
    if checkpoint.suffix == ".safetensors":
        raw = checkpoint.read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8 : 8 + length])
        state = {}
        for key, entry in header.items():
            if key == "__metadata__":
                continue
            start, end = (8 + length + o for o in entry["data_offsets"])
            dtype = {"F32": np.float32, "F16": np.float16}[entry["dtype"]]
            state[key] = torch.from_numpy(np.frombuffer(raw[start:end], dtype).reshape(entry["shape"]).astype(np.float32))
        predictor.load_state_dict(state, strict=True)
    else:
        load_checkpoint(predictor, checkpoint)
    return predictor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_arguments(parser)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--flows", nargs="*", help="default: all")
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--columns", type=int, default=80)
    parser.add_argument("--graphs", action="store_true", help="also record every graph's tensors")
    parser.add_argument("--threads", type=int, help="default: torch's own choice")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)

    predictor = load(chosen_size(parser, args), args.checkpoint)
    scene = make_scene(args.slices, args.rows, args.columns)
    arrays: dict[str, np.ndarray] = {"scene": scene.astype(np.float16)}
    recorder = Recorder(predictor, scene)
    described, seconds = {}, {}
    with torch.inference_mode():
        for name, flow in flows_for(scene).items():
            if args.flows and name not in args.flows:
                continue
            for slice_index, mask in flow.get("masks", {}).items():
                arrays[f"flow/{name}/given/{slice_index}"] = mask.astype(np.float16)
            started = time.perf_counter()
            recorded = recorder.run(flow)
            seconds[name] = time.perf_counter() - started
            for key, value in recorded.items():
                exact = value.dtype in (np.uint8, np.float16)
                arrays[f"flow/{name}/{key}"] = value.astype(np.float16 if exact else np.float32)
            described[name] = {"conditioning": flow["conditioning"], "prompts": flow["prompts"]}
        if args.graphs:
            arrays |= {key: value.astype(np.float32) for key, value in graph_cases(predictor).items()}
    write(args.out, arrays, {"flows": json.dumps(described), "torch": torch.__version__, "threads": str(torch.get_num_threads())})
    print(json.dumps({"seconds": seconds, "bytes": args.out.stat().st_size}))


if __name__ == "__main__":
    main()
