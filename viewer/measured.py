"""What the measures of a session amount to on each image that is shown, computed once. No Qt."""

from dataclasses import dataclass, replace
from functools import lru_cache

from engine.measures.measure import Measure, Value
from engine.measures.table import KINDS
from viewer.layers import Layer


@dataclass(frozen=True)
class OnLayer:
    """The values of a measure on one image: `layer` is its name as a reader calls it."""

    layer: str
    values: tuple[Value, ...]


def title(measure: Measure) -> str:
    """As a person knows it: "2 Distance", or "2 Lesion" once it has a name."""
    return f"{measure.number}  {measure.name or KINDS[measure.kind].title}"


def size_of(measure: Measure, layers: tuple[Layer, ...]) -> tuple[Value, ...]:
    """What it amounts to without an image; in pixels where the base says nothing of millimetres."""
    sizes = KINDS[measure.kind].size(measure)
    if not layers or layers[0].volume.geometry.unit == "mm":
        return sizes
    return tuple(replace(value, unit=value.unit.replace("mm", layers[0].volume.geometry.unit)) for value in sizes)


def on_layers(measure: Measure, layers: tuple[Layer, ...]) -> tuple[OnLayer, ...]:
    """Its values on every layer that is seen, from the base up, each on its own voxels."""
    seen = [layer for layer in layers if layer.visible and not layer.derived]
    measured = [OnLayer(layer.name, _on_image(measure, layer)) for layer in seen]
    return tuple(each for each in measured if each.values)


def _on_image(measure: Measure, layer: Layer) -> tuple[Value, ...]:
    return _computed(measure, _Image(layer))


class _Image:
    """A layer as an image in its place, however it looks: what a measure's values depend on."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __hash__(self) -> int:
        return hash((id(self.layer.volume), id(self.layer.transform)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Image) and (
            self.layer.volume is other.layer.volume and self.layer.transform is other.layer.transform
        )


@lru_cache(maxsize=256)
def _computed(measure: Measure, image: _Image) -> tuple[Value, ...]:
    layer = image.layer
    if layer.volume.is_colour:
        # Three channels have no mean of one unit.
        return ()
    return KINDS[measure.kind].on_image(measure.moved(layer.transform.inverse()), layer.volume)


def number_text(value: Value) -> str:
    """A value with its unit: "12.3 mm", "−57 HU"; areas from 1 cm² on in cm²."""
    number, unit = value.value, value.unit
    if unit == "mm²" and abs(number) >= 100:
        number, unit = number / 100, "cm²"
    if not unit:
        text = f"{number:.0f}"
    elif unit == "HU":
        text = f"{number:.1f}" if value.name in ("Mean", "SD") else f"{number:.0f}"
    elif unit in ("mm", "°", "px", "px²"):
        text = f"{number:.1f}"
    else:
        text = f"{number:.2f}" if abs(number) >= 1 else f"{number:.3g}"
    gap = "" if unit == "°" else " "
    return f"{text.replace('-', '−')}{gap}{unit}".strip()


def label(measure: Measure, layers: tuple[Layer, ...]) -> str:
    """What stands beside it on the screen: its first size, and of each image mean, deviation, extremes and peak."""
    lines = [f"{measure.number}  {number_text(size_of(measure, layers)[0])}"]
    if measure.kind == "profile":
        return lines[0]
    for each in on_layers(measure, layers):
        values = {value.name: value for value in each.values}
        mean, spread = values["Mean"], values["SD"]
        lines.append(f"{_bare(mean)} ± {number_text(spread)}")
        lines.append(f"{_bare(values['Minimum'])} … {number_text(values['Maximum'])}")
        if "SUVpeak" in values:
            lines.append(f"SUVpeak {_bare(values['SUVpeak'])}")
    return "\n".join(lines)


def _bare(value: Value) -> str:
    """Without its unit, which stands behind the next."""
    return number_text(value).removesuffix(value.unit).strip()
