"""MONAI bundles with small networks of random weights, made on the spot."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser

from tests.importing.monai_peer import run_bundle

Json = dict[str, Any]

SMALL_UNET: Json = {
    "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [4, 8, 8],
    "strides": [2, 2], "num_res_units": 1, "norm": "batch",
}  # fmt: skip
LOAD: list[Json] = [
    {"_target_": "LoadImaged", "keys": "@image_key"},
    {"_target_": "EnsureChannelFirstd", "keys": "@image_key"},
]
ORIENT: Json = {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"}
RANGE: Json = {
    "_target_": "ScaleIntensityRanged", "keys": "@image_key", "a_min": -157, "a_max": 264, "b_min": 0, "b_max": 1,
    "clip": True,
}  # fmt: skip
SOFTMAX: Json = {"_target_": "Activationsd", "keys": "pred", "softmax": True}
SIGMOID: Json = {"_target_": "Activationsd", "keys": "pred", "sigmoid": True}
ARGMAX: Json = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
FROM_HALF: Json = {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5}
SAVE: Json = {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir"}


def spacing(*pixdim: float) -> Json:
    return {"_target_": "Spacingd", "keys": "@image_key", "pixdim": list(pixdim), "mode": "bilinear"}


def invert(nearest: bool) -> Json:
    return {
        "_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "@image_key",
        "nearest_interp": nearest, "to_tensor": True,
    }  # fmt: skip


def largest(*labels: int) -> Json:
    return {"_target_": "KeepLargestConnectedComponentd", "keys": "pred", "applied_labels": list(labels)}


def windows(*size: int, **more: Any) -> Json:
    return {
        "_target_": "SlidingWindowInferer", "roi_size": list(size), "sw_batch_size": 2, "overlap": 0.5,
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
    } | more  # fmt: skip


@dataclass
class Bundle:
    """What a bundle says.

    Args:
        before, after: transforms; those that load are put in front, and what saves behind.
        shape, apart: of the image it is tried on, (planes, rows, columns) and mm.
        channels: of the image.
        classes: of the network's channels.
    """

    network: Json = field(default_factory=lambda: dict(SMALL_UNET))
    before: list[Json] = field(default_factory=lambda: [ORIENT, spacing(2.0, 2.0, 2.5), RANGE])
    after: list[Json] = field(default_factory=lambda: [SOFTMAX, invert(False), ARGMAX])
    inferer: Json = field(default_factory=lambda: windows(16, 16, 16))
    channels: tuple[str, ...] = ("image",)
    classes: tuple[str, ...] = ("background", "liver", "kidney_left")
    modality: str = "CT"
    shape: tuple[int, int, int] = (16, 30, 34)
    apart: tuple[float, float, float] = (1.5, 1.4, 2.2)
    needs: str = ""

    def inference(self) -> Json:
        return {
            "imports": ["$import glob", "$import os"],
            "bundle_root": ".",
            "image_key": "image",
            "output_dir": "$@bundle_root + '/eval'",
            "datalist": "$list(sorted(glob.glob(@bundle_root + '/*.nii.gz')))",
            "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
            "network_def": self.network,
            "network": "$@network_def.to(@device)",
            "preprocessing": {
                "_target_": "Compose",
                "transforms": [*LOAD, *self.before, {"_target_": "EnsureTyped", "keys": "@image_key"}],
            },
            "inferer": self.inferer,
            "postprocessing": {"_target_": "Compose", "transforms": [*self.after, SAVE]},
            "checkpointloader": {
                "_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'",
                "load_dict": {"model": "@network"},
            },
            "run": ["$@evaluator.run()"],
        }  # fmt: skip

    def metadata(self) -> Json:
        named = {"type": "image", "num_channels": len(self.channels), "modality": self.modality}
        return {
            "name": "A small bundle", "version": "0.1.0", "description": "For trying.", "data_source": "made up",
            "network_data_format": {
                "inputs": {"image": named | {
                    "format": "hounsfield" if self.modality == "CT" else "magnitude",
                    "channel_def": {str(n): name for n, name in enumerate(self.channels)},
                }},
                "outputs": {"pred": {"channel_def": {str(n): name for n, name in enumerate(self.classes)}}},
            },
        }  # fmt: skip

    def write(self, folder: Path, images: Sequence[Path] = (), seed: int = 0) -> Path:
        """The bundle's folder, with weights from a seed; with images, such that each class is somewhere in them."""
        (folder / "configs").mkdir(parents=True, exist_ok=True)
        (folder / "models").mkdir(exist_ok=True)
        (folder / "configs" / "inference.json").write_text(json.dumps(self.inference()))
        (folder / "configs" / "metadata.json").write_text(json.dumps(self.metadata()))
        torch.manual_seed(seed)
        network = network_of(self.network)
        torch.save({"model": network.state_dict()}, folder / "models" / "model.pt")
        if self in CLASSIFIERS.values():
            settled(network, self.network)
        if images:
            balanced(network, torch.as_tensor(run_bundle(folder, images, decided=False))[None])
        torch.save({"model": network.state_dict()}, folder / "models" / "model.pt")
        return folder


