"""Segment a volume from one box exactly as the engine does: key slice, then both directions, view by view."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from . import views
from .tracker import Decoded, Memory, Parts
from .views import View

_STABILITY_DELTA, _STABILITY = 0.05, 0.98
_TRIES = 2


def _stable(low: torch.Tensor) -> bool:
    inner, outer = int((low > _STABILITY_DELTA).sum()), int((low > -_STABILITY_DELTA).sum())
    return outer == 0 or inner / outer >= _STABILITY


class Follower:
    """One object in one volume. view: `roi` (follows the object) or `full` (always the whole slice)."""

    def __init__(self, parts: Parts, image: np.ndarray, view: str = "roi"):
        self.parts, self.image, self.full = parts, image, view == "full"
        self.device = next(parts.model.parameters()).device

    def encode(self, z: int, view: View | None):
        pixels = self.image[z] if view is None else views.cut(self.image[z], view)
        picture = torch.from_numpy(np.array(views.resample(pixels, self.parts.size))).to(self.device)
        return self.parts.encode(picture.unsqueeze(0))

    def mask(self, low: torch.Tensor, view: View | None) -> np.ndarray:
        """Logits [1,1,h,w] to a mask of the slice: bilinear to the view's pixels, > 0, pasted."""
        height, width = self.image.shape[1:]
        if view is None:
            return (F.interpolate(low, size=(height, width), mode="bilinear", align_corners=False)[0, 0] > 0).cpu().numpy()
        up = (F.interpolate(low, size=(view.side, view.side), mode="bilinear", align_corners=False)[0, 0] > 0).cpu().numpy()
        out = np.zeros((height, width), bool)
        y0, x0, y1, x1 = max(view.y, 0), max(view.x, 0), min(view.y + view.side, height), min(view.x + view.side, width)
        if y1 > y0 and x1 > x0:
            out[y0:y1, x0:x1] = up[y0 - view.y : y1 - view.y, x0 - view.x : x1 - view.x]
        return out

    def corners(self, box: tuple[float, float, float, float], view: View | None) -> torch.Tensor:
        if view is None:
            height, width = self.image.shape[1:]
            scale = np.array([self.parts.size / width, self.parts.size / height], np.float32)
            points = np.array(box, np.float32).reshape(2, 2) * scale
        else:
            points = views.into_view(box, view, self.parts.size)
        return torch.from_numpy(points).unsqueeze(0).to(self.device)

    def prompt(self, z: int, box: tuple[float, float, float, float]) -> tuple[np.ndarray, View | None]:
        view = None if self.full else views.around_box(box)
        s0, s1, feat = self.encode(z, view)
        labels = torch.tensor([[2.0, 3.0]], device=self.device)
        out = self.parts.decode(self.parts.without_memory(feat), s0, s1, self.corners(box, view), labels)
        if float(out.obj) <= 0:
            return np.zeros(self.image.shape[1:], bool), view
        low = out.masks[:, :1]
        if not _stable(low):
            low = self._best(out)[0]
        return self.mask(low, view), view

    @staticmethod
    def _best(out: Decoded) -> tuple[torch.Tensor, torch.Tensor]:
        best = 1 + int(out.iou[0, 1:].argmax())
        return out.masks[:, best : best + 1], out.pointers[:, best]

    def run(self, z: int, mask: np.ndarray, view: View | None, step: int) -> dict[int, np.ndarray]:
        """Track from the mask on slice z towards z + step, ...; returns the masks of the other slices."""
        parts, depth = self.parts, self.image.shape[0]
        horizon = min(depth, 16)
        s0, s1, feat = self.encode(z, view)
        shown = mask if view is None else views.cut(mask, view)
        whole = torch.from_numpy(shown.astype(np.float32)).to(self.device)[None, None]
        whole = (F.interpolate(whole, size=(parts.size,) * 2, mode="bilinear", antialias=True, align_corners=False) >= 0.5).float()
        again = parts.pointer_of_mask(feat, s0, s1, whole)
        yes = torch.ones(1, dtype=torch.bool, device=self.device)
        low = F.interpolate(20 * whole - 10, size=again.masks.shape[-2:], mode="bilinear", antialias=True, align_corners=False)
        mem = parts.remember(feat, (parts.upsample(low) > 0).float(), yes)
        key = (0, Memory(mem, parts.gate(again.pointers[:, 0], again.obj.squeeze(1) > 0)))
        past: dict[int, Memory] = {}
        found: dict[int, np.ndarray] = {}
        last = mask
        for t in range(1, depth):
            at = z + step * t
            if not 0 <= at < depth:
                break
            if view is not None:
                view = views.following(view, views.bounding_box(last))
            for attempt in range(_TRIES + 1):
                s0, s1, feat = self.encode(at, view)
                out = parts.decode(parts.condition(feat, key, past, t, horizon), s0, s1)
                present = out.obj.squeeze(1) > 0
                low, pointer = self._best(out)
                now = self.mask(low, view) if bool(present) else np.zeros_like(mask)
                if view is None or attempt == _TRIES or not self._touches(low, bool(present)) or view.side >= 2 * max(mask.shape):
                    break
                view = views.enlarged(view)
            past[t] = Memory(parts.remember(feat, parts.upsample(low).sigmoid() * present.float(), present), parts.gate(pointer, present))
            found[at] = last = now
        return found

    @staticmethod
    def _touches(low: torch.Tensor, present: bool) -> bool:
        edge = low[0, 0] > 0
        return present and bool(edge[0].any() or edge[-1].any() or edge[:, 0].any() or edge[:, -1].any())

    @torch.no_grad()
    def segment(self, z: int, box: tuple[float, float, float, float]) -> np.ndarray:
        """Mask of the volume [z, y, x] from a box on slice z; all empty where the key slice stays empty."""
        volume = np.zeros(self.image.shape, bool)
        mask, view = self.prompt(z, box)
        volume[z] = mask
        if mask.any():
            for step in (1, -1):
                for at, found in self.run(z, mask, view, step).items():
                    volume[at] = found
        return volume
