"""`planimeter evaluate`: a card's contours against those of a data set, through the same path as in the program.

For each structure, over the cases that have it contoured: Dice, surface Dice at 2 mm and the 95th percentile of the
surface distance, by the definitions of `engine.contouring.measure`, and the volume's error, |volume - reference| /
reference. A case that the card advises against, where a person could go on, is run, and that is told. A structure that
the card did not draw, or a case that it refused, has Dice and surface Dice 0, volume error 1, and no distance: `missed`
counts those without any overlap. Intervals are 95 % percentile bootstraps over cases; a single case has none.
"""

import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.answers import RunOptions
from engine.cards.registry import LoadedCard
from engine.cards.schema import Metric
from engine.contouring.fill import fill
from engine.contouring.measure import mask_dice, surface_distances
from engine.errors import CancelledError, GeometryError, MismatchError, PlanimeterError, ReadError
from engine.inference.context import AGAINST
from engine.inference.run import run_card
from engine.progress import Progress, part, silent
from engine.training.case import Case, DataSource, inputs_of, volume_of
from engine.training.case_doubts import doubts_of
from engine.training.case_pictures import write_case_picture
from engine.training.learned import learned_from, print_of
from engine.training.parting import spread
from engine.training.scanner import as_from_scanner
from engine.training_process.checked import listed_names
from engine.training_process.label_names import OTHER_NAMES_FILE

#: The figures of a structure, as they are named in tables.
MEASURES = ("dice", "surface_dice_2mm", "hd95_mm", "volume_error")
_RESAMPLES = 2000
_MOST_OTHERS = 12
_MISSED = {"dice": 0.0, "surface_dice_2mm": 0.0, "hd95_mm": float("nan"), "volume_error": 1.0}


@dataclass(eq=False)
class Scores:
    """What was measured.

    Args:
        card: id and version.
        cases: names, in order.
        rows: structure → one set of measures a case that has it contoured; NaN where a distance is not defined.
        failed: case → why the card could not be run on it.
        advised_against: case → why the card would not have been run on it, had nobody insisted.
        left_out: case → why it could not be read, so that it counts in no figure.
        learned: cases that the card learned from, which are left out; None where it does not say.
        noted: what was assumed of cases when they were read, or is unlikely of them → their names.
    """

    card: str
    cases: list[str] = field(default_factory=list)
    rows: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    advised_against: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    learned: int | None = None
    noted: dict[str, list[str]] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """The JSON of `planimeter evaluate --json`; `mean_dice` is the mean of the structures' means."""
        structures = {name: _row(rows) for name, rows in self.rows.items() if rows}
        dice = [row["dice"] for row in structures.values()]
        return {
            "card": self.card,
            "n": len(self.cases),
            "mean_dice": round(float(np.mean(dice)), 4) if dice else None,
            "structures": structures,
            "failed": self.failed,
            "advised_against": self.advised_against,
            "left_out": self.left_out,
            "learned_from": self.learned,
            "notes": [f"{listed_names(names)}: {sentence}" for sentence, names in self.noted.items()],
        }


