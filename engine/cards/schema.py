"""A model card: `card.json`, everything that is known about a model, readable without torch.

`Card` is the whole; `card_schema()` gives the JSON Schema that lies in `resources/models/card.schema.json`.
"""

import json
from collections import Counter
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)

from engine.body_parts import Region
from engine.cards.calibration import Calibration
from engine.cards.colours import Colours
from engine.cards.graph import check_graph
from engine.cards.nodes import GraphNode, PostStep, PreprocessStep
from engine.cards.options import Option, check_options
from engine.cards.paper import Paper
from engine.cards.renew import renewed
from engine.cards.saliency import SaliencyTest
from engine.cards.variables import Variable
from engine.cards.weights import Weights
from engine.errors import CardError
from engine.faults import first_fault
from engine.findings.forms import FormId, find_form
from engine.operations.table import OPERATIONS
from engine.palette import free_colour
from engine.preprocessing.table import planned
from engine.tg263 import standard_colour
from engine.values import CodedConcept, Identifier, Share, Short, Strict, Text

#: A larger card is refused unread.
LARGEST_CARD = 1_000_000
_DEEPEST = 24

Range = tuple[Annotated[float, Field(ge=0, le=10_000)], Annotated[float, Field(ge=0, le=10_000)]]
Byte = Annotated[int, Field(ge=0, le=255)]


class CardInput(Strict):
    """One image that the model needs.

    Args:
        role: the name that the graph calls it by.
        modality: DICOM modalities that suit it.
        required: without it the model does not run.
        units: of the voxels; "" where they don't matter. "rgb" and "grey" are those of pictures, which need not say how
            large their pixels are; the colours of one that is to be grey are averaged.
        spacing_mm: (low, high) that in-plane pixels may have, and `plane_spacing_mm` likewise between planes.
        least_extent_mm: (left-right, anterior-posterior, superior-inferior) that the image must cover at least.
        most_extent_mm: likewise at most.
        orientation: "axial" when the planes must be axial (to 30°), "any" otherwise.
        covers: the region that must be in the image, for people to read.
        regions: parts of the body in which the structures lie that the first network looks for. The card advises
            against an image that says it shows others, or in which that network finds hardly any of them.
        colours: of the pictures that the model learned from: models are offered in the order in which a picture is
            like theirs.
        register_to: role of the input whose grid it is brought to; both must lie in one frame of reference.
    """

    role: Identifier
    modality: Annotated[tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,8}$")], ...], Field(min_length=1)]
    required: bool = True
    units: Literal["HU", "SUVbw", "z", "rgb", "grey", ""] = ""
    spacing_mm: Range | None = None
    plane_spacing_mm: Range | None = None
    least_extent_mm: tuple[float, float, float] | None = None
    most_extent_mm: tuple[float, float, float] | None = None
    orientation: Literal["axial", "coronal", "sagittal", "any"] = "any"
    covers: Short = ""
    regions: Annotated[tuple[Region, ...], Field(max_length=7)] = ()
    colours: Colours | None = None
    register_to: Identifier | None = None

    @property
    def is_colour(self) -> bool:
        """True when the model looks at red, green and blue."""
        return self.units == "rgb"


class Output(Strict):
    """What comes out, and how it is named.

    Args:
        label: of the node that makes it.
        name: TG-263 for structures.
        node: which node's label it is; the last node's where it is not given.
        roi_type: RT ROI Interpreted Type of masks.
        colour: of masks; where it is not given, that of the TG-263 name, or one that no other of the card has.
        threshold: level of a probability at which it counts.
    """

    kind: Literal["mask", "score", "risk", "box"]
    label: Identifier
    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    node: Identifier | None = None
    roi_type: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{0,16}$")] = "ORGAN"
    category: CodedConcept | None = None
    code: CodedConcept | None = None
    colour: tuple[Byte, Byte, Byte] = (255, 204, 0)
    threshold: Share = 0.5
    unit: Short = ""


