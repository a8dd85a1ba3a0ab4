"""The plans of nnU-Net v2, old and new, as the params of the operation `nnunet`; what is not understood is named."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import CardError

Json = dict[str, Any]

_SCHEMES = {
    "CTNormalization": "ct",
    "ZScoreNormalization": "zscore",
    "RescaleTo01Normalization": "rescale",
    "RGBTo01Normalization": "rgb",
    "NoNormalization": "none",
}
#: How a reader of images turns them; "" for as they are stored.
READERS = {"NibabelIOWithReorient": "RAS", "SimpleITKIOWithReorient": "RAS", "SimpleITKIO": "", "NibabelIO": ""}
_NETWORKS = {"PlainConvUNet": False, "ResidualEncoderUNet": True}
_NORMS = {"InstanceNorm": "instance", "BatchNorm": "batch"}
_ACTIVATIONS = {"LeakyReLU": "leakyrelu", "ReLU": "relu"}
#: What is known of a network's arguments; what drops values or whole blocks does so in training only.
_ARGUMENTS = {
    "n_stages", "features_per_stage", "conv_op", "kernel_sizes", "strides", "n_conv_per_stage_decoder", "conv_bias",
    "norm_op", "norm_op_kwargs", "dropout_op", "dropout_op_kwargs", "nonlin", "nonlin_kwargs", "n_blocks_per_stage",
    "n_conv_per_stage", "stem_channels", "stochastic_depth_p", "squeeze_excitation_reduction_ratio",
}  # fmt: skip
#: Others, and the one value of each that is known.
_PLAIN: Json = {"nonlin_first": False, "block": "BasicBlockD", "bottleneck_channels": None, "squeeze_excitation": False}
_DEPTH = 20
#: nnU-Net runs others where plans name them.
_LABELS, _PREPROCESSOR = "LabelManager", "DefaultPreprocessor"


class Plans:
    """`plans.json`.

    Args:
        values: of the file.
        where: its name for people.
    """

    def __init__(self, values: Json, where: str) -> None:
        self._values, self._where = values, where

    def params(self, configuration: str) -> Json:
        """What the params of a configuration have in common for all data: network, grid, resampling, tile.

        Raises:
            CardError: something is missing, or not known here.
        """
        plan = self._configuration(configuration)
        for values, key, known in (
            (self._values, "label_manager", _LABELS),
            (plan, "preprocessor_name", _PREPROCESSOR),
        ):
            if values.get(key, known) != known:
                raise CardError(f"{self._where} has the {key} '{str(values[key])[:80]}', which is not known here.")
        patch, spacing = _numbers(plan, "patch_size", self._where), _numbers(plan, "spacing", self._where)
        dimensions = len(patch)
        if dimensions not in {2, 3}:
            raise CardError(f"{self._where} has a patch of {dimensions} axes; 2 or 3 are needed.")
        return {
            "network": self._network(plan, dimensions),
            "dimensions": dimensions,
            "axes": self.axes,
            "transpose": self._values.get("transpose_forward", [0, 1, 2]),
            "spacing_mm": spacing[-dimensions:],
            "channels": self._channels(plan),
            "image": self._resampling(plan, "data", 3),
            "logits": self._resampling(plan, "probabilities", 1),
            "previous": self._resampling(plan, "seg", 1),
            "patch": patch,
        }

    @property
    def axes(self) -> str:
        """How the images were turned."""
        reader = str(self._values.get("image_reader_writer", "SimpleITKIO"))
        if reader not in READERS:
            raise CardError(f"{self._where} reads images with '{reader[:80]}', which is not known here.")
        return READERS[reader]

    @property
    def dataset_name(self) -> str:
        """The data set's name, "" where it has none."""
        return str(self._values.get("dataset_name") or "")

    def previous_stage(self, configuration: str) -> str:
        """The configuration whose result this one continues; "" where there is none."""
        return str(self._configuration(configuration).get("previous_stage") or "")

    def _configuration(self, name: str) -> Json:
        configurations = self._values.get("configurations")
        if not isinstance(configurations, dict):
            raise CardError(f"{self._where} has no configurations, so it is no plan of nnU-Net v2.")
        resolved: Json = {}
        wanted: object = name
        for _ in range(_DEPTH):
            plan = configurations.get(wanted) if isinstance(wanted, str) else None
            if not isinstance(plan, dict):
                raise CardError(
                    f"{self._where} has no configuration '{str(wanted)[:80]}'; a results folder must keep "
                    "the name that nnU-Net gave it."
                )
            resolved = plan | resolved
            if "inherits_from" not in plan:
                return resolved
            wanted = plan["inherits_from"]
        raise CardError(f"{self._where} has configurations that inherit from one another in a circle.")

    def _channels(self, plan: Json) -> list[Json]:
        schemes = plan.get("normalization_schemes")
        masks = plan.get("use_mask_for_norm")
        figures = self._values.get(
            "foreground_intensity_properties_per_channel",
            self._values.get("foreground_intensity_properties_by_modality"),
        )
        if not isinstance(schemes, list) or not isinstance(figures, dict):
            raise CardError(f"{self._where} does not say how its channels are normalised.")
        masks = masks if isinstance(masks, list) and len(masks) == len(schemes) else [False] * len(schemes)
        channels = []
        for index, (scheme, mask) in enumerate(zip(schemes, masks, strict=True)):
            if not isinstance(scheme, str) or scheme not in _SCHEMES:
                raise CardError(f"{self._where} normalises by '{str(scheme)[:80]}', which is not known here.")
            channel: Json = {"scheme": _SCHEMES[scheme], "masked": bool(mask)}
            if channel["scheme"] == "ct":
                own: Any = figures.get(str(index))
                try:
                    channel |= {
                        "mean": float(own["mean"]),
                        "deviation": float(own["std"]),
                        "low": float(own["percentile_00_5"]),
                        "high": float(own["percentile_99_5"]),
                    }
                except (TypeError, KeyError, ValueError) as error:
                    raise CardError(f"{self._where} has no intensities of channel {index}.") from error
            channels.append(channel)
        return channels

    def _resampling(self, plan: Json, what: str, usual: int) -> Json:
        function = plan.get(f"resampling_fn_{what}", "resample_data_or_seg_to_shape")
        if function != "resample_data_or_seg_to_shape":
            raise CardError(f"{self._where} resamples by '{str(function)[:80]}', which is not known here.")
        given = plan.get(f"resampling_fn_{what}_kwargs", {})
        known = {"is_seg", "order", "order_z", "force_separate_z", "separate_z_anisotropy_threshold"}
        if not isinstance(given, dict) or set(given) - known:
            raise CardError(f"{self._where} resamples with settings that are not known here.")
        if given.get("separate_z_anisotropy_threshold", 3) != 3:
            raise CardError(f"{self._where} calls an image coarse at another ratio than 3, which is not known here.")
        return {
            "order": given.get("order", usual),
            "order_across": given.get("order_z", 0),
            "separate": given.get("force_separate_z"),
        }

    def _network(self, plan: Json, dimensions: int) -> Json:
        architecture = plan.get("architecture")
        given = self._modern(architecture) if isinstance(architecture, dict) else self._old(plan)
        name, arguments = given
        if name not in _NETWORKS:
            raise CardError(f"{self._where} names the network '{name[:80]}', which is not known here.")
        residual = _NETWORKS[name]
        self._check(name, arguments)
        try:
            stages = int(arguments["n_stages"])
            features = _each(arguments["features_per_stage"], stages)
            network: Json = {
                "network": "StagedUNet",
                "dimensions": dimensions,
                "features": features,
                "kernels": [_steps(steps, dimensions) for steps in _each(arguments["kernel_sizes"], stages)],
                "strides": [_steps(steps, dimensions) for steps in _each(arguments["strides"], stages)],
                "blocks": _each(arguments["n_blocks_per_stage" if residual else "n_conv_per_stage"], stages),
                "decoder_convolutions": _each(arguments["n_conv_per_stage_decoder"], stages - 1),
                "residual": residual,
                "stem": int(arguments.get("stem_channels") or 0),
                "bias": bool(arguments.get("conv_bias", False)),
                "slope": float((arguments.get("nonlin_kwargs") or {}).get("negative_slope", 0.01)),
            }
            norm = dict(arguments.get("norm_op_kwargs") or {})
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise CardError(f"{self._where} does not describe its network whole ({error}).") from error
        network |= {
            "norm": self._of(arguments.get("norm_op"), _NORMS),
            "norm_arguments": {
                key: norm[key] for key in ("eps", "affine", "momentum", "track_running_stats") if key in norm
            },
            "activation": self._of(arguments.get("nonlin"), _ACTIVATIONS),
        }
        return network

    def _modern(self, architecture: Json) -> tuple[str, Json]:
        arguments = architecture.get("arch_kwargs")
        if not isinstance(arguments, dict):
            raise CardError(f"{self._where} does not describe its network.")
        return str(architecture.get("network_class_name", "")).rpartition(".")[2], arguments

    def _old(self, plan: Json) -> tuple[str, Json]:
        """Plans up to version 2.1, from which the arguments follow."""
        name = str(plan.get("UNet_class_name", ""))
        try:
            stages = len(plan["n_conv_per_stage_encoder"])
            base, most = int(plan["UNet_base_num_features"]), int(plan["unet_max_num_features"])
            arguments = {
                "n_stages": stages,
                "features_per_stage": [min(base * 2**stage, most) for stage in range(stages)],
                "kernel_sizes": plan["conv_kernel_sizes"],
                "strides": plan["pool_op_kernel_sizes"],
                "n_conv_per_stage": plan["n_conv_per_stage_encoder"],
                "n_blocks_per_stage": plan["n_conv_per_stage_encoder"],
                "n_conv_per_stage_decoder": plan["n_conv_per_stage_decoder"],
                "conv_bias": True,
                "norm_op": "InstanceNorm",
                "norm_op_kwargs": {"eps": 1e-5, "affine": True},
                "nonlin": "LeakyReLU",
            }
        except (KeyError, TypeError, ValueError) as error:
            raise CardError(f"{self._where} does not describe its network whole ({error}).") from error
        return name, arguments

    def _check(self, name: str, arguments: Json) -> None:
        for key, value in arguments.items():
            short = value.rpartition(".")[2] if isinstance(value, str) else value
            if key not in _ARGUMENTS and (key not in _PLAIN or short != _PLAIN[key]):
                raise CardError(f"{self._where} sets '{key[:60]}' of its network {name}, which is not known here.")
        for key, only in (("dropout_op", "Dropout"), ("conv_op", "Conv")):
            given = str(arguments.get(key) or only).rpartition(".")[2]
            if given.removesuffix("2d").removesuffix("3d") != only:
                raise CardError(f"{self._where} names '{given[:80]}', which is not known here.")

    def _of(self, value: object, known: Mapping[str, str]) -> str:
        name = str(value).rpartition(".")[2]
        short = name.removesuffix("2d").removesuffix("3d")
        if short not in known:
            raise CardError(f"{self._where} names '{name[:80]}', which is not known here.")
        return known[short]


