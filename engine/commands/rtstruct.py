"""The commands `planimeter rtstruct to-masks | from-masks | check`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from engine.files.grid_file import Placement
    from engine.files.masks import MaskFormat

FOLDER = click.Path(path_type=Path, file_okay=False)
EXISTING = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
PLACEMENT = click.Choice(["sform", "qform"])
PLACEMENT_HELP = "Which of its two places a NIfTI file is put at; the one of the higher code else."


@click.group()
def rtstruct() -> None:
    """Read, write, measure and validate RTSTRUCT files."""


@rtstruct.command("to-masks")
@click.argument("rtstruct_file", metavar="RT.dcm", type=FILE)
@click.argument("path", metavar="PATH", type=EXISTING)
@click.option("-o", "--output", "folder", metavar="DIR", type=FOLDER, required=True, help="Folder for the masks.")
@click.option("--format", "form", type=click.Choice(["nii.gz", "nii", "nrrd"]), default="nii.gz", show_default=True)
@click.option("--affine", "placement", type=PLACEMENT, help=PLACEMENT_HELP)
def to_masks(rtstruct_file: Path, path: Path, folder: Path, form: "MaskFormat", placement: "Placement | None") -> None:
    """Write one mask for each structure of RT.dcm, on the grid of the image series at PATH.

    Exit status 3: done, but part of the image series was left out, as is told on standard error.
    """
    from engine.commands.console import exit_if_part, progress_bar
    from engine.dicom.rtstruct_read import filled_areas
    from engine.files.masks import write_masks
    from engine.opening import find_images, find_structures, image_of
    from engine.stored.read import read_structures

    with progress_bar() as progress:
        drawn = find_structures(rtstruct_file)
        choice = image_of(drawn, find_images(path, progress, placement or ""))
        structures = read_structures(drawn, choice.volume)
        areas, notes = filled_areas(structures)
        masks = write_masks(structures, choice.volume, folder, form, areas=areas, progress=progress)
    click.echo(f"Image: {choice.reason}", err=True)
    for note in (*choice.volume.notes, *structures.notes, *notes):
        click.echo(f"Note: {note}", err=True)
    if not choice.volume.geometry.is_regular:
        click.echo(
            "Note: the planes are unevenly spaced or tilted, which a mask file can't say: it holds the voxels of the "
            "real planes in order, with their mean distance. from-masks takes it back onto the real planes.",
            err=True,
        )
    for roi, (mask, volume_cm3) in zip(structures.rois, masks, strict=True):
        if not volume_cm3 and (roi.planes or roi.loose):
            click.echo(f"Note: The mask of '{roi.name}' is empty: none of its contours holds a voxel.", err=True)
        click.echo(f"{mask.name}\t{roi.name}\t{volume_cm3:.3f} cm³")
    exit_if_part(choice.volume.left_out)


@rtstruct.command("from-masks")
@click.argument("folder", metavar="DIR", type=EXISTING)
@click.argument("path", metavar="PATH", type=EXISTING)
@click.option("-o", "--output", metavar="RT.dcm", type=FILE, required=True, help="RTSTRUCT file to write.")
@click.option("--series", "series_uid", metavar="UID", help="Image series, where PATH holds several.")
@click.option("--preset", "preset_id", default="standard", show_default=True, help="What the receiving system accepts.")
@click.option("--holes", type=click.Choice(["keyhole", "xor"]), help="How holes are written; the preset's by default.")
@click.option("--label", default="", help="Label of the structure set.")
@click.option("--affine", "placement", type=PLACEMENT, help=PLACEMENT_HELP)
@click.option("--with-image", is_flag=True, help="Write an image that isn't DICOM as a DICOM series beside RT.dcm.")
@click.option("--patient-name", metavar="NAME", help="Of the patient (Family^Given), with --with-image.")
@click.option("--patient-id", metavar="ID", help="Of the patient, with --with-image.")
@click.option("--modality", type=click.Choice(["CT", "MR"]), help="Of an image that doesn't look like a CT.")
def from_masks(
    *,
    folder: Path,
    path: Path,
    output: Path,
    series_uid: str | None,
    preset_id: str,
    holes: str | None,
    label: str,
    placement: "Placement | None",
    with_image: bool,
    patient_name: str | None,
    patient_id: str | None,
    modality: str | None,
) -> None:
    """Write an RTSTRUCT with one structure for each mask (or probability map) in DIR, on the image series at PATH.

    Exit status 3: done, but part of the image series was left out, as is told on standard error.
    """
    from engine.commands.console import exit_if_part, progress_bar
    from engine.dicom.export_with_image import export_with_image, patient_from, require_image
    from engine.dicom.presets import preset
    from engine.dicom.rtstruct_write import export_rtstruct
    from engine.files.grid_file import read_grid
    from engine.files.masks import mask_files, nominal_geometry, same_voxels, structures_from_masks
    from engine.opening import find_images, image_that_fits

    options = preset(preset_id).options(label=label, **({"holes": holes} if holes else {}))
    patient = patient_from(with_image, patient_name, patient_id, modality)
    with progress_bar() as progress:
        files = mask_files(folder)
        grid = read_grid(files[0], placement or "")
        choice = image_that_fits(
            find_images(path, progress, placement or ""),
            series_uid,
            lambda geometry: same_voxels(grid, nominal_geometry(geometry)),
            f"its grid is that of {files[0].name}",
        )
        require_image(choice.volume, patient, path.name)
        structures = structures_from_masks(files, choice.volume, progress, placement or "")
        if patient is None:
            certificate = export_rtstruct(structures, choice.volume, output, options, progress)
        else:
            certificate = export_with_image(
                structures, choice.volume, output, patient, options=options, progress=progress
            )
    click.echo(f"Image: {choice.reason}", err=True)
    for note in dict.fromkeys((*choice.volume.notes, *structures.notes, *certificate.changes)):
        click.echo(f"Note: {note}", err=True)
    for entry in certificate.structures:
        click.echo(
            f"{entry.name}\t{entry.volume_file_cm3:.3f} cm³\tDice {entry.dice:.6f}\t"
            f"{entry.largest_distance_mm:.4f} mm\t{entry.islands_file} islands\t{entry.holes_file} holes"
        )
    click.echo(f"Certified: {output} (SHA-256 {certificate.sha256})")
    exit_if_part(choice.volume.left_out, series_uid)


@rtstruct.command("check")
@click.argument("rtstruct_file", metavar="RT.dcm", type=FILE)
@click.argument("path", metavar="[PATH]", type=EXISTING, required=False)
@click.option("--against", metavar="OTHER.dcm", type=FILE, help="Compare with the structures of another RTSTRUCT.")
@click.option("--tolerance", default=2.0, show_default=True, help="Of the surface Dice and the added path length, mm.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def check(rtstruct_file: Path, path: Path | None, against: Path | None, tolerance: float, as_json: bool) -> None:
    """Measure the structures of RT.dcm on the image series at PATH, and validate the file.

    Exit status 1: problems were found; 3: none, but part of the image series was left out.
    """
    from engine.commands.console import exit_if_part, progress_bar
    from engine.dicom.rtstruct_check import check_rtstruct
    from engine.opening import find_images, find_structures, image_of

    with progress_bar() as progress:
        choice = None
        if path is not None:
            choice = image_of(find_structures(rtstruct_file), find_images(path, progress))
        volume, reason = (choice.volume, choice.reason) if choice is not None else (None, "none given")
        report = check_rtstruct(rtstruct_file, volume, reason, against, tolerance)
    for left in report.left_out if as_json else ():
        click.echo(f"Note: {left.sentence}", err=True)
    if as_json:
        click.echo(json.dumps(report.model_dump(mode="json"), ensure_ascii=False, indent=2))
    else:
        for line in report.lines():
            click.echo(line)
    if not report.ok:
        sys.exit(1)
    exit_if_part(report.left_out)
