"""How a bundle runs its network, and what it does to the answer, as the words of a card."""

import re
from dataclasses import dataclass, field
from typing import Any

from engine.errors import CardError
from engine.importing.bundle_arguments import Arguments, edges, transforms
from engine.importing.bundle_values import Configuration

Json = dict[str, Any]

#: "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(...))": regions painted into one picture for the file.
_PAINTS = re.compile(
    r"\$\s*lambda\s+(\w+)\s*:\s*(?:torch\.where\(\s*\1\[\[\d+\]\]\s*>\s*0\s*,\s*\d+\s*,\s*)+0\s*\)+\s*"
)


def inferer_of(configuration: Configuration) -> Json:
    """How the network is run, as params of `sliding_window`.

    Raises:
        CardError: it is not known here.
    """
    key = configuration.used("evaluator", "inferer", "inferer")
    given = configuration.get(key) if key else {"_target_": "SimpleInferer"}
    if not isinstance(given, dict):
        raise CardError(f"{configuration.where} has no inferer that is understood at '{key}'.")
    arguments = Arguments(given, key, configuration.where)
    if arguments.target == "SimpleInferer":
        arguments.done()
        return {"patch": [0, 0, 0], "overlap": [0.0, 0.0, 0.0]}
    if arguments.target not in {"SlidingWindowInferer", "SlidingWindowInfererAdapt", "SliceInferer"}:
        raise arguments.refuse("which is not known here")
    params: Json = {}
    count = 3
    if arguments.target == "SliceInferer":
        count = 2
        params |= {"dimensions": 2, "along": arguments.take("spatial_dim", 0)}
    size = arguments.take("roi_size")
    params["patch"] = edges(arguments, size if isinstance(size, list) else [size] * count)
    for name, ours, usual in (("overlap", "overlap", 0.25), ("sigma_scale", "sigma", 0.125)):
        value = arguments.take(name, usual)
        params[ours] = value if isinstance(value, list) else [value] * count
    if len(set(params["sigma"])) != 1:
        raise arguments.refuse("with a Gaussian that is wider along one axis, which is not known here")
    arguments.only("with_coord", False)
    arguments.only("mode", "constant", "gaussian")
    arguments.only("padding_mode", "constant", "reflect", "replicate")
    params |= {
        "sigma": params["sigma"][0],
        "blend": arguments.take("mode", "constant"),
        "padding": arguments.take("padding_mode", "constant"),
        "padding_value": arguments.take("cval", 0.0),
    }
    arguments.done()
    return params


@dataclass
class After:
    """What is done to a network's answer.

    Args:
        activation: "softmax", "sigmoid", or "" where none is.
        decided: "labels" of which each voxel has one, "regions" that may overlap, or "" where nothing is decided.
        threshold: of regions.
        carried: as in `sliding_window`; "" where nothing is brought back.
        largest: pieces that are kept, in order.
        notes: what is said to people.
    """

    activation: str = ""
    decided: str = ""
    threshold: float = 0.5
    carried: str = ""
    largest: list["Pieces"] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Pieces:
    """Largest pieces that are kept: of labels by their number, none for all, before or after they are brought back.

    Of one channel alone the numbers are those of its values, not of channels, unless it is said to be `one_hot`.
    """

    labels: list[int]
    keep: int
    connectivity: int
    on_image: bool
    one_hot: bool = False


_PASSED = {
    "SaveImaged", "SaveClassificationd", "EnsureTyped", "ToTensord", "CastToTyped", "EnsureChannelFirstd",
    "DeleteItemsd",
}  # fmt: skip

_DECIDING = {"Activationsd", "AsDiscreted", "Invertd", "KeepLargestConnectedComponentd"}
#: What is no answer of a network.
_NO_ANSWERS = {"image", "label"}