def evaluate(
    loaded: LoadedCard,
    dataset: DataSource,
    *,
    synthetic: bool = False,
    most: int = 0,
    without: Collection[str] = (),
    with_learned: bool = False,
    device: str = "auto",
    pictures: Path | None = None,
    report: Progress = silent,
) -> Scores:
    """Run a card on the cases of a data set and measure what it drew.

    Args:
        loaded: the card; its outputs are compared with the data set's structures of the same name.
        dataset: read for those structures.
        synthetic: make each case look as from a scanner first (see `engine.training.scanner`), with either padding.
        most: no more than so many of the cases that it did not learn from, spread over the data set; 0 for all.
        without: names of cases that the card learned from, which are left out, as are those whose images it tells of.
        with_learned: judge by those that it learned from as well.
        device: as for `run_card`.
        pictures: folder for a picture of each case, with both contours.
        report: told the fraction done and the case.

    Raises:
        MismatchError: `synthetic`, and the card is not for CT alone; or no case is left to judge by, or has any of the
            structures.
    """
    if synthetic and any(wanted.units != "HU" for wanted in loaded.card.inputs):
        raise MismatchError(f"Only CT can be made to look as from a scanner, and '{loaded.id}' is not for CT alone.")
    prints = learned_from(loaded)
    known = _known(dataset, prints, without, part(report, 0.0, 0.1)) if prints or without else None
    names = [name for name in dataset.names if with_learned or name not in (known or ())]
    if not names:
        raise MismatchError(
            f"The card learned from all {len(dataset.names)} cases, so nothing could be judged by them; take others, "
            "or judge by what it learned from as well (--learned)."
        )
    names = spread(names, most)
    scores = Scores(f"{loaded.card.id} {loaded.card.version}", rows={name: [] for name in dataset.structures})
    scores.learned = None if known is None else len(known)
    others: set[str] = set()
    for index, name in enumerate(names):
        report(index / len(names), name)
        try:
            case = dataset.read(name)
        except CancelledError:
            raise
        except PlanimeterError as error:
            scores.left_out[name] = str(error)
            continue
        read = case
        if synthetic:
            case = as_from_scanner(case.cropped(), index, (-1024, -3024)[index % 2])
        scores.cases.append(name)
        others.update(case.others)
        try:
            drawn, against = drawn_by(loaded, case, device)
            if against:
                scores.advised_against[name] = against
        except PlanimeterError as error:
            scores.failed[name] = str(error)
            drawn = {}
        # What makes a card advise against an image is told with it.
        for note in _noted(read, loaded, dataset, doubted=name not in scores.advised_against):
            scores.noted.setdefault(note, []).append(name)
        if pictures is not None:
            write_case_picture(case, dataset.structures, drawn, pictures)
        for value, structure in enumerate(dataset.structures, start=1):
            # A contour without any voxel of the grid can't be compared with anything.
            if case.contoured[value - 1] and value in case.voxels_of:
                mask = drawn.get(structure)
                scores.rows[structure].append(_measures(mask, case.labels == value, case))
    if not scores.cases:
        raise MismatchError(f"None of the {len(names)} cases can be judged: {next(iter(scores.left_out.values()))}")
    if not any(scores.rows.values()):
        there = f"; what is contoured in them: {listed_names(sorted(others), _MOST_OTHERS)}" if others else ""
        raise MismatchError(
            f"No case that could be read ({len(scores.cases)}) has {' or '.join(dataset.structures)} contoured, so "
            f"nothing can be judged{there}. Of RTSTRUCTs {OTHER_NAMES_FILE} in the folder says what else a structure "
            "is called."
        )
    report(1.0, "done")
    return scores


def _noted(case: Case, loaded: LoadedCard, dataset: DataSource, *, doubted: bool) -> list[str]:
    """Sentences on a case as its data set gives it."""
    said = list(case.notes)
    said += [
        f"{each.lost} lost {100 * each.share:.0f} % of its voxels to {each.kept}, which they are counted as."
        for each in case.overlaps
    ]
    # Pictures have no place.
    if doubted and not getattr(dataset, "in_pixels", False):
        pairs = {pair for node in loaded.card.graph for pair in getattr(node.params, "mirror_pairs", ())}
        said += doubts_of(case, dataset.structures, sorted(pairs))
    return said


def _known(dataset: DataSource, prints: Collection[int], without: Collection[str], report: Progress) -> set[str]:
    """Names of the cases that the card learned from."""
    known = {name for name in dataset.names if name in without}
    for index, name in enumerate(dataset.names):
        report(index / len(dataset.names), f"was {name} learned from?")
        # What can't be read is told when it is to be judged.
        with contextlib.suppress(ReadError, MismatchError, GeometryError):
            known |= {name} if print_of(dataset.read(name)) in prints else set()
    return known


