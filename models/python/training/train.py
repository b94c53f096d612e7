#!/usr/bin/env python3
"""Train a SAM 2.1 model on generated scenes, or fine-tune one on a folder of npz volumes.

    python train.py --model nano --out runs/nano                       # from scratch, endless generated scenes
    python train.py --model medsam2 --init MedSAM2_latest.pt --data FOLDER --out runs/mine

Run the same command again to continue where it stopped (Ctrl-C is a safe stop). Writes to --out:
checkpoint.pt (everything needed to continue), weights.pt ({"model": averaged weights}; loads in any SAM 2.1 tool and
in this project), best.pt (the same, best held-out volume Dice so far), log.jsonl and curves.png.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from medsam2_export.reference import add_size_arguments, build, chosen_size, load_checkpoint  # noqa: E402
from training.clip_loss import EVEN_ALPHA, PUBLISHED_ALPHA, Chances, ClipLoss  # noqa: E402
from training.curves import draw_curves  # noqa: E402
from training.feed import SceneSource, Shape, batches  # noqa: E402
from training.initial import start_from_scratch  # noqa: E402
from training.npz_data import NpzSource  # noqa: E402
from training.state import Average, moments, optimisers, parameter_groups, restore_moments, save  # noqa: E402
from training.tracker import Parts  # noqa: E402
from training.validate import held_out, validate  # noqa: E402

SCENE_CURRICULUM = "0:32x1,400:12x2,700:8x4,2400:6x6,3600:5x8"
NPZ_CURRICULUM = "0:2x8"


@dataclass(frozen=True)
class Curriculum:
    """Clips per batch and slices per clip, by the step from which they hold."""

    stages: tuple[tuple[int, int, int], ...]

    @staticmethod
    def parse(text: str) -> "Curriculum":
        """`START:CLIPSxSLICES` separated by commas, e.g. `0:32x1,400:8x4`."""
        stages = []
        for part in text.split(","):
            start, shape = part.split(":")
            clips, slices = shape.split("x")
            stages.append((int(start), int(clips), int(slices)))
        if not stages or min(s for s, _, _ in stages) != 0:
            raise argparse.ArgumentTypeError(f"{text}: the first stage must start at step 0")
        return Curriculum(tuple(sorted(stages)))

    def at(self, step: int) -> tuple[int, int]:
        _, clips, slices = [stage for stage in self.stages if stage[0] <= step][-1]
        return clips, slices


def learning_rate(step: int, warmup: int, steps: int, floor: float) -> float:
    """Factor of the peak rate: linear warm-up, then a cosine down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    done = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


def arguments() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", dest="name", default="nano", help="nano, medsam2 or any name of export_graphs.py")
    size = argparse.ArgumentParser(add_help=False)
    add_size_arguments(size)
    for action in size._actions:
        if action.option_strings:
            parser._add_action(action)
    parser.add_argument("--init", type=Path, help="checkpoint to start from (.pt); without it, from scratch")
    parser.add_argument("--data", type=Path, help="folder of npz files (imgs, gts), full view; without it, generated scenes")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; an unfinished run in it is continued")
    parser.add_argument("--steps", type=int, help="steps in all (4000 on scenes, 2000 on npz files)")
    parser.add_argument("--clips", type=Curriculum.parse, help=f"START:CLIPSxSLICES,... ({SCENE_CURRICULUM} / {NPZ_CURRICULUM})")
    parser.add_argument("--lr", type=float, help="peak learning rate (8e-4 from scratch, 5e-5 with --init)")
    parser.add_argument("--vision-lr", type=float, help="of the image encoder (8e-4 from scratch, 3e-5 with --init)")
    parser.add_argument("--layer-decay", type=float, help="of the trunk per block (1 from scratch, 0.9 with --init)")
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--muon", type=float, default=0.0, help="use Muon for matrices, at this multiple of --lr (0: AdamW for all)")
    parser.add_argument("--freeze-encoder", action="store_true", help="train all but the image encoder")
    parser.add_argument("--read-back", type=float, help="share of steps that ask for the mask in memory (0.6 from scratch, else 0)")
    parser.add_argument("--boxed", type=float, default=0.0, help="share of steps that ask every tracked slice again with a box")
    parser.add_argument("--repeat", type=int, default=1, help="use every batch so often, where making clips is the slower part")
    parser.add_argument("--warmup", type=int, default=100, help="steps")
    parser.add_argument("--clip-norm", type=float, default=0.5, help="largest norm of a gradient")
    parser.add_argument("--focal-alpha", type=float, help="weight of the object's pixels (0.5 from scratch, 0.25 with --init)")
    parser.add_argument("--average", type=float, default=0.998, help="decay of the moving average of the weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--amp", action="store_true", help="bfloat16 where safe; worth it on CUDA, not on most CPUs")
    parser.add_argument("--threads", type=int, help="CPU threads of the training process")
    parser.add_argument("--workers", type=int, default=1, help="processes that make clips; 0 = in the training process")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--validate-every", type=int, default=250, help="steps; 0 = never (always 0 with --data)")
    parser.add_argument("--validation-cases", type=int, default=24)
    parser.add_argument("--save-every", type=int, default=100, help="steps")
    parser.add_argument("--pause-at", type=int, help="stop at this step, to be continued later by the same command")
    parser.add_argument("--no-augment", action="store_true", help="npz files as they are")
    return parser, parser.parse_args()


