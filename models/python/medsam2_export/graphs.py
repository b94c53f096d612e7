"""The four graphs of the engine as torch modules over the reference model's own parameters.

They compute what the reference computes, reordered where that is exact algebra and cheaper:

- Window layout is kept between blocks that share it; window attention on padded windows projects before it pads
  (a padded token's q, k, v are the bias alone, because the reference pads after the norm).
- `conv_s0`/`conv_s1` are merged with the pyramid's lateral 1x1 convolution (no non-linearity lies between).
- Attention over memories multiplies probabilities with the 64-channel memories and projects afterwards:
  the rows of a softmax sum to one, so P (V W + b) = (P V) W + b.
- RoPE is written with real numbers.

Every parameter keeps the name it has in the checkpoint, because the modules are attached under the same attributes.
Shapes are static except batch (B), memories (M), pointers (P) and points (N).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .ort_ops import multi_head_attention, rotary_embedding


def linear(x: Tensor, layer: nn.Linear, width: int | None = None) -> Tensor:
    """x [..., C] -> [rows, C_out]; two dimensions export as one Gemm, which takes the weight as it is stored."""
    return F.linear(x.reshape(-1, width or layer.in_features), layer.weight, layer.bias)


def max_pool_tokens(x: Tensor, side: int, channels: int) -> Tensor:
    """2x2 maximum over [windows, side, side, C] -> [windows, (side/2)^2, C], without leaving channels-last."""
    if not torch.onnx.is_in_onnx_export():  # the same numbers, with a cheaper gradient
        x = F.max_pool2d(x.reshape(-1, side, side, channels).permute(0, 3, 1, 2), 2)
        return x.permute(0, 2, 3, 1).reshape(-1, (side // 2) ** 2, channels)
    x = x.reshape(-1, side // 2, 2, side, channels)
    x = torch.maximum(x[:, :, 0], x[:, :, 1]).reshape(-1, side // 2, side // 2, 2, channels)
    return torch.maximum(x[:, :, :, 0], x[:, :, :, 1]).reshape(-1, (side // 2) ** 2, channels)


def partition(x: Tensor, grid: int, window: int, channels: int) -> Tensor:
    """[B, grid, grid, C] -> [B * windows, window^2, C]; grid must be a multiple of window."""
    if grid == window:
        return x.reshape(-1, grid * grid, channels)
    n = grid // window
    x = x.reshape(-1, n, window, n, window, channels).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, window * window, channels)


def unpartition(x: Tensor, grid: int, window: int, channels: int) -> Tensor:
    """Inverse of `partition`: [B * windows, window^2, C] -> [B, grid, grid, C]."""
    if grid == window:
        return x.reshape(-1, grid, grid, channels)
    n = grid // window
    x = x.reshape(-1, n, n, window, window, channels).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, grid, grid, channels)


class ImageEncoder(nn.Module):
    """image [B,3,S,S] -> s0 [B,C0,S/4,S/4], s1 [B,C1,S/8,S/8], feat [B,D,S/16,S/16] (specification 4.1)."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.image_encoder = model.image_encoder
        self.sam_mask_decoder = model.sam_mask_decoder
        self.size = model.image_size

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        trunk = self.image_encoder.trunk
        grid = self.size // 4
        x = trunk.patch_embed.proj(image)
        background = F.interpolate(trunk.pos_embed, size=(grid, grid), mode="bicubic")
        repeats = grid // trunk.window_spec[0]
        x = x + (background + trunk.pos_embed_window.repeat(1, 1, repeats, repeats))
        x = x.permute(0, 2, 3, 1)

        # `layout` is the window size in which the tokens currently lie; 0 = plain [B, grid, grid, C].
        layout, stages = 0, []
        for index, block in enumerate(trunk.blocks):
            x, grid, layout = self.block(block, x, grid, layout)
            if index in trunk.stage_ends:
                stages.append((x, grid, layout))
        return self.neck(stages)

    def block(self, block: nn.Module, x: Tensor, grid: int, layout: int) -> tuple[Tensor, int, int]:
        window = block.window_size or grid
        padded = math.ceil(grid / window) * window
        wanted = window if padded == grid else 0
        x = self.relayout(x, grid, block.dim, layout, wanted)
        pooled = block.q_stride is not None
        side = window if wanted else grid

        y = block.norm1(x)
        shortcut = x
        if block.dim != block.dim_out:
            shortcut = linear(y, block.proj).reshape(-1, side, side, block.dim_out)
            if pooled:
                shortcut = max_pool_tokens(shortcut, side, block.dim_out)
        attention = self.attention(block, y, grid, window, padded)

        if pooled:
            grid, window, padded = grid // 2, window // 2, padded // 2
        if wanted:
            wanted = window
        else:
            attention = unpartition(attention, padded, window, block.dim_out)
            if padded != grid:
                attention = attention[:, :grid, :grid]
            shortcut = shortcut.reshape(-1, grid, grid, block.dim_out)
        tokens = window * window if wanted else grid * grid
        shape = (-1, tokens, block.dim_out)
        x = shortcut.reshape(shape) + linear(attention, block.attn.proj).reshape(shape)
        hidden = F.gelu(linear(block.norm2(x), block.mlp.layers[0]))
        x = x + linear(hidden, block.mlp.layers[1]).reshape(shape)
        return x, grid, wanted

    def relayout(self, x: Tensor, grid: int, channels: int, current: int, wanted: int) -> Tensor:
        if current == wanted:
            return x
        if current:
            x = unpartition(x, grid, current, channels)
        if wanted:
            return partition(x, grid, wanted, channels)
        return x.reshape(-1, grid * grid, channels)

    def attention(self, block: nn.Module, y: Tensor, grid: int, window: int, padded: int) -> Tensor:
        """Attention inside windows before the output projection: [B * windows, tokens, C_out]."""
        attn, width = block.attn, 3 * block.dim_out
        if padded == grid and not torch.onnx.is_in_onnx_export():  # the same numbers, with a cheaper gradient
            parts = zip(attn.qkv.weight.split(block.dim_out), attn.qkv.bias.split(block.dim_out))
            rows = y.reshape(-1, block.dim)
            q, k, v = (F.linear(rows, w, b).reshape(-1, window * window, block.dim_out) for w, b in parts)
            if block.q_stride is not None:
                q = max_pool_tokens(q.reshape(-1, window, window, block.dim_out), window, block.dim_out)
            return multi_head_attention(q, k, v, attn.num_heads)
        if padded == grid:
            qkv = linear(y, attn.qkv).reshape(-1, window * window, width)
        else:
            qkv = F.linear(y.reshape(-1, block.dim), attn.qkv.weight).reshape(-1, grid, grid, width)
            qkv = F.pad(qkv, (0, 0, 0, padded - grid, 0, padded - grid))
            qkv = partition(qkv, padded, window, width) + attn.qkv.bias
        q, k, v = qkv.split(block.dim_out, dim=-1)
        if block.q_stride is not None:
            q = max_pool_tokens(q.reshape(-1, window, window, block.dim_out), window, block.dim_out)
        return multi_head_attention(q, k, v, attn.num_heads)

    def neck(self, stages: list[tuple[Tensor, int, int]]) -> tuple[Tensor, Tensor, Tensor]:
        neck, decoder = self.image_encoder.neck, self.sam_mask_decoder
        top = len(stages) - 1

        def conv(level: int) -> nn.Conv2d:
            return neck.convs[top - level].conv

        def project(level: int, weight: Tensor, bias: Tensor) -> Tensor:
            x, grid, layout = stages[level]
            channels = weight.shape[0]
            y = F.linear(x.reshape(-1, weight.shape[1]), weight, bias)
            y = self.relayout(y.reshape(-1, (layout or grid) ** 2, channels), grid, channels, layout, 0)
            return y.reshape(-1, grid, grid, channels).permute(0, 3, 1, 2)

        def lateral(level: int) -> Tensor:
            return project(level, conv(level).weight.flatten(1), conv(level).bias)

        def high_resolution(level: int, head: nn.Conv2d) -> Tensor:
            # conv_s(lateral(x)) with both 1x1 kernels multiplied; constants, so the runtime multiplies them once.
            first, second = conv(level), head.weight.flatten(1)
            bias = (second @ first.bias.unsqueeze(1)).squeeze(1) + head.bias
            return project(level, second @ first.weight.flatten(1), bias)

        # Top-down addition only on the levels the configuration names; level 2 is the engine's feature map (scalp 1).
        assert neck.fpn_top_down_levels == [2, 3] and top == 3 and neck.fuse_type == "sum"
        feat = lateral(2) + F.interpolate(lateral(3), scale_factor=2.0, mode="nearest")
        return high_resolution(0, decoder.conv_s0), high_resolution(1, decoder.conv_s1), feat


