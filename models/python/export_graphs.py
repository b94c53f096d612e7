#!/usr/bin/env python3
"""Export a SAM 2.1 model of any size to the engine's weight-free ONNX graphs.

    python export_graphs.py medsam2 --out ../graphs
    python export_graphs.py NAME --config sam2.1_hiera_s --image-size 512 --override model.memory_attention.num_layers=2

Writes <out>/<name>/{image_encoder,memory_attention,mask_decoder,memory_encoder}.onnx and architecture.json.
The graphs hold no weights: every tensor of the checkpoint is an external initialiser under its checkpoint key.
The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
import warnings
from pathlib import Path

# The tracer has no shape rule for ONNX Runtime's own operators and says so once per node; shapes come from reshapes.
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")

import onnx  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
from medsam2_export.graphs import ImageEncoder, MaskDecoder, MemoryAttention, MemoryEncoder  # noqa: E402
from medsam2_export.reference import Size, add_size_arguments, build, chosen_size, randomise  # noqa: E402

OPSET = 18
ABSENT = -1024.0
#: Tensors that are used between the graphs, by the predictor itself.
HOST_TENSORS = (
    "maskmem_tpos_enc",
    "no_mem_embed",
    "no_mem_pos_enc",
    "no_obj_ptr",
    "mask_downsample.weight",
    "mask_downsample.bias",
    "obj_ptr_tpos_proj.weight",
    "obj_ptr_tpos_proj.bias",
)
#: Where an initialiser's bytes lie is decided when a checkpoint is bound; this only marks it as missing.
PLACEHOLDER = "checkpoint"


def example_inputs(model: nn.Module) -> dict[str, tuple[nn.Module, dict[str, torch.Tensor], dict[str, dict[int, str]], list[str]]]:
    """Per graph: module, inputs for tracing, dynamic axes, output names. Sizes 2 and 3 tell traced axes apart."""
    size, dim, mem_dim = model.image_size, model.hidden_dim, model.mem_dim
    side = size // 16
    low = [
        model.sam_mask_decoder.conv_s0.out_channels,
        model.sam_mask_decoder.conv_s1.out_channels,
    ]
    batch = {0: "B"}
    feat = torch.zeros(2, dim, side, side)
    return {
        "image_encoder": (
            ImageEncoder(model),
            {"image": torch.zeros(2, 3, size, size)},
            {"image": batch, "s0": batch, "s1": batch, "feat": batch},
            ["s0", "s1", "feat"],
        ),
        "memory_attention": (
            MemoryAttention(model),
            {
                "curr": feat,
                "mem": torch.zeros(2, 3, mem_dim, side, side),
                "mem_tpos": torch.zeros(3, mem_dim),
                "ptr": torch.zeros(2, 5, dim),
                "ptr_pos": torch.zeros(5, mem_dim),
            },
            {"curr": batch, "mem": {0: "B", 1: "M"}, "mem_tpos": {0: "M"}, "ptr": {0: "B", 1: "P"}, "ptr_pos": {0: "P"}, "cond": batch},
            ["cond"],
        ),
        "mask_decoder": (
            MaskDecoder(model, ABSENT),
            {
                "feat": feat,
                "s0": torch.zeros(2, low[0], 4 * side, 4 * side),
                "s1": torch.zeros(2, low[1], 2 * side, 2 * side),
                "coords": torch.zeros(2, 3, 2),
                "labels": torch.zeros(2, 3),
                "mask_in": torch.zeros(2, 1, 4 * side, 4 * side),
                "has_mask": torch.zeros(2),
            },
            {name: batch for name in ("feat", "s0", "s1", "mask_in", "has_mask", "masks", "iou", "ptr", "obj")}
            | {"coords": {0: "B", 1: "N"}, "labels": {0: "B", 1: "N"}},
            ["masks", "iou", "ptr", "obj"],
        ),
        "memory_encoder": (
            MemoryEncoder(model),
            {"feat": feat, "mask": torch.zeros(2, 1, size, size), "obj": torch.zeros(2, 1)},
            {name: batch for name in ("feat", "mask", "obj", "mem")},
            ["mem"],
        ),
    }


def trace(module: nn.Module, inputs: dict[str, torch.Tensor], axes: dict, outputs: list[str]) -> onnx.ModelProto:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            buffer,
            dynamo=False,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            do_constant_folding=False,
            custom_opsets={"com.microsoft": 1},
        )
    return onnx.load_model_from_string(buffer.getvalue())


def strip(graph: onnx.ModelProto, state: dict[str, torch.Tensor]) -> list[str]:
    """Replace checkpoint tensors by external placeholders; returns their keys. Refuses any that was merged or renamed."""
    keys = []
    for tensor in graph.graph.initializer:
        if tensor.name not in state:
            size = len(tensor.raw_data)
            is_table = tensor.name.split(".")[-1] in ("curr_pos_scaled", "mem_pos", "rope_cos", "rope_sin", "grid_centres")
            if size > 4096 and not is_table:
                raise SystemExit(f"initialiser {tensor.name} ({size} bytes) is not a tensor of the checkpoint")
            continue
        if list(tensor.dims) != list(state[tensor.name].shape):
            raise SystemExit(f"{tensor.name} has shape {list(tensor.dims)}, the checkpoint {list(state[tensor.name].shape)}")
        keys.append(tensor.name)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", PLACEHOLDER
    if len(set(keys)) != len(keys):
        raise SystemExit("a checkpoint tensor appears twice among the initialisers")
    return keys


def export(name: str, size: Size, out: Path) -> Path:
    """Write the graphs and architecture.json of one model; returns the folder."""
    torch.manual_seed(0)
    model = build(size)
    randomise(model, seed=0)  # equal tensors would be merged by the exporter
    state = dict(model.state_dict())
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    graphs: dict[str, str] = {}
    users: dict[str, list[str]] = {key: [] for key in state}
    for stem, (module, inputs, axes, outputs) in example_inputs(model).items():
        with torch.no_grad():
            graph = trace(module.eval(), inputs, axes, outputs)
        for key in strip(graph, state):
            users[key].append(stem)
        graph.producer_name, graph.producer_version, graph.doc_string = "medsam2-export", "", ""
        for node in graph.graph.node:
            node.doc_string = ""
            node.ClearField("metadata_props")
        data = graph.SerializeToString(deterministic=True)
        (folder / f"{stem}.onnx").write_bytes(data)
        graphs[stem] = hashlib.sha256(data).hexdigest()
    unused = [key for key, stems in users.items() if not stems and key not in HOST_TENSORS]
    if unused:
        raise SystemExit(f"no graph uses {unused[:5]} ({len(unused)} tensors): the export is incomplete")

    side = model.image_size // 16
    architecture = {
        "formatVersion": 1,
        "name": name,
        "aliases": list(size.aliases),
        **({} if size.view is None else {"view": size.view}),
        "opset": OPSET,
        "imageSize": model.image_size,
        "stride": 16,
        "hiddenDim": model.hidden_dim,
        "memoryDim": model.mem_dim,
        "maskSize": 4 * side,
        "highResChannels": [model.sam_mask_decoder.conv_s0.out_channels, model.sam_mask_decoder.conv_s1.out_channels],
        "memorySlots": model.num_maskmem,
        "maxObjectPointers": model.max_obj_ptrs_in_encoder,
        "memoryMaskScale": model.sigmoid_scale_for_mem_enc,
        "memoryMaskBias": model.sigmoid_bias_for_mem_enc,
        "pixelMean": [0.485, 0.456, 0.406],
        "pixelStd": [0.229, 0.224, 0.225],
        "absentLogit": ABSENT,
        "graphs": graphs,
        "hostTensors": [key for key in HOST_TENSORS if key in state],
        "tensors": {key: {"shape": list(value.shape), "graphs": users[key]} for key, value in state.items()},
    }
    (folder / "architecture.json").write_text(json.dumps(architecture, indent=1) + "\n")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_arguments(parser)
    parser.add_argument("--alias", action="append", default=[], help="further name users may give, repeatable")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "graphs")
    args = parser.parse_args()
    size = chosen_size(parser, args, tuple(args.alias))
    folder = export(args.name, size, args.out)
    total = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {len(list(folder.iterdir()))} files, {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
