"""Loss of a batch of clips: a prompt on the first slice, tracking over the rest, corrections in between."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .losses import decode_loss, mask_losses
from .tracker import Decoded, Memory, Parts

#: Weights of candidate 0, of the best and of the mean of candidates 1..3, by kind of decode. A box or a corrected
#: mask is answered with candidate 0 (1..3 stand in where it is unstable), all else with the best-scored of 1..3. A
#: tracked object is not ambiguous: any of the three may be chosen, so all of them learn.
BOX = (1.0, 0.25, 0.15)
POINT = (0.0, 0.5, 0.0)
TRACKED = (0.1, 0.6, 0.3)
CORRECTED = (0.5, 0.1, 0.05)


@dataclass
class Chances:
    """How often a step does what. teacher: memory from the true presence. boxed: slices are asked again with a box."""

    point: float = 0.2
    correction: float = 0.25
    true_key_mask: float = 0.5
    mask_pointer: float = 0.75
    teacher: float = 0.5
    read_back: float = 0.0
    elsewhere: float = 1.0
    boxed: float = 0.0


#: Weight of the object's pixels in the focal loss. The published value makes masks slightly too small, because a
#: doubtful pixel costs less when it is left out; harmless for a model that has seen a lot, not for a short training.
PUBLISHED_ALPHA, EVEN_ALPHA = 0.25, 0.5


class ClipLoss:
    """Callable over a batch; all randomness comes from the generator handed in."""

    def __init__(self, parts: Parts, chances: Chances, alpha: float = PUBLISHED_ALPHA):
        self.parts, self.chances, self.alpha = parts, chances, alpha

    def __call__(self, images: Tensor, targets: Tensor, box: Tensor, rng: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """images [B,T,S,S] uint8, targets [B,T,M,M] uint8, box [B,2,2] -> loss, figures for the log."""
        parts, chances = self.parts, self.chances
        batch, length = images.shape[:2]
        self.read_back_iou: Tensor | None = None
        truth = targets.float() / 255
        s0, s1, feat = (f.unflatten(0, (batch, length)) for f in self._encode(images.flatten(0, 1)))
        chance = torch.rand(4, generator=rng).tolist()
        total, figures = self._key(feat[:, 0], s0[:, 0], s1[:, 0], truth[:, 0], box, chance, rng)
        if length == 1:
            return total, {k: float(v) for k, v in figures.items()}

        key, extra = self._key_memory(feat[:, 0], s0[:, 0], s1[:, 0], truth[:, 0], self._answer, chance[2], rng)
        total = total + extra
        if torch.rand(1, generator=rng).item() < chances.read_back:
            total = total + self._read_back(feat, s0, s1, truth, rng)
        if torch.rand(1, generator=rng).item() < chances.elsewhere:
            total = total + self._elsewhere(feat[:, 1:], s0[:, 1:], s1[:, 1:], truth[:, 1:], rng)
        past: dict[int, Memory] = {}
        tracked: dict[str, list[Tensor]] = {}
        asked_again: dict[str, list[Tensor]] = {}
        horizon = 16 if chance[3] < 0.8 else int(torch.randint(length, 17, (1,), generator=rng))
        tracking = feat.new_zeros(())
        corrected = int(torch.randint(1, length, (1,), generator=rng)) if chance[1] < 0.5 * chances.correction else 0
        boxed = torch.rand(1, generator=rng).item() < chances.boxed
        for t in range(1, length):
            conditioned = parts.condition(feat[:, t], (0, key), past, t, horizon)
            out = parts.decode(conditioned, s0[:, t], s1[:, t])
            loss, row = decode_loss(out.masks, out.iou, out.obj, truth[:, t], TRACKED, self.alpha)
            tracking = tracking + loss
            for name, value in row.items():
                tracked.setdefault(name, []).append(value)
            low, pointer = self._best(out)
            if boxed:
                box, again = self._ask_again(conditioned, s0[:, t], s1[:, t], out, box, rng)
                extra, row = decode_loss(again.masks, again.iou, again.obj, truth[:, t], BOX, self.alpha)
                low = blend(out, again)
                tracking = tracking + extra + self._shown_loss(low, truth[:, t])
                for name, value in row.items():
                    asked_again.setdefault(name, []).append(value)
            past[t] = self._memory(feat[:, t], low, pointer, (again if boxed else out).obj, truth[:, t], rng)
            if t == corrected:
                tracking = tracking + self._correct(conditioned, s0[:, t], s1[:, t], low, truth[:, t], None, rng)
        total = total + tracking / (length - 1)
        if self.read_back_iou is not None:
            figures["read_iou"] = self.read_back_iou
        for kind, rows in (("track", tracked), ("box", asked_again)):
            figures |= {f"{kind}_{k}": torch.stack(v).mean() for k, v in rows.items()}
        return total, {k: float(v) for k, v in figures.items()}

    def _encode(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Without a gradient where the trunk is frozen: that is most of a step's time."""
        with torch.set_grad_enabled(any(p.requires_grad for p in self.parts.model.image_encoder.parameters())):
            return self.parts.encode(images)

    def _key(
        self, feat: Tensor, s0: Tensor, s1: Tensor, truth: Tensor, box: Tensor, chance: list[float], rng: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        parts, batch = self.parts, feat.shape[0]
        plain = parts.without_memory(feat)
        labels = torch.tensor([2.0, 3.0], device=feat.device).expand(batch, 2)
        out = self._answer = parts.decode(plain, s0, s1, box, labels)
        total, figures = decode_loss(out.masks, out.iou, out.obj, truth, BOX, self.alpha)
        if chance[0] < self.chances.point:
            point = sample_points((truth > 0.5).float(), self.parts.size, rng)
            guess = parts.decode(plain, s0, s1, point, labels.new_ones(batch, 1))
            total = total + decode_loss(guess.masks, guess.iou, guess.obj, truth, POINT, self.alpha)[0]
        if chance[1] < self.chances.correction:
            total = total + self._correct(plain, s0, s1, out.masks[:, :1], truth, (box, labels), rng)
        return total, figures

    def _elsewhere(self, feat: Tensor, s0: Tensor, s1: Tensor, truth: Tensor, rng: torch.Generator) -> Tensor:
        """Boxes on the other slices too: they are encoded anyway, and a decode costs little. All inputs [B,T-1,...]."""
        truth = truth.flatten(0, 1)
        rows = torch.nonzero((truth > 0.5).flatten(1).sum(1) >= 12).squeeze(1)
        if len(rows) == 0:
            return feat.new_zeros(())
        truth = truth[rows]
        box = boxes_of(truth, self.parts.size, rng)
        labels = torch.tensor([2.0, 3.0], device=feat.device).expand(len(rows), 2)
        feat, s0, s1 = (x.flatten(0, 1)[rows] for x in (feat, s0, s1))
        out = self.parts.decode(self.parts.without_memory(feat), s0, s1, box, labels)
        return decode_loss(out.masks, out.iou, out.obj, truth, BOX, self.alpha)[0]

    def _correct(
        self, feat: Tensor, s0: Tensor, s1: Tensor, low: Tensor, truth: Tensor, prompt: tuple[Tensor, Tensor] | None, rng: torch.Generator
    ) -> Tensor:
        """A click in the region of error together with the mask so far, as a user corrects it."""
        low = low.detach().float().clamp(-32, 32)
        up = torch.nn.functional.interpolate(low, size=truth.shape[-2:], mode="bilinear", align_corners=False)[:, 0] > 0
        wrong = (up != (truth > 0.5)).float()
        wrong = torch.where(wrong.flatten(1).any(1)[:, None, None], wrong, (truth > 0.5).float())
        point, index = sample_points(wrong, self.parts.size, rng, with_index=True)
        label = (truth.flatten(1).gather(1, index) > 0.5).float()
        if prompt is not None:
            point, label = torch.cat([prompt[0], point], 1), torch.cat([prompt[1], label], 1)
        out = self.parts.decode(feat, s0, s1, point, label, low)
        weights = CORRECTED if prompt is not None else POINT
        return decode_loss(out.masks, out.iou, out.obj, truth, weights, self.alpha)[0]

    def _key_memory(
        self, feat: Tensor, s0: Tensor, s1: Tensor, truth: Tensor, answer: Decoded, chance: float, rng: torch.Generator
    ) -> tuple[Memory, Tensor]:
        """Memory of the prompted slice: its mask, predicted or true, re-enters as a mask prompt."""
        parts = self.parts
        predicted = (parts.upsample(answer.masks[:, :1].detach()) > 0).float()
        true = (torch.nn.functional.interpolate(truth.unsqueeze(1), size=predicted.shape[-2:], mode="bilinear") > 0.5).float()
        use_true = (torch.rand(len(truth), generator=rng) < self.chances.true_key_mask).to(truth.device)
        use_true |= ~predicted.flatten(1).any(1)
        mask = torch.where(use_true[:, None, None, None], true, predicted)
        present = torch.ones(len(truth), dtype=torch.bool, device=truth.device)
        mem = parts.remember(feat, mask, present)
        if chance >= self.chances.mask_pointer:
            return Memory(mem, answer.pointers[:, 0]), feat.new_zeros(())
        again = parts.pointer_of_mask(feat, s0, s1, mask)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(again.obj.float(), torch.ones_like(again.obj).float())
        return Memory(mem, again.pointers[:, 0]), 0.5 * loss

    def _read_back(self, feat: Tensor, s0: Tensor, s1: Tensor, truth: Tensor, rng: torch.Generator) -> Tensor:
        """Ask for the mask that memory holds of this very slice [B,T,...]; half of the masks belong to another clip.

        What the image shows does not answer that: only memory does. Without this task a short training never discovers
        memory, because "segment what lies in the middle of the view" is nearly as good on most slices.
        """
        parts = self.parts
        foreign = (torch.rand(feat.shape[:2], generator=rng) < 0.5).to(truth.device)
        truth = torch.where(foreign[:, :, None, None], truth.roll(1, 0), truth).flatten(0, 1)
        rows = torch.nonzero((truth > 0.5).flatten(1).sum(1) >= 12).squeeze(1)
        if len(rows) == 0:
            return feat.new_zeros(())
        truth = truth[rows]
        feat, s0, s1 = (x.flatten(0, 1)[rows] for x in (feat, s0, s1))
        mask = (torch.nn.functional.interpolate(truth.unsqueeze(1), size=(parts.size,) * 2, mode="bilinear") > 0.5).float()
        mem = parts.remember(feat, mask, torch.ones(len(rows), dtype=torch.bool, device=truth.device))
        pointer = parts.pointer_of_mask(feat, s0, s1, mask).pointers[:, 0]
        out = parts.decode(parts.condition(feat, (0, Memory(mem, pointer)), {}, 1), s0, s1)
        loss, row = decode_loss(out.masks, out.iou, out.obj, truth, TRACKED, self.alpha)
        self.read_back_iou = row["iou"]
        return loss

    def _ask_again(
        self, conditioned: Tensor, s0: Tensor, s1: Tensor, out: Decoded, last: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Decoded]:
        """The same slice, still with memory, and a box [B,2,2] around what memory answered, with that answer's errors.

        Asked also where the object is gone: only memory can tell that what the box shows is something else. An empty
        answer has no box; the last one stands in.
        """
        shown = torch.nn.functional.interpolate(
            mean_of_tracked(out).detach(), scale_factor=2, mode="bilinear", align_corners=False
        )[:, 0] > 0
        some = shown.flatten(1).any(1)
        shown = shown | ~some[:, None, None]
        box = torch.where(some[:, None, None], boxes_of(shown.float(), self.parts.size, rng), last)
        labels = torch.tensor([2.0, 3.0], device=box.device).expand(len(box), 2)
        return box, self.parts.decode(conditioned, s0, s1, box, labels)

    def _shown_loss(self, low: Tensor, truth: Tensor) -> Tensor:
        """Loss of the very mask that is given out and remembered."""
        present = (truth > 0.5).flatten(1).any(1).float()
        losses, _ = mask_losses(low, truth, self.alpha)
        return (losses[:, 0] * present).sum() / present.sum().clamp(min=1)

    @staticmethod
    def _best(out: Decoded) -> tuple[Tensor, Tensor]:
        """Mask [B,1,h,w] and pointer [B,D] of the candidate that scores best."""
        rows = torch.arange(len(out.iou), device=out.iou.device)
        best = 1 + out.iou[:, 1:].argmax(1)
        return out.masks[rows, best].unsqueeze(1), out.pointers[rows, best]

    def _memory(self, feat: Tensor, low: Tensor, pointer: Tensor, obj: Tensor, truth: Tensor, rng: torch.Generator) -> Memory:
        parts = self.parts
        teach = (torch.rand(len(truth), generator=rng) < self.chances.teacher).to(truth.device)
        present = torch.where(teach, (truth > 0.5).flatten(1).any(1), obj.squeeze(1) > 0)
        probability = parts.upsample(low).sigmoid() * present[:, None, None, None].float()
        return Memory(parts.remember(feat, probability, present), parts.gate(pointer, present))


def mean_of_tracked(out: Decoded) -> Tensor:
    """[B,1,h,w]: candidates 1..3, any of which may answer; their mean is steadier than the one that scores best."""
    return out.masks[:, 1:].mean(1, keepdim=True)


def blend(out: Decoded, again: Decoded) -> Tensor:
    """An answer from memory and one to a box as one mask [B,1,h,w], mixed as `prompted` following does."""
    return (mean_of_tracked(out) + (again.masks[:, :1] + mean_of_tracked(again)) / 2) / 2


def sample_points(region: Tensor, size: int, rng: torch.Generator, with_index: bool = False):
    """One random pixel of each region [B,M,M] (0/1; an empty one counts as full) as a point [B,1,2] of the input."""
    side = region.shape[-1]
    weight = region.flatten(1).cpu() + 1e-6
    index = torch.multinomial(weight, 1, generator=rng).to(region.device)
    scale = size / side
    point = torch.stack([(index % side + 0.5) * scale, (index // side + 0.5) * scale], -1).float()
    return (point, index) if with_index else point


def boxes_of(truth: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Bounding boxes [B,2,2] in input pixels of masks [B,M,M], none empty, each edge off by up to 6 % of the box."""
    scale = size / truth.shape[-1]
    inside = truth > 0.5
    corners = []
    for axis in (1, 2):  # columns, then rows
        used = inside.any(axis).float()
        first = used.argmax(1).float()
        last = truth.shape[-1] - used.flip(1).argmax(1).float()
        off = (0.12 * torch.rand(2, len(truth), generator=rng) - 0.06).to(truth.device) * (last - first)
        corners.append(torch.stack([first + off[0], last + off[1]], 1) * scale)
    return torch.stack(corners, 2)