class MemoryAttention(nn.Module):
    """curr [B,D,h,w], mem [B,M,Cm,h,w], mem_tpos [M,Cm], ptr [B,P,D], ptr_pos [P,Cm] -> cond [B,D,h,w] (spec. 4.6)."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.memory_attention = model.memory_attention
        self.dim, self.mem_dim = model.hidden_dim, model.mem_dim
        self.side = model.image_size // 16
        tokens = self.side**2
        encoding = model.image_encoder.neck.position_encoding
        curr_pos = encoding(torch.zeros(1, self.dim, self.side, self.side)).flatten(2).permute(0, 2, 1)
        mem_pos = model.memory_encoder.position_encoding(torch.zeros(1, self.mem_dim, self.side, self.side))
        self.register_buffer("curr_pos_scaled", 0.1 * curr_pos, persistent=False)
        self.register_buffer("mem_pos", mem_pos.flatten(2).permute(0, 2, 1).unsqueeze(1), persistent=False)
        rope = model.memory_attention.layers[0].self_attn.compute_cis(end_x=self.side, end_y=self.side)
        assert rope.shape[0] == tokens
        self.register_buffer("rope_cos", rope.real.contiguous(), persistent=False)
        self.register_buffer("rope_sin", rope.imag.contiguous(), persistent=False)

    def rope(self, x: Tensor) -> Tensor:
        """x [rows, tokens, D], rows any; every row holds one complete grid, so positions start at 0."""
        return rotary_embedding(x, self.rope_cos, self.rope_sin)

    def forward(self, curr: Tensor, mem: Tensor, mem_tpos: Tensor, ptr: Tensor, ptr_pos: Tensor) -> Tensor:
        dim, mem_dim, tokens = self.dim, self.mem_dim, self.side**2
        x = curr.flatten(2).permute(0, 2, 1) + self.curr_pos_scaled
        # values [B, M*tokens, Cm] and keys (values + position + age); 0 in a reshape copies the dynamic axis
        spatial = mem.flatten(3).permute(0, 1, 3, 2)
        spatial_keys = spatial + self.mem_pos + mem_tpos.reshape(1, -1, 1, mem_dim)
        # a pointer is split into D / Cm tokens of equal age; written so that P = 0 stays valid
        split, batch = dim // mem_dim, curr.shape[0]
        pointer = ptr.reshape(batch, -1, mem_dim)
        pointer_pos = ptr_pos.unsqueeze(1).expand(-1, split, -1).reshape(1, -1, mem_dim)
        pointer_keys = pointer + pointer_pos
        values = torch.cat([spatial.reshape(batch, -1, mem_dim), pointer], dim=1)
        spatial_rows = spatial_keys.reshape(-1, mem_dim)

        for layer in self.memory_attention.layers:
            y = layer.norm1(x)
            own = layer.self_attn
            q = self.rope(linear(y, own.q_proj).reshape(-1, tokens, dim))
            k = self.rope(linear(y, own.k_proj).reshape(-1, tokens, dim))
            v = linear(y, own.v_proj).reshape(-1, tokens, dim)
            x = x + linear(multi_head_attention(q, k, v, 1), own.out_proj).reshape(-1, tokens, dim)

            y = layer.norm2(x)
            cross = layer.cross_attn_image
            q = self.rope(linear(y, cross.q_proj).reshape(-1, tokens, dim))
            k = self.rope(linear(spatial_rows, cross.k_proj).reshape(-1, tokens, dim)).reshape(batch, -1, dim)
            k = torch.cat([k, linear(pointer_keys, cross.k_proj).reshape(batch, -1, dim)], dim=1)
            attended = multi_head_attention(q, k, values, 1)
            attended = linear(linear(attended, cross.v_proj, mem_dim), cross.out_proj)
            x = x + attended.reshape(-1, tokens, dim)

            y = linear(F.relu(linear(layer.norm3(x), layer.linear1)), layer.linear2)
            x = x + y.reshape(-1, tokens, dim)
        x = self.memory_attention.norm(x)
        return x.permute(0, 2, 1).reshape(-1, dim, self.side, self.side)


class MaskDecoder(nn.Module):
    """Prompt encoder, mask decoder and pointer projection (specification 4.2, 4.3).

    feat [B,D,h,w], s0, s1, coords [B,N,2] (model-input pixels), labels [B,N] float (-1 padding, 0, 1, 2, 3),
    mask_in [B,1,4h,4w], has_mask [B] float 0/1 -> masks [B,4,4h,4w], iou [B,4], ptr [B,4,D], obj [B,1].
    Masks are `absent` everywhere, and pointers `no_obj_ptr`, where obj <= 0. All four candidates are returned:
    the choice belongs to the predictor, not to a traced graph. The caller appends the padding point.
    """

    def __init__(self, model: nn.Module, absent: float):
        super().__init__()
        self.sam_prompt_encoder = model.sam_prompt_encoder
        self.sam_mask_decoder = model.sam_mask_decoder
        self.obj_ptr_proj = model.obj_ptr_proj
        self.no_obj_ptr = model.no_obj_ptr
        self.size, self.dim, self.absent = model.image_size, model.hidden_dim, absent
        side = self.size // 16
        centres = (torch.arange(side, dtype=torch.float32) + 0.5) / side
        grid = torch.stack([centres.repeat(side), centres.repeat_interleave(side)], dim=-1)
        self.register_buffer("grid_centres", (2 * grid - 1).unsqueeze(0), persistent=False)

    def fourier(self, unit: Tensor) -> Tensor:
        """unit [..., 2] in -1..1 -> [..., D]."""
        angle = 2 * math.pi * (unit @ self.sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)

    def sparse(self, coords: Tensor, labels: Tensor) -> Tensor:
        encoder = self.sam_prompt_encoder
        position = self.fourier(2 * ((coords + 0.5) / self.size) - 1)
        label = labels.unsqueeze(-1)
        padding = (label == -1).float()
        embedding = position * (1 - padding) + padding * encoder.not_a_point_embed.weight
        for kind in range(4):
            embedding = embedding + (label == kind).float() * encoder.point_embeddings[kind].weight
        return embedding

    def dense(self, mask_in: Tensor, has_mask: Tensor) -> Tensor:
        encoder = self.sam_prompt_encoder
        has = has_mask.reshape(-1, 1, 1, 1)
        none = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        return has * encoder.mask_downscaling(mask_in) + (1 - has) * none

    def attend(self, attention: nn.Module, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        width, heads = attention.internal_dim, attention.num_heads
        rows = q.shape[0]
        q = linear(q, attention.q_proj).reshape(rows, -1, width)
        k = linear(k, attention.k_proj).reshape(rows, -1, width)
        v = linear(v, attention.v_proj).reshape(rows, -1, width)
        out = multi_head_attention(q, k, v, heads)
        return linear(out, attention.out_proj).reshape(rows, -1, self.dim)

    def candidates(
        self, feat: Tensor, s0: Tensor, s1: Tensor, coords: Tensor, labels: Tensor, mask_in: Tensor, has_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `forward`, but masks and pointers are given whether the object is present or not; training needs that."""
        decoder, dim, side = self.sam_mask_decoder, self.dim, self.size // 16
        batch = feat.shape[0]
        fixed = torch.cat([decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight])
        tokens = torch.cat([fixed.unsqueeze(0).expand(batch, -1, -1), self.sparse(coords, labels)], dim=1)
        keys = (feat + self.dense(mask_in, has_mask)).flatten(2).permute(0, 2, 1)
        key_pe = self.fourier(self.grid_centres)

        queries = tokens
        for layer in decoder.transformer.layers:
            if layer.skip_first_layer_pe:
                queries = self.attend(layer.self_attn, queries, queries, queries)
            else:
                q = queries + tokens
                queries = queries + self.attend(layer.self_attn, q, q, queries)
            queries = layer.norm1(queries)
            attended = self.attend(layer.cross_attn_token_to_image, queries + tokens, keys + key_pe, keys)
            queries = layer.norm2(queries + attended)
            queries = layer.norm3(queries + layer.mlp(queries))
            attended = self.attend(layer.cross_attn_image_to_token, keys + key_pe, queries + tokens, queries)
            keys = layer.norm4(keys + attended)
        final = decoder.transformer.final_attn_token_to_image
        queries = queries + self.attend(final, queries + tokens, keys + key_pe, keys)
        queries = decoder.transformer.norm_final_attn(queries)

        up1, norm, act1, up2, act2 = decoder.output_upscaling
        image = keys.permute(0, 2, 1).reshape(-1, dim, side, side)
        image = act2(up2(act1(norm(up1(image) + s1))) + s0)
        candidates = queries[:, 2:6]
        kernels = torch.stack(
            [mlp(candidates[:, i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], dim=1
        )
        masks = (kernels @ image.flatten(2)).reshape(-1, 4, 4 * side, 4 * side)
        iou = decoder.iou_prediction_head(queries[:, 1])
        obj = decoder.pred_obj_score_head(queries[:, 0])
        pointers = self.obj_ptr_proj(candidates.reshape(-1, dim)).reshape(-1, 4, dim)
        return masks, iou, pointers, obj

    def forward(
        self, feat: Tensor, s0: Tensor, s1: Tensor, coords: Tensor, labels: Tensor, mask_in: Tensor, has_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        masks, iou, pointers, obj = self.candidates(feat, s0, s1, coords, labels, mask_in, has_mask)
        appears = (obj > 0).float()
        masks = torch.where((obj > 0).reshape(-1, 1, 1, 1), masks, torch.full_like(masks[:1, :1, :1, :1], self.absent))
        gate = appears.unsqueeze(-1)
        return masks, iou, gate * pointers + (1 - gate) * self.no_obj_ptr, obj


class MemoryEncoder(nn.Module):
    """feat [B,D,h,w], mask [B,1,S,S] (already scaled: 20 p - 10), obj [B,1] -> mem [B,Cm,h,w] (specification 4.5)."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.memory_encoder = model.memory_encoder
        self.no_obj_embed_spatial = model.no_obj_embed_spatial

    def forward(self, feat: Tensor, mask: Tensor, obj: Tensor) -> Tensor:
        mem = self.memory_encoder(feat, mask, skip_mask_sigmoid=True)["vision_features"]
        absent = 1 - (obj > 0).float()
        return mem + absent.unsqueeze(-1).unsqueeze(-1) * self.no_obj_embed_spatial.unsqueeze(-1).unsqueeze(-1)
