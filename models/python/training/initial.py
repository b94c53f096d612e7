"""First weights of a model that is trained from scratch in a short time.

The usual random weights leave memory almost mute: attention over memories starts without any sense of place, its
contribution is small against the image's features, and so is its gradient. A long training finds the way out of that;
a short one does not. Here memory starts as a blurred copy of what lay at the same place in the views before.
"""

from __future__ import annotations

import math

import torch
from torch import nn

#: Rotary pairs per axis that carry the sense of place: those whose angle changes visibly within a few tokens.
_PLACE_PAIRS = 8
_PLACE_STRENGTH = (6.4, 4.8)
_BRIGHTNESS, _CONTRAST = 0.5, 4.0


def wake_memory(model: nn.Module) -> None:
    """Let cross-attention look at the same place, and let masks outweigh image features in memories."""
    dim = model.hidden_dim
    for index, layer in enumerate(model.memory_attention.layers):
        cross = layer.cross_attn_image
        strength = _PLACE_STRENGTH[min(index, len(_PLACE_STRENGTH) - 1)]
        nn.init.xavier_uniform_(cross.q_proj.weight, gain=0.5)
        nn.init.xavier_uniform_(cross.k_proj.weight, gain=0.3)
        nn.init.xavier_uniform_(cross.v_proj.weight)
        nn.init.xavier_uniform_(cross.out_proj.weight, gain=4.0)
        for projection in (cross.q_proj, cross.k_proj):
            nn.init.zeros_(projection.bias)
            # pairs (2i, 2i+1): the first half of the pairs turn with x, the second with y (specification 4.6)
            pairs = min(_PLACE_PAIRS, dim // 4)
            for axis in range(2):
                first = axis * dim // 2
                projection.bias[first : first + 2 * pairs : 2] = strength
    encoder = model.memory_encoder
    encoder.pix_feat_proj.weight.mul_(0.2)
    encoder.mask_downsampler.encoder[-1].weight.mul_(6.0)
    encoder.out_proj.weight.mul_(2.0)
    model.obj_ptr_proj.layers[-1].weight.mul_(3.0)


def frequency_filters(convolution: nn.Conv2d) -> None:
    """The patch embedding as the lowest frequencies of a windowed cosine transform, contrast louder than brightness.

    It is then kept as it is: gradients of a patch embedding are many times those of the rest and as good as noise in a
    short training; with them the image was hardly used, and masks were little better than the box's ellipse.
    """
    out, channels, side, _ = convolution.weight.shape
    position = (torch.arange(side) + 0.5) / side
    window = torch.hann_window(side + 2, periodic=False)[1:-1].clamp(min=0.3)
    frequencies = sorted(((u, v) for u in range(side) for v in range(side)), key=lambda f: (f[0] ** 2 + f[1] ** 2, f))
    for index, (u, v) in enumerate(frequencies[:out]):
        wave = torch.outer(window * torch.cos(math.pi * u * position), window * torch.cos(math.pi * v * position))
        if (u, v) != (0, 0):
            wave = wave - wave.mean()
        gain = _BRIGHTNESS if (u, v) == (0, 0) else _CONTRAST
        convolution.weight[index] = gain / channels * wave / wave.norm()
    convolution.bias.zero_()
    convolution.requires_grad_(False)


@torch.no_grad()
def start_from_scratch(model: nn.Module) -> None:
    """Presence starts positive, else an empty answer is learnt before any mask; residual branches start alive."""
    model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(2.0)
    for layer in model.memory_encoder.fuser.layers:
        layer.gamma.fill_(0.1)
    trunk = model.image_encoder.trunk
    nn.init.trunc_normal_(trunk.pos_embed, std=0.02)
    nn.init.trunc_normal_(trunk.pos_embed_window, std=0.02)
    if trunk.patch_embed.proj.out_channels <= trunk.patch_embed.proj.kernel_size[0] ** 2:
        frequency_filters(trunk.patch_embed.proj)
    wake_memory(model)
