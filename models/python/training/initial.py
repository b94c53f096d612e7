"""First weights of a model that is trained from scratch in a short time.

The usual random weights leave memory almost mute: attention over memories starts without any sense of place, its
contribution is small against the image's features, and so is its gradient. A long training finds the way out of that;
a short one does not. Here memory starts as a blurred copy of what lay at the same place in the views before.
"""

from __future__ import annotations

import torch
from torch import nn

#: Rotary pairs per axis that carry the sense of place: those whose angle changes visibly within a few tokens.
_PLACE_PAIRS = 8
_PLACE_STRENGTH = (4.0, 3.0)


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


@torch.no_grad()
def start_from_scratch(model: nn.Module) -> None:
    """Presence starts positive, else an empty answer is learnt before any mask; residual branches start alive."""
    model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(2.0)
    for layer in model.memory_encoder.fuser.layers:
        layer.gamma.fill_(0.1)
    trunk = model.image_encoder.trunk
    nn.init.trunc_normal_(trunk.pos_embed, std=0.02)
    nn.init.trunc_normal_(trunk.pos_embed_window, std=0.02)
    wake_memory(model)
