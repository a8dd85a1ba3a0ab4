"""A detector on an image: MONAI's RetinaNet detector around a card's network, and its boxes on the image's grid."""

from collections.abc import Sequence

import numpy as np
import torch
from monai.apps.detection.networks.retinanet_detector import RetinaNetDetector
from monai.apps.detection.utils.anchor_utils import AnchorGeneratorWithAnchorShape
from numpy.typing import NDArray

from engine.errors import CardError
from engine.inference.boxes import Boxes, best_first, empty
from engine.inference.context import Context
from engine.inference.detection_networks import RetinaNet
from engine.inference.devices import Device, where_it_fits
from engine.inference.networks import load_networks
from engine.inference.preprocess import Prepared
from engine.inference.sampling import whole_of
from engine.operations.detect import Params

#: Boxes of a level that are looked at before overlaps are resolved.
_LOOKED_AT = 1000


class Detector(RetinaNetDetector):
    """MONAI's detector, whose own way to match anchors asks for torchvision, which this program does without."""

    def compute_anchor_matched_idxs(
        self,
        anchors: list[torch.Tensor],
        targets: list[dict[str, torch.Tensor]],
        num_anchor_locs_per_level: Sequence[int],
    ) -> list[torch.Tensor]:
        """For each image, (anchors,) the box that each is matched with by ATSS; negative for none."""
        matched = []
        for own, wanted in zip(anchors, targets, strict=True):
            boxes = wanted[self.target_box_key].to(own.device)
            if not len(boxes):
                matched.append(torch.full((len(own),), -1, dtype=torch.int64, device=own.device))
                continue
            found = self.proposal_matcher(boxes, own, num_anchor_locs_per_level, self.num_anchors_per_loc)
            matched.append(found[1])
        return matched


def detector_of(params: Params, network: torch.nn.Module, spacing: Sequence[float]) -> Detector:
    """MONAI's detector around a network, for an image of (planes, rows, columns) mm; it has no weights of its own.

    Raises:
        CardError: the network is not made for the card's labels or box shapes.
    """
    assert isinstance(network, RetinaNet), "checked with the card"
    axes = spacing[3 - params.dimensions :]
    fits = network.num_classes == len(params.labels) and network.spatial_dims == params.dimensions
    if not fits or network.heads.num_anchors != len(params.edges_mm):
        raise CardError("The card's detector has other labels, dimensions or box shapes than its network.")
    shapes = tuple(tuple(edge / step for step in axes) for edge in params.edges_mm)
    anchors = AnchorGeneratorWithAnchorShape(tuple(2**level for level in range(network.levels)), shapes)
    detector = Detector(network.heads, anchors, debug=False)
    detector.set_box_selector_parameters(params.keep, _LOOKED_AT, params.overlap, params.most)
    return detector


def run_detector(params: Params, image: Prepared, context: Context) -> Boxes:
    """The boxes of an image, the surest first.

    Raises:
        CardError: weights or network don't fit the card.
        EngineError: memory ran out everywhere.
    """
    (network,) = load_networks(context.loaded.folder, params.network.arguments, context.weights[:1])
    whole = whole_of(image)
    items = [whole] if params.dimensions == 3 else list(whole.unbind(1))

    def attempt(device: Device, batch: int) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        try:
            detector = detector_of(params, network.to(device.name), image.spacing).eval()
            found = _found(params, detector, items, device, context)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError):
            network.to("cpu")
            raise
        context.ran_on(str(device))
        return found

    found = where_it_fits(context, 1, lambda batch: None, attempt, "boxes were looked for elsewhere")
    corners, values = [], []
    for plane, (own, chances) in enumerate(found):
        boxes = own
        if params.dimensions == 2:
            ends = np.full((len(boxes), 1), float(plane))
            boxes = np.concatenate([ends - 0.5, own[:, :2], ends + 0.5, own[:, 2:]], axis=1)
        corners.append(boxes)
        values.append(chances)
    every, sure = np.concatenate(corners), np.concatenate(values)
    if not len(every):
        return empty(params.labels, image)
    order = best_first(sure)
    return Boxes(params.labels, image, every[order, :3], every[order, 3:], sure[order])


def _found(
    params: Params, detector: Detector, items: Sequence[torch.Tensor], device: Device, context: Context
) -> list[tuple[NDArray[np.float64], NDArray[np.float32]]]:
    """Of each plane, or of the volume, (n, 2 x axes) corners in voxels and (n, labels) values."""
    made = []
    for index, item in enumerate(items):
        context.progress(index / len(items), f"Looking for boxes, {index + 1} of {len(items)}")
        with torch.inference_mode():
            (told,) = detector([item.to(device.name)])
        # Corners are edges of voxels there, and whole numbers are centres here.
        boxes = told["boxes"].double().cpu().numpy() - 0.5
        values = np.zeros((len(boxes), len(params.labels)), np.float32)
        values[np.arange(len(boxes)), told["labels"].cpu().numpy()] = told["labels_scores"].float().cpu().numpy()
        made.append((boxes.reshape(-1, 2 * params.dimensions), values))
    return made
