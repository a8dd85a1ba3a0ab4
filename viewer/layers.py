"""A layer: an image with the way in which it is shown. No Qt."""

from dataclasses import dataclass, field, replace
from functools import cached_property

from numpy.typing import ArrayLike

from engine.transform import Transform
from engine.volume import Volume


@dataclass(frozen=True)
class Window:
    """Grey-level window: values at `centre` ± `width` / 2 span the colour map."""

    centre: float
    width: float

    @classmethod
    def between(cls, low: float, high: float) -> "Window":
        """The window from `low` to `high`."""
        return cls((low + high) / 2, max(high - low, 1e-6))

    @property
    def low(self) -> float:
        """Value shown as the first colour."""
        return self.centre - self.width / 2

    @property
    def high(self) -> float:
        """Value shown as the last colour."""
        return self.centre + self.width / 2


@dataclass(frozen=True)
class Layer:
    """An image among those that are shown on one another; the lowest is the base.

    Args:
        volume: on its planes as acquired.
        display: on a rectangular grid; the same object as `volume` where that is regular.
        window: values that span the colour map.
        colour_map: a name known to `viewer.render.colour_maps`.
        opacity: 0..1.
        visible: whether it is drawn at all.
        transform: from the volume's frame of reference to that of the base.
        derived: of an image that was computed from the base, and goes with it: what every view says that shows it.
    """

    volume: Volume
    display: Volume
    window: Window
    colour_map: str = "grey"
    opacity: float = 1.0
    visible: bool = True
    transform: Transform = field(default_factory=Transform.identity)
    derived: str = ""

    @property
    def name(self) -> str:
        """Modality and description, as a reader calls it: "PT  Whole body AC"."""
        info = self.volume.info
        return "  ".join(part for part in (self.volume.modality, info.description) if part) or "Image"

    @cached_property
    def _to_own(self) -> Transform:
        return self.transform.inverse()

    def own_lps(self, point_lps: ArrayLike) -> tuple[float, float, float]:
        """A (3,) LPS point of the base's frame of reference → the same place in this image's own frame, mm."""
        x, y, z = self._to_own.apply(point_lps)[0].tolist()
        return x, y, z

    def shows(self, volume: Volume) -> bool:
        """Whether it is an image of the same series on the same planes, if perhaps read anew."""
        same_uid = bool(volume.info.series_uid) and self.volume.info.series_uid == volume.info.series_uid
        # Phases and echoes of one series lie on the same planes, and are other images.
        same = same_uid and self.volume.instances == volume.instances
        return self.volume is volume or (same and self.volume.geometry.same_grid(volume.geometry))


@dataclass(frozen=True)
class LayersChanged:
    """What happened to the layers, so that only that is shown anew.

    Args:
        looks: indices of the layers whose window, colours, opacity or visibility changed; None when layers came, went,
            or changed places.
    """

    looks: frozenset[int] | None = None


@dataclass(frozen=True)
class Lifted:
    """A layer that was opened as the base, and where it lay: the next base of its frame of reference takes it back."""

    index: int
    layer: Layer


def on_base(base: Layer, layers: tuple[Layer, ...], lifted: Lifted | None) -> tuple[tuple[Layer, ...], Lifted | None]:
    """What is shown once `base` is opened where `layers` were.

    Layers over the old base stay over the new one where it is the same image, or another one of the same named frame of
    reference, but for those that were computed from the old one. The layer that is opened itself is remembered, so that
    CT with PET over it → PET → CT looks as before.
    """
    if not layers:
        return (base,), None
    if layers[0].shows(base.volume):
        return (base, *layers[1:]), lifted
    frame = base.volume.info.frame_of_reference_uid
    if not frame or frame != layers[0].volume.info.frame_of_reference_uid:
        return (base,), None
    layers = tuple(layer for layer in layers if not layer.derived)
    over = [layer for layer in layers[1:] if not layer.shows(base.volume)]
    if lifted is not None and not lifted.layer.shows(base.volume):
        over.insert(lifted.index, lifted.layer)
    raised = [(index, layer) for index, layer in enumerate(layers[1:]) if layer.shows(base.volume)]
    if not raised:
        return (base, *over), None
    index, layer = raised[0]
    # On the memory of the new base, so that the image is not held twice.
    return (base, *over), Lifted(index, replace(layer, volume=base.volume, display=base.display))
