"""Two operators of ONNX Runtime (domain com.microsoft), each with its meaning in plain torch beside it.

They exist on the CPU, CUDA and WebGPU providers, and are what makes attention fast there: the plain decomposition
writes every attention score to memory.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def _plain_attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    def split(x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)

    out = F.scaled_dot_product_attention(split(q), split(k), split(v))
    return out.transpose(1, 2).reshape(q.shape[0], q.shape[1], -1)


def _plain_rotation(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).reshape(x.shape)


class _MultiHeadAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:  # noqa: ARG004
        return _plain_attention(q, k, v, heads)

    @staticmethod
    def symbolic(g, q, k, v, heads):
        return g.op("com.microsoft::MultiHeadAttention", q, k, v, num_heads_i=heads)


class _RotaryEmbedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:  # noqa: ARG004
        return _plain_rotation(x, cos, sin)

    @staticmethod
    def symbolic(g, x, cos, sin):
        start = g.op("Constant", value_t=torch.tensor([0], dtype=torch.int64))
        return g.op("com.microsoft::RotaryEmbedding", x, start, cos, sin, interleaved_i=1)


def multi_head_attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """softmax(q k^T / sqrt(head width)) v. q [B,Nq,E], k [B,Nk,E], v [B,Nk,Ev]; heads side by side in E and Ev."""
    if not torch.onnx.is_in_onnx_export():  # the plain form has a gradient, for training
        return _plain_attention(q, k, v, heads)
    return _MultiHeadAttention.apply(q, k, v, heads)


def rotary_embedding(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate channel pairs (2i, 2i+1) of x [rows, tokens, D] by the angles of cos, sin [tokens, D/2]."""
    if not torch.onnx.is_in_onnx_export():
        return _plain_rotation(x, cos, sin)
    return _RotaryEmbedding.apply(x, cos, sin)
