"""What a run keeps: weights, their moving average, the optimiser, the step. Files that survive an interruption."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Average:
    """Exponential moving average of a model's parameters; short-sighted at first, so that early weights fade."""

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        keep = min(self.decay, (1 + step) / (10 + step))
        for mine, theirs in zip(self.model.state_dict().values(), model.state_dict().values()):
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs, 1 - keep)
            else:
                mine.copy_(theirs)


def save(path: Path, content: dict[str, Any]) -> None:
    """Write beside the target and rename: a checkpoint is never half-written."""
    part = path.with_suffix(".part")
    torch.save(content, part)
    os.replace(part, path)


def parameter_groups(
    model: nn.Module, rate: float, vision_rate: float, layer_decay: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Groups for AdamW: no decay on biases and norms; the trunk's rate falls by `layer_decay` per block from the end."""
    blocks = len(model.image_encoder.trunk.blocks)
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if name == "no_mem_pos_enc" or not parameter.requires_grad:  # the former is never used in this configuration
            continue
        lr = rate
        if name.startswith("image_encoder."):
            lr = vision_rate
            if name.startswith("image_encoder.trunk.") and "pos_embed" not in name:
                depth = int(name.split(".")[3]) + 1 if ".blocks." in name else 0
                lr *= layer_decay ** (blocks + 1 - depth)
        decay = 0.0 if parameter.ndim <= 1 or "embed" in name or "token" in name or name.startswith(("no_", "maskmem")) else weight_decay
        group = groups.setdefault((lr, decay), {"params": [], "lr": lr, "peak": lr, "weight_decay": decay})
        group["params"].append(parameter)
    return list(groups.values())


def moments(optimiser: torch.optim.Optimizer, model: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    """The optimiser's state by name of parameter: it outlives a change of groups and rates."""
    return {name: optimiser.state[parameter] for name, parameter in model.named_parameters() if parameter in optimiser.state}


def restore_moments(optimiser: torch.optim.Optimizer, model: nn.Module, kept: dict[str, dict[str, torch.Tensor]]) -> None:
    """The inverse of `moments`."""
    for name, parameter in model.named_parameters():
        if name in kept:
            optimiser.state[parameter] = kept[name] | {"step": kept[name]["step"].cpu()}
