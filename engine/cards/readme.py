"""A card's README, generated from the card."""

from collections.abc import Iterable, Mapping, Sequence

from engine.cards.calibration import Band, Calibration
from engine.cards.saliency import MAP_METHODS
from engine.cards.schema import Card, Metric

_NOTE = "Generated from `card.json` by `planimeter models --write-readme`; change the card instead."
_TASKS = {
    "segment": "Draws contours",
    "detect": "Finds lesions",
    "classify": "Gives scores",
    "prognosis": "Gives a risk",
}
_BADGES = {
    "runs": "runs on input of its kind",
    "trained": "trained, with a held-out score",
    "validated": "validated on data from elsewhere",
}
_NAMES = {
    "dice": "Dice",
    "surface_dice_2mm": "Surface Dice, 2 mm",
    "hd95_mm": "HD95, mm",
    "volume_error": "Volume error",
    "auc": "AUC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "ece": "Calibration error",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}
#: Sensitivity where so many false findings an image are allowed.
_AT_FALSE = "sensitivity_at_"


def readme(card: Card) -> str:
    """The README of a card, Markdown."""
    lines = [f"# {card.title}", "", f"<!-- {_NOTE} -->", ""]
    lines += [f"`{card.id}` {card.version}. {_TASKS[card.task]}; {_BADGES[card.badge]}. **Research only.**", ""]
    lines += _section("For", card.intended_use)
    lines += ["## Input", "", *(_input_line(card, index) for index in range(len(card.inputs))), ""]
    lines += ["## Output", "", *_outputs(card), ""]
    lines += _section("Limits", card.limits)
    if card.provenance.notes:
        lines += ["## At import", "", *(f"- {note}" for note in card.provenance.notes), ""]
    lines += _section("Population", card.population)
    lines += _metrics(card)
    lines += _saliency(card)
    lines += _origin(card)
    return "\n".join(lines).rstrip() + "\n"


def band_risks(bands: Sequence[Band]) -> str:
    """The risk of the inner and outer contours: "10 % for Brainstem, Larynx; 20 % for SpinalCord"."""
    risks = sorted({band.risk for band in bands})
    labels = {risk: ", ".join(band.label for band in bands if band.risk == risk) for risk in risks}
    return "; ".join(f"{100 * risk:.0f} % for {labels[risk]}" for risk in risks)


def _section(title: str, text: str) -> list[str]:
    return [f"## {title}", "", text, ""] if text else []


def _input_line(card: Card, index: int) -> str:
    image = card.inputs[index]
    parts = [" or ".join(image.modality)]
    if image.units:
        parts.append(f"in {image.units}")
    if image.covers:
        parts.append(f"of {image.covers}")
    if image.spacing_mm is not None:
        parts.append(f"pixels of {image.spacing_mm[0]:g} to {image.spacing_mm[1]:g} mm")
    if image.plane_spacing_mm is not None:
        parts.append(f"planes {image.plane_spacing_mm[0]:g} to {image.plane_spacing_mm[1]:g} mm apart")
    if image.orientation != "any":
        parts.append(f"{image.orientation} planes")
    if not image.required:
        parts.append("optional")
    return f"- {image.role}: {', '.join(parts)}"


def _outputs(card: Card) -> Iterable[str]:
    yield "| structure | type | code |"
    yield "|---|---|---|"
    for output in card.outputs:
        code = f"{output.code.meaning} ({output.code.scheme} {output.code.value})" if output.code else ""
        yield f"| {output.name} | {output.roi_type if output.kind == 'mask' else output.kind} | {code} |"


def _metrics(card: Card) -> list[str]:
    if not card.metrics:
        return ["## Figures", "", "None measured yet.", ""]
    lines = ["## Figures", ""]
    groups: dict[tuple[str, str, str], list[Metric]] = {}
    for metric in card.metrics:
        groups.setdefault((metric.dataset, metric.split, metric.source), []).append(metric)
    for (dataset, split, source), metrics in groups.items():
        when = max((metric.when for metric in metrics if metric.when is not None), default=None)
        title = f"{dataset}{f', {split}' if split else ''}"
        told = "as published" if source == "paper" else "measured with `planimeter evaluate`"
        lines += [f"{title}; {told}{f' on {when.isoformat()}' if when else ''}; 95 % confidence intervals.", ""]
        lines += [*_table(metrics, {output.label: output.name for output in card.outputs}), ""]
        if any(metric.name == "sensitivity" for metric in metrics):
            lines += [
                f"Sensitivity and specificity are of what is shown as positive: values from {_levels(card)} on.",
                "",
            ]
    return lines


def _levels(card: Card) -> str:
    """From which value on each score counts: "0.3 (Melanoma) and 0.5 (all others)"."""
    levels: dict[float, list[str]] = {}
    for output in card.outputs:
        if output.kind == "score":
            levels.setdefault(output.threshold, []).append(output.name)
    least = sorted(levels, key=lambda level: len(levels[level]))
    named = [f"{level:g} ({', '.join(levels[level])})" for level in least[:-1]]
    return " and ".join([*named, f"{least[-1]:g}{' (all others)' if named else ''}"])


def _table(metrics: list[Metric], called: Mapping[str, str]) -> Iterable[str]:
    names = list(dict.fromkeys(_column(metric) for metric in metrics))
    labels = list(dict.fromkeys(metric.label for metric in metrics if metric.label is not None))
    rows: list[str | None] = [*labels, None] if any(metric.label is None for metric in metrics) else [*labels]
    known = {(metric.label, _column(metric)): metric for metric in metrics}
    yield f"| {'structure' if 'dice' in names else 'finding'} | n | {' | '.join(_heading(name) for name in names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    total = "**mean**" if "dice" in names else "**all**"
    for label in rows:
        n = max((metric.n for metric in metrics if metric.label == label), default=0)
        cells = [_cell(known.get((label, name))) for name in names]
        name = total if label is None else called.get(label, label.replace("_", " "))
        yield f"| {name} | {n} | {' | '.join(cells)} |"


def _heading(name: str) -> str:
    if name.startswith(_AT_FALSE):
        return f"Sensitivity at {name.removeprefix(_AT_FALSE).removesuffix('_false')} false an image"
    return _NAMES.get(name, name)


def _column(metric: Metric) -> str:
    """The mean of a figure over the structures stands below the figure of each."""
    return metric.name.removeprefix("mean_") if metric.label is None else metric.name


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return "–"
    value = f"{metric.value:.3f}" if abs(metric.value) < 1 else f"{metric.value:.2f}"
    if metric.ci is None:
        return value
    low, high = (f"{v:.3f}" if abs(metric.value) < 1 else f"{v:.2f}" for v in metric.ci)
    return f"{value} ({low}–{high})"


def _saliency(card: Card) -> list[str]:
    if not card.saliency:
        return []
    lines = ["## Where it looked", ""]
    for test in card.saliency:
        told = "passed" if test.passed else "**not passed, so no map is shown**"
        when = f" on {test.when.isoformat()}" if test.when is not None else ""
        lines.append(
            f"- Maps by {MAP_METHODS[test.method].source}. Test with shuffled weights (Adebayo et al., 2018): {told}. "
            f"Likeness of the maps with those of shuffled weights {test.similarity:.2f}, must be below "
            f"{test.limit:.2f}; n = {test.n} pictures{f' of {test.dataset}' if test.dataset else ''}, "
            f"{test.shuffles} shuffles{when}."
        )
    return [*lines, "", "A map is no proof of where a finding is.", ""]


def _origin(card: Card) -> list[str]:
    lines = ["## Origin", ""]
    if card.provenance.paper_doi:
        lines.append(f"- Paper: <https://doi.org/{card.provenance.paper_doi}>")
    for data in card.provenance.training_data:
        lines.append(f"- Trained on: {data.name} ({data.licence}){f'. {data.citation}' if data.citation else ''}")
    if not card.provenance.training_data:
        lines.append("- Nothing was learned from data.")
    for weights in card.weights:
        lines.append(f"- Weights: `{weights.file}`, SHA-256 `{weights.sha256}`")
    if card.weights:
        use = "" if card.licence.commercial else "; **not for commercial use**"
        lines.append(f"- Licence of the weights: {card.licence.weights or 'see the card'}{use}")
    calibration = card.uncertainty.calibration
    if calibration is not None:
        where = f"- Calibrated on {calibration.dataset or 'held-out data'} (n = {calibration.n})"
        if calibration.classes:
            share = f"{calibration.classes[0].coverage:.0%}"
            lines.append(f"{where}: a temperature, an offset a class, and sets that hold the true class in {share}")
        else:
            lines += _of_structures(card, calibration, where)
        if calibration.familiarity is not None:
            lines.append("- Gives no opinion on images whose features lie farther from the training set than those of "
                         f"{1 - calibration.familiarity.share:.0%} of what was held out")  # fmt: skip
    return lines


def _of_structures(card: Card, calibration: Calibration, where: str) -> Iterable[str]:
    """How the probabilities of structures were made honest, and what could not be."""
    yield f"{where}: temperature {calibration.temperature:g}"
    if calibration.loss is not None and calibration.uncalibrated_loss is not None:
        yield (
            f"- Mean negative log-likelihood {calibration.loss:.3f} with a temperature that the other cases give, "
            f"{calibration.uncalibrated_loss:.3f} without one"
        )
    if calibration.bands:
        yield f"- Risk of the inner and outer contours: {band_risks(calibration.bands)}"
    held = {band.label for band in calibration.bands}
    missing = [output.name for output in card.outputs if output.kind == "mask" and output.label not in held]
    if missing:
        yield f"- No inner and outer contours for {', '.join(missing)}: {calibration.n} cases can't hold a risk of 20 %"
