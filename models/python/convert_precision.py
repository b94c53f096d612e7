#!/usr/bin/env python3
"""Convert bound graphs to another precision, to measure whether it pays (docs/performance.md). Not part of the product.

    python convert_precision.py int8|fp16 MODEL_FOLDER OUT_FOLDER

Only the image encoder and the memory attention are converted: they take 95 % of the time, the rest is sensitive.
int8: dynamic quantisation of matrix products, per channel. fp16: weights and activations; inputs and outputs stay fp32.
Needs onnx, onnxruntime and onnxconverter-common.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx

GRAPHS = ("image_encoder", "memory_attention", "mask_decoder", "memory_encoder")
CONVERTED = ("image_encoder", "memory_attention")


def own_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give every Gemm a weight of its own: the quantiser transposes a shared one twice."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    seen: set[str] = set()
    for node in model.graph.node:
        if node.op_type != "Gemm" or node.input[1] not in weights:
            continue
        name = node.input[1]
        if name in seen:
            copy = onnx.TensorProto()
            copy.CopyFrom(weights[name])
            copy.name = f"{name}::{node.name}"
            model.graph.initializer.append(copy)
            node.input[1] = copy.name
        seen.add(name)
    return model


def to_int8(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        own_weights(onnx.load(str(source))),
        str(target),
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def to_fp16(source: Path, target: Path) -> None:
    from onnxconverter_common import float16

    model = onnx.load(str(source))
    blocked = [*float16.DEFAULT_OP_BLOCK_LIST, "LayerNormalization", "Sin", "Cos", "Resize"]
    onnx.save(float16.convert_float_to_float16(model, keep_io_types=True, op_block_list=blocked), str(target))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("precision", choices=["int8", "fp16"])
    parser.add_argument("model", type=Path, help="folder of an installed model")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for graph in GRAPHS:
        source, target = args.model / f"{graph}.onnx", args.out / f"{graph}.onnx"
        if graph not in CONVERTED:
            onnx.save(onnx.load(str(source)), str(target))
        elif args.precision == "fp16":
            to_fp16(source, target)
        else:
            to_int8(source, target)
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
