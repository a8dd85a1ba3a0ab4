"""The layers that lay over a series as it was left: in JSON beside its journal, and read again from their files. No Qt.

What is kept says how each layer looked and which series it is of; the images themselves are read anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CancelledError, PlanimeterError, ReadError
from engine.later import later
from engine.progress import Progress, part
from engine.resample import onto_regular_grid
from engine.stored.catalogue import Catalogue, Series
from engine.volume import Volume
from viewer.layers import Layer, Window
from viewer.looks import layer_over
from viewer.recording import label
from viewer.render.colour_maps import NAMES
from viewer.reopening import in_units_left, numbers

if TYPE_CHECKING:
    from engine import opening
    from engine.stored import read, scan
else:
    opening = later("engine.opening")
    read, scan = later("engine.stored.read"), later("engine.stored.scan")


@dataclass(frozen=True)
class LeftLayer:
    """A layer over the open series, without its voxels.

    Args:
        series_uid, label: of its series, as a journal knows one.
        source: from where the series can be opened again.
        instance: SOP Instance UID of its first plane, which tells apart what shares a series UID; "" where unknown.
        units: of the values that the window is of.
        window, colour_map, opacity, visible: as of `Layer`.
    """

    series_uid: str
    label: str
    source: str
    instance: str
    units: str
    window: Window
    colour_map: str
    opacity: float
    visible: bool

    @classmethod
    def of(cls, layer: Layer) -> "LeftLayer":
        """What is kept of a layer."""
        volume, info = layer.volume, layer.volume.info
        looks = (layer.window, layer.colour_map, layer.opacity, layer.visible)
        name = label(info, volume.modality)
        return cls(info.series_uid, name, info.source, _first_instance(volume), volume.units, *looks)

    def as_json(self) -> dict[str, Any]:
        """For a file; `from_json` reads it."""
        return {**vars(self), "window": [self.window.centre, self.window.width]}

    def shown_by(self, layer: Layer) -> bool:
        """Whether a layer that is shown is of the same image."""
        there = LeftLayer.of(layer)
        return (there.series_uid, there.instance) == (self.series_uid, self.instance)


@dataclass
class LaidBack:
    """What came of reading layers.

    Args:
        layers: those that could be read, the lowest first.
        problems: a sentence for each that could not.
        catalogues: what was looked through for them.
    """

    layers: list[Layer] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    catalogues: list[Catalogue] = field(default_factory=list)


def kept_layers(layers: Sequence[Layer]) -> tuple[LeftLayer, ...]:
    """What is kept of the layers that are shown, the base left out, and what was computed from it."""
    return tuple(LeftLayer.of(layer) for layer in layers[1:] if not layer.derived and layer.volume.info.series_uid)


def from_json(held: object) -> tuple[LeftLayer, ...]:
    """What a file keeps of layers; what another version wrote otherwise is passed over."""
    return tuple(layer for each in (held if isinstance(held, list) else []) if (layer := _layer(each)) is not None)


def _layer(held: object) -> LeftLayer | None:
    if not isinstance(held, Mapping):
        return None
    window, opacity = numbers(held.get("window"), 2), numbers([held.get("opacity")], 1)
    if window is None or window[1] <= 0 or opacity is None or held.get("colour_map") not in NAMES:
        return None
    uid, name, source, instance, units = (
        str(held.get(key, "")) for key in ("series_uid", "label", "source", "instance", "units")
    )
    share, visible = min(max(opacity[0], 0.0), 1.0), held.get("visible") is not False
    colours = str(held["colour_map"])
    return LeftLayer(uid, name, source, instance, units, Window(*window), colours, share, visible)


def read_layers(wanted: Sequence[LeftLayer], listed: Iterable[Series], base: Volume, progress: Progress) -> LaidBack:
    """Read layers from their files, to lie over `base` as they did.

    Args:
        wanted: the layers, the lowest first.
        listed: series that are known already; others are looked for where they were.
        base: the open series.
        progress: reports and may stop.

    Raises:
        CancelledError: `progress` asked to stop.
    """
    known, back = list(listed), LaidBack()
    for index, left in enumerate(wanted):
        here = part(progress, index / len(wanted), (index + 1) / len(wanted))
        try:
            fitting = _series_of(left, known)
            if not fitting:
                back.catalogues.append(_looked_through(left, part(here, 0.0, 0.3)))
                fitting = _series_of(left, back.catalogues[-1].images())
            back.layers.append(_read(left, fitting, base, part(here, 0.3, 1.0)))
        except CancelledError:
            raise
        except PlanimeterError as error:
            back.problems.append(f"{left.label}, which lay over this series, could not be put back: {error}")
    return back


def _looked_through(left: LeftLayer, progress: Progress) -> Catalogue:
    source = Path(left.source)
    if not left.source or not source.exists():
        raise ReadError(f"it is not where it was ({left.source or 'unknown'}).")
    return scan.scan([source], progress)


def _read(left: LeftLayer, fitting: Sequence[Series], base: Volume, progress: Progress) -> Layer:
    for series in fitting:
        problem = opening.why_not_over(series, base)
        if problem:
            raise ReadError(problem)
        volume = in_units_left(read.read_series(series, part(progress, 0.0, 0.7)), series, left.units, progress)
        if _first_instance(volume) == left.instance:
            layer = layer_over(volume, onto_regular_grid(volume))
            # A window of other units means nothing here.
            window = left.window if volume.units == left.units else layer.window
            return replace(layer, window=window, colour_map=left.colour_map, opacity=left.opacity, visible=left.visible)
    raise ReadError(f"its series is not in {left.source} any more.")


def _series_of(left: LeftLayer, series: Iterable[Series]) -> list[Series]:
    """Those of its series UID, the one that is called as it was first."""
    of_uid = [each for each in series if each.is_image and each.info.series_uid == left.series_uid]
    return sorted(of_uid, key=lambda each: label(each.info, each.modality) != left.label)


def _first_instance(volume: Volume) -> str:
    return volume.instances[0].sop_instance_uid if volume.instances else ""
