"""The reference model: Meta's `sam2` package, built from its own configuration files.

MedSAM2 is `sam2.1_hiera_t` at 512 px. Sizes are changed by overriding the configuration, never by editing the package.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import torch


@dataclass(frozen=True)
class Size:
    """A model that can be exported.

    config: name of a YAML file of the sam2 package, without suffix
    image_size: side of the square model input in pixels
    overrides: further Hydra overrides of that configuration
    aliases: other names under which users know it
    view: what of a slice its models are made to see, where it is not the whole slice (`roi`)
    """

    config: str
    image_size: int
    overrides: tuple[str, ...] = ()
    aliases: tuple[str, ...] = field(default_factory=tuple)
    view: str | None = None


# A model small enough for fixtures in git, with every mechanism of the large one:
# padded and pooled windows, global attention, several heads, top-down pyramid.
_FIXTURE = (
    "model.image_encoder.trunk.embed_dim=8",
    "model.image_encoder.trunk.num_heads=1",
    "model.image_encoder.trunk.stages=[1,2,3,2]",
    "model.image_encoder.trunk.global_att_blocks=[4]",
    "model.image_encoder.neck.backbone_channel_list=[64,32,16,8]",
    "model.image_encoder.neck.d_model=32",
    "model.image_encoder.neck.position_encoding.num_pos_feats=32",
    "model.memory_attention.d_model=32",
    "model.memory_attention.num_layers=2",
    "model.memory_attention.layer.d_model=32",
    "model.memory_attention.layer.dim_feedforward=48",
    "model.memory_attention.layer.self_attention.embedding_dim=32",
    "model.memory_attention.layer.cross_attention.embedding_dim=32",
    "model.memory_attention.layer.cross_attention.kv_in_dim=16",
    "model.memory_encoder.out_dim=16",
    "model.memory_encoder.position_encoding.num_pos_feats=16",
    "+model.memory_encoder.in_dim=32",
    "+model.memory_encoder.mask_downsampler.embed_dim=32",
    "model.memory_encoder.fuser.layer.dim=32",
)

# A model small enough to lie in git with its weights, for 128 px views around one object. Windows fit the grids
# (32, 16, 8, 4), so nothing is padded; from the third stage on a window is the whole grid.
_NANO = (
    "model.image_encoder.trunk.embed_dim=32",
    "model.image_encoder.trunk.num_heads=1",
    "model.image_encoder.trunk.stages=[1,2,3,1]",
    "+model.image_encoder.trunk.window_spec=[8,8,8,4]",
    "model.image_encoder.trunk.global_att_blocks=[4,5]",
    "model.image_encoder.neck.backbone_channel_list=[256,128,64,32]",
    "model.image_encoder.neck.d_model=128",
    "model.image_encoder.neck.position_encoding.num_pos_feats=128",
    "model.memory_attention.d_model=128",
    "model.memory_attention.num_layers=2",
    "model.memory_attention.layer.d_model=128",
    "model.memory_attention.layer.dim_feedforward=256",
    "model.memory_attention.layer.self_attention.embedding_dim=128",
    "model.memory_attention.layer.cross_attention.embedding_dim=128",
    "model.memory_attention.layer.cross_attention.kv_in_dim=32",
    "model.memory_encoder.out_dim=32",
    "model.memory_encoder.position_encoding.num_pos_feats=32",
    "+model.memory_encoder.in_dim=128",
    "+model.memory_encoder.mask_downsampler.embed_dim=128",
    "model.memory_encoder.fuser.layer.dim=128",
)

SIZES: dict[str, Size] = {
    "medsam2": Size("sam2.1_hiera_t", 512, aliases=("sam2.1_hiera_t512", "sam2.1_hiera_tiny")),
    "sam2.1_hiera_t_1024": Size("sam2.1_hiera_t", 1024, aliases=("sam2.1_hiera_t",)),
    "sam2.1_hiera_s": Size("sam2.1_hiera_s", 1024),
    "sam2.1_hiera_b+": Size("sam2.1_hiera_b+", 1024),
    "sam2.1_hiera_l": Size("sam2.1_hiera_l", 1024),
    "nano": Size("sam2.1_hiera_t", 128, _NANO, view="roi"),
    "fixture": Size("sam2.1_hiera_t", 128, _FIXTURE),
}


def add_size_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help=f"a known model ({', '.join(SIZES)}) or a new name together with --config")
    parser.add_argument("--config", help="configuration of the sam2 package, e.g. sam2.1_hiera_s")
    parser.add_argument("--image-size", type=int, help="side of the model input in pixels, a multiple of 32")
    parser.add_argument("--override", action="append", default=[], metavar="KEY=VALUE", help="Hydra override, repeatable")


def chosen_size(parser: argparse.ArgumentParser, args: argparse.Namespace, aliases: tuple[str, ...] = ()) -> Size:
    known = SIZES.get(args.name)
    if known is None and args.config is None:
        parser.error(f"{args.name} is not a known model; name its configuration with --config")
    base = known if known is not None and args.config is None else Size(args.config, 1024)
    image_size = args.image_size or base.image_size
    if image_size % 32:
        parser.error(f"--image-size {image_size} is not a multiple of 32")
    return Size(base.config, image_size, (*base.overrides, *args.override), (*base.aliases, *aliases), base.view)


def allow_missing_torchvision() -> None:
    """sam2 imports three torchvision transforms for its image predictor, which nothing here uses.

    Where torchvision is not installed (it has no CPU-only wheel on some platforms), an empty stand-in lets the
    import pass; calling any of it fails.
    """
    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision") is not None:
        return
    package, transforms = types.ModuleType("torchvision"), types.ModuleType("torchvision.transforms")
    for name in ("Normalize", "Resize", "ToTensor"):
        setattr(transforms, name, None)
    package.transforms = transforms
    sys.modules.setdefault("torchvision", package)
    sys.modules.setdefault("torchvision.transforms", transforms)


def build(size: Size, target: str = "sam2.modeling.sam2_base.SAM2Base", overrides: tuple[str, ...] = ()) -> torch.nn.Module:
    """The reference model with freshly initialised weights, in eval mode.

    target: class to build; `sam2.sam2_video_predictor.SAM2VideoPredictor` for whole flows
    """
    allow_missing_torchvision()
    import sam2.build_sam  # noqa: F401  (registers the package's configuration directory with Hydra)
    from hydra import compose
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    config = compose(
        config_name=f"configs/sam2.1/{size.config}.yaml",
        overrides=[
            f"model._target_={target}",
            f"model.image_size={size.image_size}",
            "++model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=true",
            "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta=0.05",
            "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.98",
            "++model.binarize_mask_from_pts_for_mem_enc=true",
            *size.overrides,
            *overrides,
        ],
    )
    OmegaConf.resolve(config)
    return instantiate(config.model, _recursive_=True).eval()


#: Tensors that are added as they are rather than multiplied with a vector.
_EMBEDDINGS = (
    "maskmem_tpos_enc",
    "no_mem_embed",
    "no_mem_pos_enc",
    "no_obj_ptr",
    "no_obj_embed_spatial",
    "sam_prompt_encoder.point_embeddings",
    "sam_prompt_encoder.not_a_point_embed",
    "sam_prompt_encoder.no_mask_embed",
    "sam_mask_decoder.iou_token",
    "sam_mask_decoder.mask_tokens",
    "sam_mask_decoder.obj_score_token",
)


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Fill every tensor of the state dict with distinct values of a sensible scale, reproducibly.

    A freshly initialised model has equal tensors (cloned layers, ones, zeros); an exporter may merge those, and a
    parity test on them proves little. The presence head is biased towards 'present', so that flows do not end at once.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            noise = torch.randn(tensor.shape, generator=generator)
            if key.endswith("positional_encoding_gaussian_matrix"):
                tensor.copy_(noise)
            elif tensor.ndim <= 1:
                is_scale = key.endswith("weight") or key.endswith("gamma")
                tensor.copy_((1.0 if is_scale else 0.0) + 0.1 * noise)
            elif key.startswith(_EMBEDDINGS) or ".pos_embed" in key:
                tensor.copy_(0.5 * noise)
            else:
                fan_in = tensor[0].numel()
                # Sharper attention over memories and a livelier presence head: otherwise every slice answers alike.
                gain = 1.4 if "memory_attention" in key and ("q_proj" in key or "k_proj" in key) else 1.0
                gain = 3.0 if "pred_obj_score_head" in key else gain
                tensor.copy_(noise * (gain / math.sqrt(fan_in)))


def load_checkpoint(model: torch.nn.Module, path: Path) -> None:
    """Strict load of a checkpoint (`{"model": state_dict}` or a bare state dict); executes nothing from the file."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(content.get("model", content), strict=True)
