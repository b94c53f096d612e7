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


def optimisers(groups: list[dict[str, Any]], rate: float, muon: float | None) -> list[torch.optim.Optimizer]:
    """AdamW over all groups; or, with `muon` (a factor on the rates), Muon for the matrices and AdamW for the rest.

    Muon gives a matrix a step of equal size in all its directions. A short training from scratch gets further with it.
    """
    if muon is None:
        return [torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))]
    plain, matrices = [], []
    for group in groups:
        is_matrix = [p.ndim == 2 and min(p.shape) >= 8 and group["weight_decay"] > 0 for p in group["params"]]
        plain.append(group | {"params": [p for p, m in zip(group["params"], is_matrix) if not m]})
        peak = group["peak"] * muon
        matrices.append(group | {"params": [p for p, m in zip(group["params"], is_matrix) if m], "lr": peak, "peak": peak, "weight_decay": 0.02})
    return [
        torch.optim.AdamW([g for g in plain if g["params"]], lr=rate, betas=(0.9, 0.98)),
        torch.optim.Muon([g for g in matrices if g["params"]], lr=rate * muon, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
    ]


def moments(optimisers: list[torch.optim.Optimizer], model: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    """The optimisers' state by name of parameter: it outlives a change of groups and rates."""
    return {name: o.state[parameter] for o in optimisers for name, parameter in model.named_parameters() if parameter in o.state}


def restore_moments(optimisers: list[torch.optim.Optimizer], model: nn.Module, kept: dict[str, dict[str, torch.Tensor]]) -> None:
    """The inverse of `moments`."""
    for optimiser in optimisers:
        mine = {p for group in optimiser.param_groups for p in group["params"]}
        for name, parameter in model.named_parameters():
            if name in kept and parameter in mine:
                optimiser.state[parameter] = {k: v.cpu() if k == "step" else v for k, v in kept[name].items()}