def labels_of(dataset: Json, where: str) -> Json:
    """The labels, or regions, of `dataset.json`, as params: labels, names, activation, covers, paints.

    Raises:
        CardError: they are not as nnU-Net wants them.
    """
    given = dataset.get("labels")
    if not isinstance(given, dict) or not given:
        raise CardError(f"{where} has no labels.")
    try:
        classes: dict[str, tuple[int, ...]] = {
            str(name): tuple(int(v) for v in value) if isinstance(value, list) else (int(value),)
            for name, value in given.items()
            if name != "ignore"
        }
    except (TypeError, ValueError, OverflowError) as error:
        raise CardError(f"{where} has a label whose value is no number.") from error
    if not all(classes.values()):
        raise CardError(f"{where} has a label without a value.")
    drawn = {name: values for name, values in classes.items() if set(values) != {0}}
    if any(value < 0 or value > 2000 for values in classes.values() for value in values):
        raise CardError(f"{where} has a label whose value is not from 0 to 2000.")
    if any(len(values) > 1 for values in classes.values()):
        order = dataset.get("regions_class_order")
        if (
            not isinstance(order, list)
            or len(order) != len(drawn)
            or not all(isinstance(value, int) for value in order)
        ):
            raise CardError(f"{where} has regions, but does not say in which order they are painted.")
        return {
            "names": list(drawn),
            "activation": "sigmoid",
            "covers": [list(values) for values in drawn.values()],
            "paints": [int(value) for value in order],
        }
    ordered = sorted(drawn, key=lambda name: drawn[name])
    if [drawn[name][0] for name in ordered] != list(range(1, len(ordered) + 1)):
        raise CardError(f"{where} has labels whose values are not 1, 2, 3, ... in turn.")
    return {"names": ordered, "activation": "softmax"}


def _numbers(plan: Json, key: str, where: str) -> list[Any]:
    values = plan.get(key)
    if not isinstance(values, list) or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise CardError(f"{where} has no '{key}'.")
    return values


def _each(value: object, count: int) -> list[Any]:
    values = [value] * count if isinstance(value, int) else list(value) if isinstance(value, Sequence) else []
    if len(values) != count:
        raise ValueError("its stages are not as many in each list")
    return values


def _steps(value: object, dimensions: int) -> list[int]:
    return [int(step) for step in _each(value, dimensions)]
