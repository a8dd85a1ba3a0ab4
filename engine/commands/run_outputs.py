"""Where the answers of a run go: checked against what the model answers, each study with a place of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from engine.cards.schema import Output
from engine.commands.answer_files import SUFFIXES

MASK_SUFFIX = ".nii.gz"


@dataclass(frozen=True)
class Study:
    """One study of a batch.

    Args:
        path: as the user gave it.
        output: where its structures go; None for a model that draws none.
        report: where the report of its scores and boxes goes; None where none was asked for.
    """

    path: Path
    output: Path | None = None
    report: Path | None = None


@dataclass(frozen=True)
class Outputs:
    """What was asked for: files, or folders for several studies.

    Args:
        structures: RTSTRUCT or masks.
        report: structured report of scores and boxes.
        tables: CSV and JSON of the scores and boxes of all studies.
    """

    structures: Path | None = None
    report: Path | None = None
    tables: tuple[Path, ...] = ()


def asked_for(answers: Sequence[Output], output: Path | None, report: Path | None, table: Path | None) -> Outputs:
    """What `-o`, `--report` and `--csv` ask for, by what the models answer.

    Raises:
        UsageError: structures would have nowhere to go, or scores a place that is no table and no report.
    """
    draws = any(answer.kind == "mask" for answer in answers)
    scores = any(answer.kind != "mask" for answer in answers)
    tables = tuple(path for path in (table, output) if path is not None and path.suffix in SUFFIXES)
    if draws and output is None:
        raise click.UsageError("-o is needed: the RTSTRUCT file, or the folder, that the structures go to.")
    if draws and output in tables:
        raise click.UsageError(f"{output} can't hold structures; give -o an RTSTRUCT file (.dcm) or a folder.")
    if not draws and output is not None and output not in tables:
        if report is not None:
            raise click.UsageError("This model draws no structures: -o and --report both name its report; give one.")
        report, output = output, None
    if report is not None and not scores:
        raise click.UsageError("This model gives no scores and no boxes, so there is nothing for a report.")
    if report is not None and not _is_place(report):
        raise click.UsageError(
            f"This model's scores go to a table (.json or .csv), a report (.dcm), or a folder of reports, not to "
            f"{report.name}."
        )
    if table is not None and table.suffix != ".csv":
        raise click.UsageError(f"--csv writes a CSV file, and {table.name} does not end in .csv.")
    return Outputs(output if draws else None, report, tables)


def studies_of(paths: Sequence[Path], outputs: Outputs) -> list[Study]:
    """Each path with its own places.

    Raises:
        UsageError: several studies would go to one file.
    """
    names = _names(paths)
    return [
        Study(path, _structures(outputs.structures, name, len(paths)), _report(outputs.report, name, len(paths)))
        for path, name in zip(paths, names, strict=True)
    ]


def _structures(place: Path | None, name: str, count: int) -> Path | None:
    if place is None:
        return None
    if place.suffix.lower() == ".dcm" or place.name.endswith(MASK_SUFFIX):
        _refuse_one_file("-o", place, count)
        return place
    # One image that is no DICOM series gets its masks right in the folder; which it is, shows when it is open.
    return place / name if count > 1 else place


def _report(place: Path | None, name: str, count: int) -> Path | None:
    if place is None:
        return None
    if place.suffix.lower() == ".dcm":
        _refuse_one_file("The report", place, count)
        return place
    return place / f"{name}.dcm"


def _refuse_one_file(what: str, place: Path, count: int) -> None:
    if count > 1:
        raise click.UsageError(f"{what} must be a folder for {count} studies, and {place.name} is a file's name.")


def _is_place(path: Path) -> bool:
    """Whether a report can go there: a DICOM file or a folder."""
    return path.suffix.lower() == ".dcm" or path.is_dir() or not path.suffix


def _names(paths: Sequence[Path]) -> list[str]:
    """What to call the files of each study, no two alike."""
    used: list[str] = []
    for path in paths:
        stem = path.resolve().name
        for suffix in (MASK_SUFFIX, ".dcm", ".nii", ".nrrd", ".mha"):
            stem = stem.removesuffix(suffix)
        name, number = stem, 1
        while name in used:
            number += 1
            name = f"{stem}-{number}"
        used.append(name)
    return used