def network_of(values: Json) -> torch.nn.Module:
    """The network as MONAI builds it."""
    values = {key: value for key, value in values.items() if key != "img_size" or values["_target_"] == "UNETR"}
    parser = ConfigParser({"network_def": values})
    parser.parse()
    network: torch.nn.Module = parser.get_parsed_content("network_def")
    return network.eval()


def settled(network: torch.nn.Module, values: Json) -> None:
    """Let the norms know values, without which an untrained network gives none."""
    norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
    channels = values.get("in_channels", values.get("n_input_channels"))
    with torch.no_grad():
        network.train()(torch.randn(4, channels, *[32] * values["spatial_dims"]))
        for value in network.parameters():
            value.mul_(1.3)
    network.eval()


def balanced(network: torch.nn.Module, logits: torch.Tensor) -> None:
    """Change the last bias, so that each class is the likeliest somewhere; `logits` are (1, classes, ...)."""
    values = logits[0].flatten(1)
    offset = -values.median(1).values
    for _ in range(40):
        likeliest = (values + offset[:, None]).argmax(0)
        shares = torch.bincount(likeliest, minlength=len(offset)) / values.shape[1]
        offset -= (shares - 1 / len(offset)) * values.std(1)
    last = [layer for layer in network.modules() if getattr(layer, "bias", None) is not None][-1]
    with torch.no_grad():
        last.bias += offset


