"""Batches of clips, made in processes of their own, in an order that depends on the seed and the step alone."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from .clips import Clip, clips_of_scene
from .scenes import TRAINING_SEEDS, make_scene

#: Steps whose clips are drawn together: clips of one scene are spread over these batches.
GROUP = 8
_SCENES_PER_GROUP = 400


@dataclass(frozen=True)
class Shape:
    """One batch: clips, slices per clip, side of the model input, side of the targets."""

    batch: int
    length: int
    size: int
    target: int


class Source(Protocol):
    """Where clips come from. Must depend on its arguments alone."""

    def clips(self, seed: int, group: int, count: int, shape: Shape) -> list[Clip]: ...


class SceneSource:
    """Clips of generated scenes."""

    def clips(self, seed: int, group: int, count: int, shape: Shape) -> list[Clip]:
        found: list[Clip] = []
        for i in range(_SCENES_PER_GROUP):
            number = (seed * 7919 + group * _SCENES_PER_GROUP + i) % TRAINING_SEEDS
            scene = make_scene(number)
            rng = np.random.default_rng([seed, group, i])
            found += clips_of_scene(rng, scene.image, scene.masks, shape.length, shape.size, shape.target)
            if len(found) >= count:
                break
        return found


def group_of_batches(source: Source, seed: int, group: int, shape: Shape) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """The batches of `GROUP` steps: images [B,T,S,S] uint8, targets [B,T,M,M] uint8, boxes [B,2,2]."""
    count = GROUP * shape.batch
    clips = source.clips(seed, group, count, shape)
    order = np.random.default_rng([seed, group]).permutation(len(clips))[:count]
    batches = []
    for b in range(GROUP):
        chosen = [clips[i] for i in order[b * shape.batch : (b + 1) * shape.batch]]
        stacked = (np.stack([getattr(c, name) for c in chosen]) for name in ("images", "targets", "box"))
        batches.append(tuple(torch.from_numpy(a) for a in stacked))
    return batches


def _work(source: Source, seed: int, groups: list[tuple[int, Shape]], queue: "multiprocessing.Queue") -> None:
    os.nice(1)
    torch.set_num_threads(1)
    for group, shape in groups:
        queue.put([tuple(t.numpy() for t in batch) for batch in group_of_batches(source, seed, group, shape)])


def batches(
    source: Source, seed: int, start: int, end: int, shape_at: Callable[[int], Shape], workers: int, repeat: int = 1
) -> Iterator[tuple[int, tuple[torch.Tensor, torch.Tensor, torch.Tensor]]]:
    """Steps start..end-1 with their batches. shape_at(step) -> Shape is asked at the first step of a group.

    repeat: how often the batches of a group come, one after the other, before the next group's.
    """
    span = GROUP * repeat
    groups = [(g, shape_at(g * span)) for g in range(start // span, (end + span - 1) // span)]
    if workers == 0:
        made = (group_of_batches(source, seed, g, shape) for g, shape in groups)
        processes = []
    else:
        context = multiprocessing.get_context("spawn")
        queues = [context.Queue(maxsize=2) for _ in range(workers)]
        processes = [
            context.Process(target=_work, args=(source, seed, groups[w::workers], queues[w]), daemon=True) for w in range(workers)
        ]
        for process in processes:
            process.start()
        made = ([tuple(torch.from_numpy(a) for a in b) for b in queues[i % workers].get()] for i in range(len(groups)))
    try:
        for (group, _), stack in zip(groups, made):
            for offset, batch in enumerate(stack * repeat):
                step = group * span + offset
                if start <= step < end:
                    yield step, batch
    finally:
        for process in processes:
            process.terminate()
