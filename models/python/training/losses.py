"""Losses of the published recipe: focal 20, Dice 1, IoU 1, presence 1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FOCAL, DICE, IOU, PRESENCE = 20.0, 1.0, 1.0, 1.0
#: Clips show mostly slices with the object, volumes mostly slices without; otherwise "present" is always a good guess.
ABSENT_WEIGHT = 4.0


def mask_losses(logits: Tensor, truth: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Focal 20 (of the object's pixels `alpha`, of the others 1 - alpha) + Dice 1, and the IoU of every candidate.

    logits [B,K,h,w] not gated by presence (a gate of -1024 would block the gradient); truth [B,H,W] in 0..1, the share
    of each pixel that the object covers. Returns [B,K] losses and [B,K] IoU of the thresholded masks.
    """
    up = F.interpolate(logits.float(), size=truth.shape[-2:], mode="bilinear", align_corners=False)
    y = truth.unsqueeze(1).expand_as(up)
    p = up.sigmoid()
    bce = F.binary_cross_entropy_with_logits(up, y, reduction="none")
    focal = (bce * (p - y).square() * (1 - alpha + (2 * alpha - 1) * y)).mean((2, 3))
    dice = 1 - (2 * (p * y).sum((2, 3)) + 1) / (p.sum((2, 3)) + y.sum((2, 3)) + 1)
    with torch.no_grad():
        a, b = up > 0, y > 0.5
        iou = (a & b).sum((2, 3)) / (a | b).sum((2, 3)).clamp(min=1)
    return FOCAL * focal + DICE * dice, iou


def decode_loss(
    masks: Tensor, iou: Tensor, obj: Tensor, truth: Tensor, weights: tuple[float, float, float], alpha: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of one decode: masks [B,4,h,w], iou [B,4], obj [B,1], truth [B,H,W].

    weights: of candidate 0, of the best and of the mean of candidates 1..3. Masks and IoU count only where the object
    is present; presence always counts.
    """
    present = (truth > 0.5).flatten(1).any(1).float()
    losses, actual = mask_losses(masks, truth, alpha)
    several = losses[:, 1:]
    mask = weights[0] * losses[:, 0] + weights[1] * several.min(1).values + weights[2] * several.mean(1)
    score = (iou.float() - actual).abs().mean(1)
    presence = F.binary_cross_entropy_with_logits(obj.float().squeeze(1), present, present + ABSENT_WEIGHT * (1 - present))
    count = present.sum().clamp(min=1)
    mask, score = (mask * present).sum() / count, (score * present).sum() / count
    chosen = actual[:, 0] if weights[0] >= max(weights[1:]) else actual[:, 1:].gather(1, iou[:, 1:].argmax(1, keepdim=True)).squeeze(1)
    parts = {"mask": mask, "score": score, "presence": presence, "iou": (chosen * present).sum() / count}
    return mask + IOU * score + PRESENCE * presence, {k: v.detach() for k, v in parts.items()}