def metrics(summary: dict[str, Any], measured: Callable[..., Metric]) -> list[Metric]:
    """What a summary of `Scores` adds to a card's table.

    Args:
        summary: as `Scores.summary` gives it.
        measured: makes a metric of n, name, value, and label and interval where there are any.
    """
    made = []
    if summary["mean_dice"] is not None:
        made.append(measured(n=summary["n"], name="mean_dice", value=summary["mean_dice"]))
    for label, row in summary["structures"].items():
        for name in MEASURES:
            if row[name] is not None:
                ci = tuple(row[f"{name}_ci"]) if row[f"{name}_ci"] else None
                made.append(measured(n=row["n"], name=name, label=label, value=row[name], ci=ci))
    return made


def score_table(summary: dict[str, Any]) -> str:
    """The summary as text, a structure a line."""
    lines = [f"{summary['card']}, {summary['n']} case{'s' if summary['n'] != 1 else ''}"]
    lines.append(
        f"{'':16}{'n':>4} {'Dice (95 % interval)':>22} {'surface 2 mm':>13} {'HD95 mm':>8} {'volume':>7} missed"
    )
    for name, row in summary["structures"].items():
        interval = "({:.3f}-{:.3f})".format(*row["dice_ci"]) if row["dice_ci"] else ""
        distance = "-" if row["hd95_mm"] is None else f"{row['hd95_mm']:.1f}"
        lines.append(
            f"{name:16}{row['n']:>4} {row['dice']:>8.3f} {interval:13} {row['surface_dice_2mm']:>13.3f} "
            f"{distance:>8} {row['volume_error']:>7.1%} {row['missed']:>6}"
        )
    if summary["mean_dice"] is not None:
        lines.append(f"{'mean':16}{'':>4} {summary['mean_dice']:>8.3f}")
    lines += [f"{name}: {why}" for name, why in summary["failed"].items()]
    lines += [f"Left out, {name}: {why}" for name, why in summary["left_out"].items()]
    lines += [f"{name}: run all the same. {why}" for name, why in summary["advised_against"].items()]
    return "\n".join(lines)


def drawn_by(loaded: LoadedCard, case: Case, device: str) -> tuple[dict[str, NDArray[np.bool_]], str]:
    """Structure → its mask on the image's grid; and what the card said against the image."""
    volume = volume_of(case)
    result = run_card(loaded, inputs_of(loaded.card, case), device=device, options=RunOptions(override=True))
    against = " ".join(note.removeprefix(AGAINST) for note in result.notes if note.startswith(AGAINST))
    masks = {roi.name: fill({k: plane.area for k, plane in roi.planes.items()}, volume.geometry) for roi in result.rois}
    return masks, against


def _measures(mask: NDArray[np.bool_] | None, truth: NDArray[np.bool_], case: Case) -> dict[str, float]:
    if mask is None or not mask.any():
        return dict(_MISSED)
    distances = surface_distances(mask, truth, case.spacing)
    volume, reference = np.count_nonzero(mask), np.count_nonzero(truth)
    return {
        "dice": mask_dice(mask, truth),
        "surface_dice_2mm": distances.share_within(2.0),
        "hd95_mm": distances.percentile(95),
        "volume_error": abs(volume - reference) / reference,
    }


def _row(rows: list[dict[str, float]]) -> dict[str, Any]:
    """Means and intervals of one structure."""
    out: dict[str, Any] = {"n": len(rows), "missed": sum(int(row["dice"] == 0) for row in rows)}
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(rows), (_RESAMPLES, len(rows)))
    for name in MEASURES:
        values = np.array([row[name] for row in rows])
        if np.isnan(values).all():
            out[name] = out[f"{name}_ci"] = None
            continue
        defined = values[~np.isnan(values)]
        out[name] = round(float(defined.mean()), 4)
        out[f"{name}_ci"] = None
        if len(defined) < 2:
            # Resampled, one case is always itself: an interval of no width would say that nothing is uncertain.
            continue
        means = [m for m in _means(values[picks]) if np.isfinite(m)]
        out[f"{name}_ci"] = [round(float(v), 4) for v in np.percentile(means, [2.5, 97.5])]
    return out


def _means(resampled: NDArray[np.float64]) -> NDArray[np.float64]:
    defined = ~np.isnan(resampled)
    count = defined.sum(axis=1)
    total = np.where(defined, resampled, 0.0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