def _coloured(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Structures that bring no colour get one, so that they are told apart."""
    coloured: list[Output] = []
    for output in outputs:
        if output.kind == "mask" and "colour" not in output.model_fields_set:
            used = [other.colour for other in coloured if other.kind == "mask"]
            colour = free_colour(used, standard_colour(output.name))
            coloured.append(output.model_copy(update={"colour": colour}))
        else:
            coloured.append(output)
    return tuple(coloured)


class Uncertainty(Strict):
    """Where the model's doubt comes from, and whether its inner and outer contours become structures of their own."""

    method: Literal["none", "entropy"] = "none"
    calibration: Calibration | None = None
    draw_bands: bool = False


class Metric(Strict):
    """One measured figure.

    Args:
        dataset, split, n: on what, and how many patients (of those that have the structure).
        name: "dice", "surface_dice_2mm", "hd95_mm", "volume_error", "auc", ...
        label: structure or class; "" for the mean over all.
        ci: 95 % confidence interval.
        source: "measured" here, or the "paper" that reports it.
    """

    dataset: Short
    split: Short = ""
    n: Annotated[int, Field(ge=0)] = 0
    name: Identifier
    label: Identifier | None = None
    value: float
    ci: tuple[float, float] | None = None
    when: Annotated[date | None, Field(alias="date")] = None
    source: Literal["measured", "paper"] = "measured"


class DataSource(Strict):
    """Data that something was learned from."""

    name: Short
    licence: Short
    citation: Short = ""


class SourceFile(Strict):
    """A file of another program that the model was converted from, by its path within what was imported."""

    file: Short
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Provenance(Strict):
    """Where the model comes from; `recipe` is what `planimeter train` runs.

    Args:
        imported_from: the kind of model that it was converted from, "" for one that was made here.
        sources: the files of that.
        notes: what was assumed, guessed or left out when it was converted, in sentences.
        learned: file of fingerprints of the images that it learned from, by which they are known again.
    """

    imported_from: Short = ""
    sources: Annotated[tuple[SourceFile, ...], Field(max_length=256)] = ()
    notes: Annotated[tuple[Text, ...], Field(max_length=256)] = ()
    paper_doi: Short = ""
    training_data: Annotated[tuple[DataSource, ...], Field(max_length=64)] = ()
    recipe: dict[str, JsonValue] = Field(default_factory=dict)
    learned: Weights | None = None


class Licence(Strict):
    """SPDX identifiers, and whether commercial use is allowed."""

    code: Short = "Apache-2.0"
    weights: Short = ""
    commercial: bool = True


def _one_or_more(tests: object) -> object:
    """The first cards with maps had one test, by itself."""
    return (tests,) if isinstance(tests, dict) else () if tests is None else tests


class Card(Strict):
    """A model, described. The fields are those of `card.json`.

    `variables` are what the model asks of the patient besides images; its graph calls their table "variables".

    `form` is the one by which a reader says otherwise than the model's scores and boxes; a number or word where the
    card names none. `saliency` holds the tests of its maps, one a method, without which none is shown. `paper` is
    what the card has of a published system, and `seed_ref` its number in the review of Tong et al. (2021), if it is
    one of those.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+){0,2}$")]
    task: Literal["segment", "detect", "classify", "prognosis"]
    title: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    seed_ref: Annotated[int, Field(ge=1, le=999)] | None = None
    fidelity: Literal["modern", "historical", "inspired"]
    badge: Literal["runs", "trained", "validated"]
    inputs: Annotated[tuple[CardInput, ...], Field(min_length=1, max_length=16)]
    variables: Annotated[tuple[Variable, ...], Field(max_length=64)] = ()
    preprocess: Annotated[tuple[PreprocessStep, ...], Field(max_length=32)] = ()
    graph: Annotated[tuple[GraphNode, ...], Field(min_length=1, max_length=64)]
    post: Annotated[tuple[PostStep, ...], Field(max_length=64)] = ()
    outputs: Annotated[tuple[Output, ...], Field(min_length=1, max_length=2000), AfterValidator(_coloured)]
    uncertainty: Uncertainty = Uncertainty()
    saliency: Annotated[tuple[SaliencyTest, ...], BeforeValidator(_one_or_more), Field(max_length=8)] = ()
    options: Annotated[tuple[Option, ...], Field(max_length=32)] = ()
    form: FormId | None = None
    metrics: Annotated[tuple[Metric, ...], Field(max_length=2000)] = ()
    paper: Paper | None = None
    provenance: Provenance = Provenance()
    licence: Licence = Licence()
    intended_use: Text = ""
    limits: Text = ""
    population: Text = ""
    status: Literal["research only"] = "research only"

    @model_validator(mode="after")
    def _connected(self) -> "Card":
        """Every name that the graph, the outputs, the options and the steps refer to exists, and suits its use."""
        self._check_inputs()
        for image in self.inputs:
            planned(self.steps_of(image.role), 3 if image.is_colour else 1)
        check_graph(self)
        check_options(self)
        if self.form is not None and find_form(self.form) is None:
            raise ValueError(f"there is no form '{self.form}'")
        return self

    def _check_inputs(self) -> None:
        onto = {image.role: image.register_to for image in self.inputs}
        for role, other in onto.items():
            if other is not None and (other not in onto or other == role or onto[other] is not None):
                raise ValueError(f"input '{role}' can't be laid onto '{other}'")
        lost = {role for step in self.preprocess for role in step.of} - set(onto)
        if lost:
            raise ValueError(f"the preprocessing is for '{min(lost)}', which is no input")

    def steps_of(self, role: str) -> tuple[PreprocessStep, ...]:
        """The steps before the graph that are for this input."""
        return tuple(step for step in self.preprocess if not step.of or role in step.of)

    @property
    def weights(self) -> tuple[Weights, ...]:
        """All weights files of the graph."""
        return tuple(weights for node in self.graph for weights in node.weights)

    @property
    def files(self) -> tuple[Weights, ...]:
        """All files that must lie beside the card."""
        calibration = self.uncertainty.calibration
        known = calibration.familiarity if calibration is not None else None
        learned = self.provenance.learned
        beside = [known.reference if known is not None else None, learned]
        return (*self.weights, *(file for file in beside if file is not None))

    @property
    def gives(self) -> str:
        """How much the model gives, in words: "2 structures", "1 structure, 2 scores"."""
        words = {"mask": "structure", "score": "score", "risk": "risk", "box": "finding"}
        counts = Counter(words[output.kind] for output in self.outputs)
        return ", ".join(f"{count} {word}{'s' if count != 1 else ''}" for word, count in counts.items())

    @property
    def has_networks(self) -> bool:
        """True when a node of the graph is a network."""
        return any(OPERATIONS[node.op].needs_weights for node in self.graph)


def parse_card(data: bytes, where: str) -> Card:
    """The card in the bytes of a `card.json`.

    Args:
        data: UTF-8 JSON.
        where: named in errors.

    Raises:
        CardError: too large, no JSON, or not a valid card; one sentence that names the first field at fault.
    """
    if len(data) > LARGEST_CARD:
        raise CardError(f"{where} is larger than a model card may be ({LARGEST_CARD // 1000} kB), so it was not read.")
    try:
        values = json.loads(data.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_repeats)
        _check_depth(values, _DEEPEST)
    except (ValueError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error)[:200]
        raise CardError(f"{where} is not a model card: {reason}.") from error
    try:
        return Card.model_validate_json(json.dumps(renewed(values)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "union_tag_invalid":
            place, word = ".".join(str(part) for part in first["loc"])[:200], str(first["ctx"]["tag"])[:100]
            raise CardError(
                f"{where} needs '{word}' ({place}), which this version of Planimeter does not have."
            ) from error
        others = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise CardError(f"{where} is not a valid model card: {first_fault(error, 'the card')}{others}.") from error
    except RecursionError as error:
        raise CardError(f"{where} is not a model card: too deeply nested.") from error


def card_json(card: Card) -> str:
    """The card as the text of a `card.json`, without the fields that have their default."""
    return card.model_dump_json(indent=2, by_alias=True, exclude_defaults=True) + "\n"


def card_schema() -> str:
    """The JSON Schema of `card.json`, as text."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= Card.model_json_schema(by_alias=True)
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON knows")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a field stands twice in the same object")
    return values


def _check_depth(value: object, left: int) -> None:
    if left < 0:
        raise ValueError("too deeply nested")
    if isinstance(value, dict):
        for part in value.values():
            _check_depth(part, left - 1)
    elif isinstance(value, list):
        for part in value:
            _check_depth(part, left - 1)
