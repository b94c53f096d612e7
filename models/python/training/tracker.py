"""The engine's steps (specification 4 and 5) over whole batches of clips, with gradients.

Uses the very modules that are exported as graphs, so what is trained is what runs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from medsam2_export.graphs import ImageEncoder, MaskDecoder, MemoryAttention, MemoryEncoder  # noqa: E402

ABSENT = -1024.0
MEMORIES, POINTERS = 7, 16


@dataclass
class Decoded:
    """masks [B,4,h,w] and pointers [B,4,D] before the presence gate, iou [B,4], obj [B,1]."""

    masks: Tensor
    iou: Tensor
    pointers: Tensor
    obj: Tensor


@dataclass
class Memory:
    """What later slices see of a slice: mem [B,Cm,h,w], pointer [B,D]."""

    mem: Tensor
    pointer: Tensor


def sine_code(position: Tensor, width: int) -> Tensor:
    """[P] -> [P, width]: sines, then cosines (specification 4.6)."""
    half = width // 2
    index = torch.arange(half, dtype=torch.float32, device=position.device)
    period = 10000.0 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    angle = position[:, None] / period
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Parts:
    """The four graphs over one model's parameters. No module itself: the parameters stay the model's."""

    def __init__(self, model: nn.Module):
        device = next(model.parameters()).device
        self.model = model
        self.image_encoder = ImageEncoder(model).to(device)
        self.memory_attention = MemoryAttention(model).to(device)
        self.mask_decoder = MaskDecoder(model, ABSENT).to(device)
        self.memory_encoder = MemoryEncoder(model).to(device)
        self.mean = torch.tensor([0.485, 0.456, 0.406], device=device).view(1, 3, 1, 1)
        self.std = torch.tensor([0.229, 0.224, 0.225], device=device).view(1, 3, 1, 1)
        self.size = model.image_size

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """images [N,S,S] uint8 -> s0, s1, feat."""
        x = (images.unsqueeze(1).float() / 255 - self.mean) / self.std
        return self.image_encoder(x)

    def without_memory(self, feat: Tensor) -> Tensor:
        return feat + self.model.no_mem_embed.reshape(1, -1, 1, 1)

    def decode(
        self, feat: Tensor, s0: Tensor, s1: Tensor, coords: Tensor | None = None, labels: Tensor | None = None, dense: Tensor | None = None
    ) -> Decoded:
        """coords [B,N,2], labels [B,N] without the padding point, which is appended here; dense [B,1,h,w] logits."""
        batch, grid = feat.shape[0], 4 * feat.shape[-1]
        if coords is None:
            coords, labels = feat.new_zeros(batch, 1, 2), feat.new_full((batch, 1), -1.0)
        coords = torch.cat([coords.float(), coords.new_zeros(batch, 1, 2)], 1)
        labels = torch.cat([labels.float(), labels.new_full((batch, 1), -1.0)], 1)
        has = feat.new_full((batch,), 0.0 if dense is None else 1.0)
        dense = feat.new_zeros(batch, 1, grid, grid) if dense is None else dense
        return Decoded(*self._order(self.mask_decoder.candidates(feat, s0, s1, coords, labels, dense, has)))

    @staticmethod
    def _order(out: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        masks, iou, pointers, obj = out
        return masks, iou, pointers, obj

    def gate(self, pointer: Tensor, present: Tensor) -> Tensor:
        """pointer [B,D], present [B] bool."""
        return torch.where(present.unsqueeze(1), pointer, self.model.no_obj_ptr.expand_as(pointer))

    def upsample(self, low: Tensor) -> Tensor:
        return F.interpolate(low.float(), size=(self.size, self.size), mode="bilinear", align_corners=False)

    def pointer_of_mask(self, feat: Tensor, s0: Tensor, s1: Tensor, mask: Tensor) -> Decoded:
        """The decode that gives a mask prompt its pointer (specification 4.4). mask [B,1,S,S] 0/1."""
        return self.decode(feat, s0, s1, dense=self.model.mask_downsample(mask))

    def remember(self, feat: Tensor, probability: Tensor, present: Tensor) -> Tensor:
        """Memory of a slice: feat raw, probability [B,1,S,S] in 0..1 (0 where absent), present [B] bool."""
        return self.memory_encoder(feat, 20 * probability - 10, present.float().unsqueeze(1) * 2 - 1)

    def condition(self, feat: Tensor, key: tuple[int, Memory], past: dict[int, Memory], t: int, horizon: int = POINTERS) -> Tensor:
        """Features of slice t given the prompted slice and those tracked since. horizon: min(slices, 16)."""
        key_time, prompted = key
        rows, mems = [MEMORIES - 1], [prompted.mem]
        for d in range(MEMORIES - 1, 0, -1):
            if t - d in past:
                rows.append(d - 1)
                mems.append(past[t - d].mem)
        ages, pointers = [t - key_time], [prompted.pointer]
        for d in range(1, horizon):
            if t - d in past:
                ages.append(d)
                pointers.append(past[t - d].pointer)
        model = self.model
        tpos = model.maskmem_tpos_enc[rows].reshape(len(rows), -1)
        code = sine_code(torch.tensor(ages, dtype=torch.float32, device=feat.device) / max(horizon - 1, 1), model.hidden_dim)
        age = model.obj_ptr_tpos_proj(code)
        return self.memory_attention(feat, torch.stack(mems, 1), tpos, torch.stack(pointers, 1), age)
