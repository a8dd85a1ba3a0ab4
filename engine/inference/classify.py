"""Block C: views of an image, and a network that gives each of them scores."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from monai.networks import nets
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import nn
from torch.nn import functional

from engine.cards.blocks import ClassifierParams, View
from engine.cards.schema import ClassifierNode
from engine.cards.weights import read_weights
from engine.errors import CardError
from engine.inference.context import Context
from engine.inference.devices import devices_to_try
from engine.inference.join import Scores, Value
from engine.inference.maps import Maps
from engine.inference.packing import unpacked
from engine.inference.preprocess import Prepared
from engine.progress import Progress

CLASSIFIERS: dict[str, Callable[..., nn.Module]] = {
    "ResNet18": nets.resnet18,
    "ResNet50": nets.resnet50,
    "ResNet152": nets.resnet152,
    "DenseNet121": nets.DenseNet121,
    "EfficientNet": nets.EfficientNetBN,
    "SEResNet50": nets.SEResNet50,
    "ConvClassifier": nets.Classifier,
}
_AXES = {"axial": 0, "coronal": 1, "sagittal": 2}


def build_classifier(arguments: dict[str, object]) -> nn.Module:
    """The network that a card's C node describes, with random weights.

    Raises:
        CardError: the network is not known, or its arguments don't fit it.
    """
    name = str(arguments.get("network", ""))
    if name not in CLASSIFIERS:
        raise CardError(f"The card asks for a network '{name}'; this version has {', '.join(sorted(CLASSIFIERS))}.")
    rest = {key: value for key, value in arguments.items() if key != "network"}
    try:
        return CLASSIFIERS[name](**rest)
    except (TypeError, ValueError, KeyError, AssertionError) as error:
        raise CardError(f"The card's parameters do not fit the network {name}: {error}.") from error


def run_classifier(
    context: Context, node: ClassifierNode, image: Prepared, values: dict[str, Value], progress: Progress
) -> Scores:
    """The scores of each view; networks of several weights files are averaged.

    Raises:
        CardError: weights or network don't fit the card, or a view is asked for that this version can't build.
    """
    params = node.params
    around = values.get(params.view.around) if params.view.around is not None else None
    views = build_views(params, image, around if isinstance(around, Maps) else None)
    device = devices_to_try(context.device, context.options.precision)[0]
    context.ran_on(str(device))
    total = np.zeros((len(views), len(params.labels)), np.float32)
    for index, weights in enumerate(node.weights):
        network = build_classifier(params.network.arguments)
        try:
            network.load_state_dict(unpacked(read_weights(context.loaded.folder, weights)))
        except (SafetensorError, RuntimeError, ValueError) as error:
            where = context.loaded.folder / weights.file
            raise CardError(f"The weights {where} are not those of the network that the card describes.") from error
        network = network.eval().requires_grad_(False).to(device.name)
        for start in range(0, len(views), params.batch):
            progress((index + start / len(views)) / len(node.weights), f"View {start + 1} of {len(views)}")
            batch = torch.from_numpy(views[start : start + params.batch]).to(device.name)
            with torch.inference_mode(), device.autocast():
                logits = network(batch)
            if not isinstance(logits, torch.Tensor) or logits.shape != (len(batch), len(params.labels)):
                raise CardError(f"The card names {len(params.labels)} classes, and its network has another number.")
            logits = logits.float() / context.temperature
            if params.activation == "softmax":
                logits = torch.softmax(logits, dim=1)
            elif params.activation == "sigmoid":
                logits = torch.sigmoid(logits)
            total[start : start + params.batch] += logits.cpu().numpy()
    return Scores(params.labels, total / np.float32(len(node.weights)))


def build_views(params: ClassifierParams, image: Prepared, around: Maps | None) -> NDArray[np.float32]:
    """(views, channels, rows, columns) or (views, channels, planes, rows, columns) of a card's view.

    Raises:
        CardError: the view needs something that is not there.
    """
    view = params.view
    shape = image.shape
    whole = torch.from_numpy(image.tile((slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))))
    if view.kind == "whole":
        made = [_sized(whole, view.pixels)]
    elif view.kind == "slices":
        made = [_flat(whole, view, index) for index in range(0, shape[_AXES[view.axis]], view.every)]
    elif view.kind == "montage":
        made = [_montage(whole, view, shape[_AXES[view.axis]])]
    elif view.kind == "crops":
        made = _crops(whole, view, image, around)
    else:
        raise CardError(f"The card looks at '{view.kind}', which this version of Planimeter can't make of an image.")
    views = torch.stack(made)
    return (views if params.dimensions == 3 else views[:, :, 0]).numpy()


def _sized(part: torch.Tensor, pixels: Sequence[int]) -> torch.Tensor:
    """(channels, planes, rows, columns) at another size: averaged down, linear up, axis by axis."""
    for axis, size in enumerate(pixels):
        now = part.shape[1 + axis]
        if now != size:
            wanted = list(part.shape[1:])
            wanted[axis] = size
            mode = "area" if size < now else "trilinear"
            part = functional.interpolate(part[None], wanted, mode=mode)[0]
    return part


def _flat(whole: torch.Tensor, view: View, index: int) -> torch.Tensor:
    """One slice along the view's axis, as (channels, 1, rows, columns); feet down on coronal and sagittal ones."""
    plane = whole.select(1 + _AXES[view.axis], index)
    if view.axis != "axial":
        plane = plane.flip(1)
    return _sized(plane[:, None], (1, *view.pixels[1:]))