def after_of(configuration: Configuration) -> After:
    """The transforms behind the network.

    Raises:
        CardError: one is not known here, or stands where it is not.
    """
    after = After()
    key = configuration.used("evaluator", "postprocessing", "postprocessing")
    if not key:
        return after
    for arguments in transforms(configuration, key):
        target = arguments.target
        if "pred" not in arguments.keys:
            if target in _DECIDING and not set(arguments.keys) <= _NO_ANSWERS:
                raise arguments.refuse(f"for '{arguments.keys[0][:40]}', and the answer that is known here is 'pred'")
            continue
        if target in _PASSED:
            continue
        if target == "Activationsd":
            _activation(arguments, after)
        elif target == "AsDiscreted":
            _discrete(arguments, after)
        elif target == "Invertd":
            _invert(arguments, after)
        elif target == "KeepLargestConnectedComponentd":
            _largest(arguments, after)
        elif target == "Lambdad" and after.decided == "regions" and _PAINTS.fullmatch(arguments.text("func")):
            after.notes.append("The regions stay regions; the bundle paints them over one another in its file.")
            arguments.take("overwrite")
        else:
            arguments.take("func")
            raise arguments.refuse("which is not known here")
        arguments.done()
    return after


def _activation(arguments: Arguments, after: After) -> None:
    if after.activation or after.decided:
        raise arguments.refuse("behind what was decided already, which is not known here")
    softmax, sigmoid = arguments.one("softmax", False), arguments.one("sigmoid", False)
    arguments.only("other", None)
    arguments.only("dim", 0)
    if bool(softmax) == bool(sigmoid):
        raise arguments.refuse("which is neither a softmax nor a sigmoid")
    after.activation = "softmax" if softmax else "sigmoid"


def _discrete(arguments: Arguments, after: After) -> None:
    argmax, threshold = arguments.one("argmax", False), arguments.one("threshold")
    arguments.take("to_onehot")
    arguments.only("rounding", None)
    arguments.only("dim", 0)
    arguments.text("keepdim")
    arguments.only("dtype", None, "float32", "float", "uint8", "int32", "int64")
    if after.decided:
        if argmax or (threshold is not None and threshold != 0.5):
            raise arguments.refuse("behind what was decided already, which is not known here")
        return
    if argmax:
        after.decided = "labels"
        if threshold is not None:
            raise arguments.refuse("with an argmax and a threshold, which is not known here")
        if after.activation == "sigmoid":
            raise arguments.refuse("which takes the largest of sigmoids, and that is not known here")
    elif threshold is not None and threshold is not False:
        after.decided = "regions"
        if threshold is True or not isinstance(threshold, int | float) or not 0 < threshold < 1:
            raise arguments.refuse(f"with the threshold {str(threshold)[:20]}; from 0 to 1 are known here")
        after.threshold = float(threshold)
        if after.activation != "sigmoid":
            raise arguments.refuse("with a threshold of what is no sigmoid, which is not known here")


def _invert(arguments: Arguments, after: After) -> None:
    if after.carried:
        raise arguments.refuse("a second time, which is not known here")
    nearest = arguments.one("nearest_interp", True)
    for name in ("transform", "orig_keys", "orig_meta_keys", "to_tensor"):
        arguments.text(name)
    arguments.only("post_func", None)
    if after.decided or nearest:
        after.carried = "labels"
        if after.decided and not nearest:
            after.notes.append(
                "The bundle draws lines between the numbers of its labels; here the nearest label is taken."
            )
    else:
        after.carried = "probabilities" if after.activation else "logits"


def _largest(arguments: Arguments, after: After) -> None:
    if not after.decided:
        raise arguments.refuse("before it is decided what is where, which is not known here")
    labels = arguments.take("applied_labels")
    labels = labels if isinstance(labels, list) else [] if labels is None else [labels]
    if not all(isinstance(label, int) and label >= (after.decided == "labels") for label in labels):
        raise arguments.refuse("for labels that are not known here")
    independent = arguments.one("independent", True)
    if not independent and len(labels) != 1:
        raise arguments.refuse("of several labels together, which is not known here")
    one_hot = bool(arguments.one("is_onehot"))
    keep, connectivity = arguments.one("num_components", 1), arguments.one("connectivity", 3)
    after.largest.append(Pieces(labels, keep, connectivity or 3, bool(after.carried), one_hot))