#: One of each kind that is compared with MONAI itself.
BUNDLES: dict[str, Bundle] = {
    "probabilities back, CT": Bundle(),
    "labels back, a class an axis": Bundle(
        before=[ORIENT, spacing(3.0, 2.8, 2.2) | {"min_pixdim": 1.0},
                {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True},
                {"_target_": "ScaleIntensityd", "keys": "image", "minv": -1.0, "maxv": 1.0}],
        after=[SOFTMAX, ARGMAX, invert(True)],
        inferer=windows(16, 16, 24, mode="gaussian", padding_mode="replicate", overlap=0.25)),
    "regions of four channels": Bundle(
        network={"_target_": "SegResNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 3, "init_filters": 8,
                 "blocks_down": [1, 1], "blocks_up": [1], "dropout_prob": 0.2},
        before=[{"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True, "channel_wise": True}],
        after=[SIGMOID, invert(False), FROM_HALF, largest(0)],
        channels=("T1c", "FLAIR"), classes=("Tumor core", "Whole tumor", "Enhancing tumor"), modality="MR",
        inferer=windows(48, 24, 16)),
    "foreground, then padded": Bundle(
        network={"_target_": "monai.networks.nets.DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3,
                 "kernel_size": [3, 3, 3], "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [4, 8, 8],
                 "norm_name": "instance", "res_block": True, "deep_supervision": True, "deep_supr_num": 1},
        before=[ORIENT, spacing(2.0, 2.0, 2.0), RANGE,
                {"_target_": "CropForegroundd", "keys": ["@image_key"], "source_key": "@image_key", "margin": 2,
                 "mode": ["minimum"]},
                {"_target_": "SpatialPadd", "keys": "image", "spatial_size": [8, 32, 8]}],
        inferer=windows(16, 24, 24, mode="gaussian")),
    "whole image, as stored, largest pieces": Bundle(
        network={**SMALL_UNET, "act": ["leakyrelu", {"negative_slope": 0.1}], "out_channels": "$1 + len([0, 1])"},
        before=[{"_target_": "ScaleIntensityRangePercentilesd", "keys": "image", "lower": 5, "upper": 95, "b_min": 0,
                 "b_max": 1, "channel_wise": True}],
        after=[ARGMAX, largest(1, 2), invert(False)], inferer={"_target_": "SimpleInferer"}, shape=(16, 32, 36)),
    "slices": Bundle(
        network={**SMALL_UNET, "spatial_dims": 2}, before=[{"_target_": "ScaleIntensityd", "keys": "image"}],
        inferer={"_target_": "SliceInferer", "roi_size": [32, 24], "spatial_dim": 2, "overlap": 0.3}, modality="MR"),
    "SegResNetDS, logits back": Bundle(
        network={"_target_": "SegResNetDS", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "init_filters": 8,
                 "blocks_down": [1, 2], "norm": "instance", "dsdepth": 2},
        after=[invert(False), SOFTMAX, ARGMAX, largest(2)]),
    "SwinUNETR": Bundle(
        network={"_target_": "SwinUNETR", "spatial_dims": 3, "img_size": 32, "in_channels": 1, "out_channels": 3,
                 "feature_size": 12, "use_checkpoint": False},
        inferer=windows(64, 32, 32), needs="einops"),
    "UNETR": Bundle(
        network={"_target_": "UNETR", "in_channels": 1, "out_channels": 3, "img_size": [32, 32, 16],
                 "feature_size": 4, "hidden_size": 24, "mlp_dim": 32, "num_heads": 4},
        inferer=windows(32, 32, 16), needs="einops"),
}  # fmt: skip

CLASSIFIERS: dict[str, Bundle] = {
    "DenseNet of a volume": Bundle(
        network={"_target_": "DenseNet121", "spatial_dims": 3, "in_channels": 1, "out_channels": 3,
                 "block_config": [2, 2, 2], "init_features": 8, "growth_rate": 4},
        before=[ORIENT, spacing(2, 2, 2), {"_target_": "Resized", "keys": "image", "spatial_size": [32, 32, 32]},
                {"_target_": "ScaleIntensityd", "keys": "image"}],
        after=[SOFTMAX], inferer={"_target_": "SimpleInferer"}, modality="MR"),
    "ResNet, each class by itself": Bundle(
        network={"_target_": "ResNet", "block": "basic", "layers": [1, 1, 1, 1], "block_inplanes": [4, 8, 8, 8],
                 "spatial_dims": 3, "n_input_channels": 1, "num_classes": 3},
        before=[RANGE, {"_target_": "Resized", "keys": "image", "spatial_size": [32, 32, 24], "mode": "trilinear"}],
        after=[SIGMOID], inferer={"_target_": "SimpleInferer"}),
    "EfficientNet of a picture": Bundle(
        network={"_target_": "EfficientNetBN", "model_name": "efficientnet-b0", "spatial_dims": 2, "in_channels": 3,
                 "num_classes": 3, "pretrained": False},
        before=[{"_target_": "Resized", "keys": "image", "spatial_size": [48, 40], "mode": "bilinear"},
                {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True, "channel_wise": True}],
        after=[{"_target_": "AsDiscreted", "argmax": True, "to_onehot": 3, "keys": ["pred"]}],
        inferer={"_target_": "SimpleInferer"}, channels=("R", "G", "B")),
}  # fmt: skip