def _montage(whole: torch.Tensor, view: View, count: int) -> torch.Tensor:
    """Evenly spread slices on one picture, row by row."""
    rows, columns = view.grid
    picks = np.linspace(0, count - 1, rows * columns + 2)[1:-1].round().astype(int)
    tiles = [_flat(whole, view, int(index)) for index in picks]
    lines = [torch.cat(tiles[row * columns : (row + 1) * columns], dim=3) for row in range(rows)]
    return torch.cat(lines, dim=2)


def _crops(whole: torch.Tensor, view: View, image: Prepared, around: Maps | None) -> list[torch.Tensor]:
    """Cubes, or triplets of planes, around what an earlier node found; several sizes are further channels."""
    if around is None:
        raise CardError("The card's crops need an earlier node to be around, and there is none.")
    mask = (around.dense_on(image, around.labels) >= 0.5).any(axis=0)
    voxels = np.argwhere(mask)
    if not len(voxels):
        raise CardError("Nothing was found in this image that could be classified.")
    centre = (voxels.min(axis=0) + voxels.max(axis=0)) / 2
    extent = float(((voxels.max(axis=0) - voxels.min(axis=0) + 1) * np.array(image.spacing)).max())
    sizes = view.sizes_mm or (extent,)
    if not view.orthogonal:
        return [torch.cat([_cube(whole, centre, image.spacing, (size,) * 3, view.pixels) for size in sizes])]
    made = []
    for axis in range(3):
        parts = []
        for size in sizes:
            edges = [size, size, size]
            edges[axis] = image.spacing[axis]
            pixels = [view.pixels[1], view.pixels[1], view.pixels[2]]
            pixels[axis] = 1
            cut = _cube(whole, centre, image.spacing, edges, pixels)
            parts.append(cut.reshape(cut.shape[0], 1, view.pixels[1], -1))
        made.append(torch.cat(parts))
    return made


def _cube(
    whole: torch.Tensor,
    centre: NDArray[np.float64],
    spacing: Sequence[float],
    edges_mm: Sequence[float],
    pixels: Sequence[int],
) -> torch.Tensor:
    """A box of `edges_mm` around a voxel, at `pixels`, linear; the image's edge goes on outside of it."""
    axes = []
    for axis in range(3):
        offset = (torch.arange(pixels[axis], dtype=torch.float32) + 0.5) / pixels[axis] - 0.5
        index = float(centre[axis]) + offset * (edges_mm[axis] / spacing[axis])
        size = whole.shape[1 + axis]
        axes.append(index * 2 / max(size - 1, 1) - 1)
    planes, rows, columns = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([columns, rows, planes], dim=-1)[None]
    return functional.grid_sample(whole[None], grid, padding_mode="border", align_corners=True)[0]
