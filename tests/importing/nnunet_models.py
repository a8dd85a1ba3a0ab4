"""Results folders of nnU-Net v2 and images for them, made on the spot: plans and data set, old and new."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

Json = dict[str, Any]

_FIGURES = {"mean": 40.0, "std": 90.0, "percentile_00_5": -160.0, "percentile_99_5": 240.0, "median": 40.0}


@dataclass
class Model:
    """One configuration of a data set.

    Args:
        name: of the data set.
        configuration: 2d, 3d_lowres, 3d_fullres or 3d_cascade_fullres.
        patch, spacing: along the axes as the network takes them.
    """

    name: str = "Dataset001_Small"
    configuration: str = "3d_fullres"
    patch: tuple[int, ...] = (16, 24, 24)
    spacing: tuple[float, ...] = (3.0, 1.5, 1.5)
    channels: tuple[str, ...] = ("CT",)
    schemes: tuple[str, ...] = ("CTNormalization",)
    masked: bool = False
    labels: Json = field(default_factory=lambda: {"background": 0, "liver": 1, "kidney_left": 2})
    order: tuple[int, ...] = ()
    residual: bool = False
    old: bool = False
    reader: str = "SimpleITKIO"
    transpose: tuple[int, ...] = (0, 1, 2)
    mirrors: tuple[int, ...] | None = (0, 1, 2)
    previous: "Model | None" = None
    folds: tuple[str, ...] = ("0",)
    features: int = 4
    trainer: str = "nnUNetTrainer"

    def folder(self, place: Path) -> Path:
        return place / self.name / f"{self.trainer}__nnUNetPlans__{self.configuration}"

    def write(self, place: Path) -> Path:
        """The results folder without weights."""
        folder = self.folder(place)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plans.json").write_text(json.dumps(self.plans()))
        dataset: Json = {
            "channel_names": {str(n): name for n, name in enumerate(self.channels)},
            "labels": self.labels, "file_ending": ".nii.gz", "numTraining": 3, "licence": "CC BY 4.0",
        }  # fmt: skip
        if self.order:
            dataset["regions_class_order"] = list(self.order)
        (folder / "dataset.json").write_text(json.dumps(dataset))
        return folder

    def plans(self) -> Json:
        configurations = {self.configuration: self._configuration()}
        if self.previous is not None:
            configurations[self.previous.configuration] = self.previous._configuration()
            configurations[self.configuration]["previous_stage"] = self.previous.configuration
        return {
            "dataset_name": self.name, "plans_name": "nnUNetPlans", "transpose_forward": list(self.transpose),
            "transpose_backward": [int(n) for n in np.argsort(self.transpose)], "image_reader_writer": self.reader,
            "configurations": configurations, "label_manager": "LabelManager",
            "foreground_intensity_properties_per_channel": {str(n): _FIGURES for n in range(len(self.channels))},
        }  # fmt: skip

    def _configuration(self) -> Json:
        dimensions = len(self.patch)
        stages = 3
        kernels, strides = [[3] * dimensions] * stages, [[1] * dimensions, *[[2] * dimensions] * (stages - 1)]
        if dimensions == 3 and self.spacing[0] / self.spacing[1] > 3:
            kernels, strides = [[1, 3, 3], *kernels[1:]], [strides[0], [1, 2, 2], strides[2]]
        common: Json = {
            "data_identifier": "x", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
            "patch_size": list(self.patch), "spacing": list(self.spacing),
            "median_image_size_in_voxels": [64.0] * dimensions, "normalization_schemes": list(self.schemes),
            "use_mask_for_norm": [self.masked] * len(self.schemes), "batch_dice": False,
        }  # fmt: skip
        for what, order, is_seg in (("data", 3, False), ("seg", 1, True), ("probabilities", 1, False)):
            common[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
            common[f"resampling_fn_{what}_kwargs"] = {
                "is_seg": is_seg, "order": order, "order_z": 0, "force_separate_z": None,
            }  # fmt: skip
        if self.old:
            return common | {
                "UNet_class_name": "ResidualEncoderUNet" if self.residual else "PlainConvUNet",
                "UNet_base_num_features": self.features, "unet_max_num_features": 4 * self.features,
                "n_conv_per_stage_encoder": [1, 2, 2], "n_conv_per_stage_decoder": [1, 2],
                "num_pool_per_axis": [2] * dimensions, "pool_op_kernel_sizes": strides, "conv_kernel_sizes": kernels,
            }  # fmt: skip
        name = "ResidualEncoderUNet" if self.residual else "PlainConvUNet"
        blocks = "n_blocks_per_stage" if self.residual else "n_conv_per_stage"
        arguments = {
            "n_stages": stages, "features_per_stage": [self.features * 2**n for n in range(stages)],
            "conv_op": f"torch.nn.modules.conv.Conv{dimensions}d", "kernel_sizes": kernels, "strides": strides,
            blocks: [1, 2, 2], "n_conv_per_stage_decoder": [1, 2], "conv_bias": True,
            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dimensions}d",
            "norm_op_kwargs": {"eps": 1e-05, "affine": True}, "dropout_op": None, "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True},
        }  # fmt: skip
        return common | {
            "architecture": {
                "network_class_name": f"dynamic_network_architectures.architectures.unet.{name}",
                "arch_kwargs": arguments,
                "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
            }
        }


#: One of each kind that is compared with nnU-Net itself.
KINDS: dict[str, Model] = {
    "plain 3D, anisotropic": Model(patch=(8, 32, 32), spacing=(6.0, 1.4, 1.4), schemes=("ZScoreNormalization",),
                                   channels=("T2",)),
    "residual encoder": Model(name="Dataset002_Res", residual=True, reader="NibabelIOWithReorient",
                              transpose=(1, 0, 2), spacing=(2.0, 2.0, 2.0), patch=(24, 24, 24)),
    "regions, two channels": Model(
        name="Dataset003_Regions", channels=("CT", "PET"), schemes=("CTNormalization", "ZScoreNormalization"),
        labels={"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}, order=(1, 2), masked=True),
    "2D, two folds": Model(name="Dataset004_Flat", configuration="2d", patch=(40, 32), spacing=(1.7, 1.7),
                           channels=("T2",), schemes=("ZScoreNormalization",), mirrors=(0, 1), folds=("0", "1")),
    "old plans, no mirrors": Model(name="Dataset005_Old", old=True, mirrors=None, features=3, spacing=(2.5, 2.0, 2.0)),
    "cascade": Model(
        name="Dataset006_Cascade", configuration="3d_cascade_fullres", spacing=(2.5, 1.6, 1.6),
        previous=Model(name="Dataset006_Cascade", configuration="3d_lowres", spacing=(4.0, 3.0, 3.0))),
}  # fmt: skip


def soft_image(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], seed: int = 0, *, blobs_mm: float = 2.0
) -> sitk.Image:
    """An image of soft blobs in Hounsfield units, with a rim of zeros; `shape` is [plane, row, column]."""
    rng = np.random.default_rng(seed)
    noise = sitk.GetImageFromArray(rng.normal(0, 1, shape).astype(np.float32))
    values = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(noise, blobs_mm))
    values = np.round(values / values.std() * 120 + 40)
    rim = np.zeros(shape, np.bool_)
    rim[1:-1, 3:-2, 2:-4] = True
    image = sitk.GetImageFromArray(np.where(rim, values, 0).astype(np.int16))
    image.SetSpacing(spacing)
    return image