class Run:
    """One training run: model, average, optimiser, files."""

    def __init__(self, parser: argparse.ArgumentParser, args: argparse.Namespace):
        self.args = args
        self.out: Path = args.out
        # generated scenes always mean the recipe of a training from scratch, also when it goes on from weights
        scratch = args.init is None or args.data is None
        self.steps = args.steps or (2000 if args.data else 4000)
        self.curriculum: Curriculum = args.clips or Curriculum.parse(NPZ_CURRICULUM if args.data else SCENE_CURRICULUM)
        size = chosen_size(parser, args)
        if args.threads:
            torch.set_num_threads(args.threads)
        torch.manual_seed(args.seed)
        self.model = build(size)
        if scratch:
            start_from_scratch(self.model)
        if args.init:
            load_checkpoint(self.model, args.init)
        if args.freeze_encoder:
            self.model.image_encoder.requires_grad_(False)
        self.model.to(args.device)
        self.average = Average(self.model, args.average)
        rate = args.lr or (8e-4 if scratch else 5e-5)
        vision = args.vision_lr or (rate if scratch else 3e-5)
        decay = args.layer_decay or (1.0 if scratch else 0.9)
        groups = parameter_groups(self.model, rate, vision, decay, args.weight_decay)
        self.optimisers = optimisers(groups, rate, args.muon or None)
        self.step, self.best = 0, -1.0
        self.log = self.out / "log.jsonl"
        self.restore()
        read_back = (0.6 if scratch else 0.0) if args.read_back is None else args.read_back
        chances = Chances(read_back=read_back, elsewhere=0.3 if args.freeze_encoder else 1.0, boxed=args.boxed)
        self.loss = ClipLoss(Parts(self.model), chances, args.focal_alpha or (EVEN_ALPHA if scratch else PUBLISHED_ALPHA))
        self.parts = Parts(self.average.model)
        self.stopping = False

    def restore(self) -> None:
        path = self.out / "checkpoint.pt"
        if not path.exists():
            self.out.mkdir(parents=True, exist_ok=True)
            return
        content = torch.load(path, map_location=self.args.device, weights_only=True)
        self.model.load_state_dict(content["raw"])
        self.average.model.load_state_dict(content["model"])
        restore_moments(self.optimisers, self.model, content["moments"])
        self.step, self.best = content["step"], content["best"]
        kept = [line for line in self.log.read_text().splitlines() if line.strip() and json.loads(line)["step"] <= self.step] if self.log.exists() else []
        self.log.write_text("".join(line + "\n" for line in kept))
        print(f"continuing {self.out} at step {self.step}", flush=True)

    def keep(self) -> None:
        average = self.average.model.state_dict()
        save(
            self.out / "checkpoint.pt",
            {"model": average, "raw": self.model.state_dict(), "moments": moments(self.optimisers, self.model), "step": self.step, "best": self.best},
        )
        save(self.out / "weights.pt", {"model": average})
        draw_curves(self.log, self.out / "curves.png")

    def write(self, row: dict[str, float]) -> None:
        with self.log.open("a") as file:
            file.write(json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()}) + "\n")

    def shape_at(self, step: int) -> Shape:
        clips, slices = self.curriculum.at(step)
        return Shape(clips, slices, self.model.image_size, self.model.image_size // 2)

    def one(self, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> dict[str, float]:
        """One optimiser step; returns the figures of the log."""
        args = self.args
        factor = learning_rate(self.step, args.warmup, self.steps, 0.02 if args.data is None else 0.1)
        for group in (g for o in self.optimisers for g in o.param_groups):
            group["lr"] = group["peak"] * factor
        rng = torch.Generator().manual_seed(args.seed * 1_000_003 + self.step)
        images, targets, box = (t.to(args.device, non_blocking=True) for t in batch)
        self.model.zero_grad(set_to_none=True)
        with torch.autocast(torch.device(args.device).type, torch.bfloat16, enabled=args.amp):
            loss, figures = self.loss(images, targets, box, rng)
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), args.clip_norm))
        if math.isfinite(norm):
            for optimiser in self.optimisers:
                optimiser.step()
            self.average.update(self.model, self.step)
        self.step += 1
        return {"loss": float(loss.detach()), **figures, "norm": norm, "lr": factor}

    def check(self, cases) -> None:
        began = time.time()
        figures, _ = validate(self.parts, cases)
        row = figures.row()
        self.write({"step": self.step, **row})
        print(f"step {self.step} held out: " + " ".join(f"{k} {v:.3f}" for k, v in row.items()) + f" ({time.time() - began:.0f} s)", flush=True)
        if figures.volume_dice > self.best:
            self.best = figures.volume_dice
            save(self.out / "best.pt", {"model": self.average.model.state_dict()})

    def train(self) -> None:
        args = self.args
        source = NpzSource(args.data, not args.no_augment) if args.data else SceneSource()
        every = 0 if args.data else args.validate_every
        cases = held_out(args.validation_cases) if every else []
        began, since = time.time(), self.step
        for _, batch in batches(source, args.seed, self.step, self.steps, self.shape_at, args.workers, args.repeat):
            row = self.one(batch)
            self.write({"step": self.step, **row, "seconds": round(time.time() - began, 1)})
            if self.step % 20 == 0:
                pace = (time.time() - began) / (self.step - since)
                print(f"step {self.step}/{self.steps} {pace:.2f} s/step " + " ".join(f"{k} {v:.3f}" for k, v in row.items()), flush=True)
            if every and self.step % every == 0:
                self.check(cases)
            if self.step % args.save_every == 0:
                self.keep()
            if self.stopping or self.step == args.pause_at:
                break
        self.keep()
        print(f"{'stopped' if self.step < self.steps else 'finished'} at step {self.step} of {self.steps}", flush=True)


def main() -> None:
    parser, args = arguments()
    run = Run(parser, args)

    def stop(*_: object) -> None:
        run.stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    run.train()


if __name__ == "__main__":
    main()
