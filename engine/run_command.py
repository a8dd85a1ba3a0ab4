"""`planimeter run`: a card run on one study or many; structures become RTSTRUCTs or masks, scores and boxes a table."""

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.answer_files import Answered, finding_values, write_findings
from engine.answers import Box, Result, RunOptions, Score
from engine.cards.options import parse_chosen
from engine.cards.registry import LoadedCard, find_card
from engine.cards.suitability import why_unsuitable
from engine.cards.variables import Given
from engine.console import exit_if_part, progress_bar
from engine.contouring.fill import fill
from engine.dicom.export_with_image import export_with_image, patient_from, require_image
from engine.dicom.rtstruct_write import export_rtstruct
from engine.dicom.written_image import PatientIdentity
from engine.errors import EngineError, PlanimeterError, UnsuitableInputError, WriteError
from engine.finding_words import model_short, model_value
from engine.flags.table import find_flags
from engine.grid_file import Placement
from engine.inputs import Wanted, open_inputs
from engine.later import later
from engine.masks import nominal_geometry, write_mask, write_masks
from engine.picture_masks import write_picture_masks
from engine.process.client import EngineClient
from engine.process.messages import Failed, Finished
from engine.progress import Progress, part
from engine.run_outputs import MASK_SUFFIX, Study, asked_for, studies_of
from engine.run_variables import told_of
from engine.safe_file import whole_file, write_errors
from engine.structures import Roi, StructureSet
from engine.volume import Geometry, Volume

if TYPE_CHECKING:
    from engine.dicom import image_beside, report_write, segmentation_write
else:
    image_beside = later("engine.dicom.image_beside")
    segmentation_write = later("engine.dicom.segmentation_write")
    report_write = later("engine.dicom.report_write")


@dataclass(frozen=True)
class _Request:
    """What holds for all studies of a call."""

    loaded: LoadedCard
    device: str
    options: RunOptions
    wanted: Wanted
    certificate: Path | None = None
    patient: PatientIdentity | None = None
    variables: Mapping[Path, Mapping[str, Given]] = field(default_factory=dict)

    def options_of(self, study: Study) -> RunOptions:
        """What was chosen, with what was told of the patient."""
        return replace(self.options, variables=self.variables.get(study.path, {}))


@dataclass(frozen=True)
class _Written:
    """Where structures are, and what there is to say about them."""

    output: Path
    notes: tuple[str, ...]


@dataclass
class _Outcome:
    """What became of a study, as `--json` prints it."""

    path: str
    ok: bool = False
    output: str = ""
    error: str = ""
    device: str = ""
    seconds: float = 0.0
    left_out: list[dict[str, Any]] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    structures: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    boxes: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    flags: list[dict[str, Any]] = field(default_factory=list)
    report: str = ""
    result: Result | None = None

    def told(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {name: value for name, value in vars(self).items() if name != "result"}

    def answered(self, loaded: LoadedCard) -> Answered:
        """As a table has it."""
        return Answered(self.path, loaded.card.id, loaded.card.version, self.result if self.ok else None, self.error)


@click.command(name="run")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", required=True, metavar="CARD", help="Id of a model (see `planimeter models`), or its folder.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="What the model draws: RTSTRUCT file (.dcm), or a folder for several studies or for masks of an image that "
    "is not DICOM. What it scores, where it draws nothing: .json or .csv, or a structured report (.dcm, or a folder "
    "for several studies). Needed where structures are drawn.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="A structured report (DICOM SR, unsigned) of the scores and boxes: .dcm, or a folder for several studies.",
)
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path),
    help="A table of the scores and boxes of all studies, those that failed among them.",
)
@click.option("--series", "series_uid", metavar="UID", help="Series Instance UID; else the largest that suits.")
@click.option(
    "--input", "roles", metavar="ROLE=UID", multiple=True, help="The series for one of several inputs of the model."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option(
    "--certificate", type=click.Path(path_type=Path), help="Write the certificate of the export here as well."
)
@click.option("--override", is_flag=True, help="Run although the model advises against the image, where that may be.")
@click.option("--full-precision", is_flag=True, help="Compute in float32 on every device.")
@click.option(
    "--set", "texts", metavar="KEY=VALUE", multiple=True, help="Choose an option of the model; may be given again."
)
@click.option(
    "--variables",
    metavar="KEY=VALUE|FILE.csv",
    multiple=True,
    help="What the model asks of the patient; may be given again, or as a table with a row a study.",
)
@click.option("--exact", is_flag=True, help="Of an imported model: the voxels that its own software would set.")
@click.option(
    "--affine",
    "placement",
    type=click.Choice(["sform", "qform"]),
    help="Which of its two places a NIfTI file is put at; the one of the higher code else.",
)
@click.option("--units", default="", metavar="UNIT", help="Of the values, of those that a note says the file can give.")
@click.option(
    "--with-image", is_flag=True, help="Write an image that isn't DICOM as one, beside what is written of it (.dcm)."
)
@click.option("--patient-name", metavar="NAME", help="Of the patient (Family^Given), with --with-image.")
@click.option("--patient-id", metavar="ID", help="Of the patient, with --with-image.")
@click.option(
    "--modality",
    type=click.Choice(["CT", "MR", "XC", "US", "ES", "OT"]),
    help="Of an image that doesn't look like a CT; of a picture XC, a photograph, US, ES, or OT for another.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
def run(
    *,
    paths: tuple[Path, ...],
    model: str,
    output: Path | None,
    report: Path | None,
    table: Path | None,
    series_uid: str | None,
    roles: tuple[str, ...],
    device: str,
    certificate: Path | None,
    override: bool,
    full_precision: bool,
    texts: tuple[str, ...],
    variables: tuple[str, ...],
    exact: bool,
    placement: Placement | None,
    units: str,
    with_image: bool,
    patient_name: str | None,
    patient_id: str | None,
    modality: str | None,
    as_json: bool,
) -> None:
    """Run a model on each PATH (a folder or file), and write certified RTSTRUCTs and reports, or tables of scores.

    A study that fails does not stop the others; exit status 1 when any did. Exit status 3: all done, but part of a
    series was left out, as is told on standard error, and in `left_out` of --json; --series UID#25% or UID#2 names one
    volume of a series that holds several.
    """
    if certificate is not None and len(paths) > 1:
        raise click.UsageError("--certificate is for one study; of several, each has its certificate beside it.")
    if with_image and len(paths) > 1:
        raise click.UsageError("--with-image is for one study: each image has a patient of its own.")
    patient = patient_from(with_image, patient_name, patient_id, modality)
    loaded = find_card(model)
    chosen = parse_chosen(loaded.card, (*texts, *(["exact=yes"] if exact else [])))
    options = RunOptions(override=override, precision="float32" if full_precision else "auto", chosen=chosen)
    outputs = asked_for(loaded, output, report, table)
    wanted = Wanted(series_uid, _by_role(roles), placement or "", units)
    studies = studies_of(paths, outputs)
    told = told_of(loaded.card, variables, paths)
    request = _Request(loaded, device, options, wanted, certificate, patient, told)
    client = EngineClient(warm=loaded.card.has_networks)
    client.start()
    try:
        outcomes = [_one(client, request, study, len(studies), as_json) for study in studies]
    finally:
        client.close()
    for path in outputs.tables:
        write_findings([outcome.answered(loaded) for outcome in outcomes], path)
    if as_json:
        shown = [outcome.told() for outcome in outcomes]
        click.echo(json.dumps(shown if len(studies) > 1 else shown[0], ensure_ascii=False, indent=2))
    failed = sum(not outcome.ok for outcome in outcomes)
    if len(studies) > 1 and not as_json:
        click.echo(f"{len(studies) - failed} of {len(studies)} studies done.")
    if failed:
        sys.exit(1)
    exit_if_part([left for outcome in outcomes for left in outcome.left_out], series_uid)


contour = run


def _by_role(texts: tuple[str, ...]) -> dict[str, str]:
    """Role → Series Instance UID, of `ROLE=UID`."""
    lost = [text for text in texts if not all(text.partition("="))]
    if lost:
        raise click.UsageError(f"'{lost[0]}' names no series for an input; write it as ROLE=UID.")
    pairs = [(role, uid) for role, _, uid in (text.partition("=") for text in texts)]
    twice = [role for role, count in Counter(role for role, _ in pairs).items() if count > 1]
    if twice:
        raise click.UsageError(f"--input names two series for '{twice[0]}'; give one.")
    return dict(pairs)


def _one(client: EngineClient, request: _Request, study: Study, count: int, as_json: bool) -> _Outcome:
    """Contour one study; of several, an error is told and kept instead of raised."""
    outcome = _Outcome(str(study.path))
    try:
        with progress_bar() as progress:
            _contour(client, request, study, outcome, progress)
    except (PlanimeterError, OSError) as error:
        if count == 1 and not as_json:
            raise
        outcome.error = " ".join(str(error).split())
        click.echo(f"planimeter: {study.path}: {outcome.error}", err=True)
        return outcome
    outcome.ok = True
    for note in outcome.notes:
        click.echo(f"Note: {note}", err=True)
    for flag in outcome.flags:
        click.echo(f"Flag: {flag['text']}", err=True)
    if not as_json:
        assert outcome.result is not None, "a study that is done has a result"
        findings: tuple[Score | Box, ...] = (*outcome.result.scores, *outcome.result.boxes)
        for finding in findings:
            click.echo(f"{study.path}: {finding.name} {model_value(finding)} ({model_short(finding)})")
        drawn = sum(bool(structure["planes"]) for structure in outcome.structures)
        if outcome.report:
            click.echo(f"{outcome.report}: {len(outcome.scores) + len(outcome.boxes)} findings, not signed")
        if outcome.output:
            click.echo(f"{outcome.output}: {drawn} structures in {outcome.seconds:.1f} s on {outcome.device}")
    return outcome


def _contour(client: EngineClient, request: _Request, study: Study, outcome: _Outcome, progress: Progress) -> None:
    began = time.perf_counter()
    reading = part(progress, 0.0, 0.15)
    card = request.loaded.card
    inputs = open_inputs(card, study.path, request.wanted, reading)
    volume = inputs[card.inputs[0].role]
    outcome.left_out = [left.told() for image in inputs.values() for left in image.left_out]
    outcome.stages["reading"] = time.perf_counter() - began
    _check_output(request, study, volume)
    refusals = why_unsuitable(card, inputs)
    if any(not (request.options.override and refusal.overridable) for refusal in refusals):
        more = " Use --override to run it all the same." if all(refusal.overridable for refusal in refusals) else ""
        raise UnsuitableInputError(" ".join(refusal.text for refusal in refusals) + more)
    finished = _run(client, request, study, inputs, part(progress, 0.15, 0.8))
    outcome.device = finished.result.device
    outcome.stages |= dict(finished.result.stages)
    outcome.notes = [*dict.fromkeys(note for image in inputs.values() for note in image.notes), *finished.result.notes]
    result = finished.result
    outcome.result = result
    outcome.scores = [finding_values(score) for score in result.scores]
    outcome.boxes = [finding_values(box) for box in result.boxes]
    structures = StructureSet(volume.geometry, result.rois, label=card.title[:16])
    outcome.structures = [
        {"name": roi.name, "planes": len(roi.planes), **_size(roi, volume.geometry)} for roi in structures.rois
    ]
    flagging = time.perf_counter()
    outcome.flags = [flag.told() for flag in find_flags(structures, (roi.number for roi in structures.rois), volume)]
    outcome.stages["flags"] = time.perf_counter() - flagging
    if study.output is not None:
        writing = time.perf_counter()
        written = _write(request, study, structures, volume, part(progress, 0.8, 1.0))
        outcome.output = str(written.output)
        outcome.notes += written.notes
        outcome.stages["writing"] = time.perf_counter() - writing
    if study.report is not None:
        outcome.report = _write_report(result, study.report, volume, outcome.notes, request.patient)
    outcome.seconds = round(time.perf_counter() - began, 3)
    outcome.stages = {name: round(seconds, 3) for name, seconds in outcome.stages.items()}


def _size(roi: Roi, geometry: Geometry) -> dict[str, float]:
    """The volume of a structure, or on a picture its area, under a name that says the unit."""
    name = {"cm³": "volume_cm3", "mm²": "area_mm2", "px²": "area_px2"}[geometry.size_unit]
    return {name: round(roi.size(geometry), 3)}


def _check_output(request: _Request, study: Study, volume: Volume) -> None:
    """Refuse, before the model runs, what could not be written after it."""
    if study.report is not None and not volume.instances:
        if request.patient is None:
            raise WriteError(
                f"{study.path.name} is no DICOM image, so a DICOM report has nothing to refer to; give --with-image, "
                "--patient-name, --patient-id and --modality to write the image with it, or write a table (.csv, "
                ".json) instead."
            )
        _require_kind(study, volume, request.patient)
    if study.output is None:
        if request.patient is not None and (study.report is None or volume.instances):
            raise WriteError("--with-image is for a report, an RTSTRUCT or a segmentation of an image without DICOM.")
        return
    one_mask = study.output.name.endswith(MASK_SUFFIX)
    as_rtstruct = study.output.suffix.lower() == ".dcm"
    if as_rtstruct and not volume.geometry.in_patient:
        problem = segmentation_write.why_no_segmentation(volume, with_image=request.patient is not None)
        if problem:
            raise WriteError(f"{study.path.name}: {problem}")
        if request.patient is not None and not volume.instances:
            _require_kind(study, volume, request.patient)
    elif as_rtstruct or (request.patient is not None and study.report is None):
        require_image(volume, request.patient, study.path.name)
    if request.patient is not None and not as_rtstruct and study.report is None:
        raise WriteError(f"--with-image needs an RTSTRUCT file (.dcm) for -o, not {study.output.name}.")
    if request.certificate is not None and not (as_rtstruct or (volume.instances and not one_mask)):
        raise WriteError("Masks have no certificate; leave --certificate out, or give a DICOM series and a .dcm file.")
    if one_mask:
        _refuse_several(study.output, sum(output.kind == "mask" for output in request.loaded.card.outputs))


def _require_kind(study: Study, volume: Volume, patient: PatientIdentity) -> None:
    problem = image_beside.why_no_image(volume, patient)
    if problem:
        kinds = ", ".join(image_beside.kinds_of(volume))
        raise WriteError(f"{study.path.name}: {problem} (--patient-name, --patient-id, --modality: {kinds})")


def _refuse_several(output: Path, count: int) -> None:
    if count > 1:
        raise WriteError(f"{output.name} holds one mask, and the model draws {count}; give a folder.")


def _run(
    client: EngineClient, request: _Request, study: Study, inputs: Mapping[str, Volume], progress: Progress
) -> Finished:
    job = client.run(request.loaded.folder, inputs, device=request.device, options=request.options_of(study))
    message = client.wait(job, progress=lambda told: progress(told.fraction, told.stage))
    if isinstance(message, Failed):
        raise EngineError(message.sentence)
    if not isinstance(message, Finished):
        raise EngineError("The run was stopped.")
    return message


def _write(request: _Request, study: Study, structures: StructureSet, volume: Volume, progress: Progress) -> _Written:
    """Write the structures as what the image and the name of the output ask for."""
    output = study.output
    assert output is not None, "without a place for structures nothing is written"
    notes: list[str] = []
    if structures.rois and all(roi.is_empty for roi in structures.rois):
        notes.append("Nothing was found, so the structures have no contours.")
    if not volume.geometry.in_patient and not output.name.endswith(MASK_SUFFIX):
        if output.suffix.lower() == ".dcm":
            segmentation_write.export_segmentation(structures, volume, output, progress, patient=request.patient)
        else:
            write_picture_masks(structures, volume, output, progress)
        return _Written(output, tuple(notes))
    if (volume.instances or request.patient is not None) and not output.name.endswith(MASK_SUFFIX):
        if output.suffix.lower() != ".dcm":
            output = output / f"{_stem(study.path)}.dcm" if output.is_dir() else output.with_name(f"{output.name}.dcm")
        output.parent.mkdir(parents=True, exist_ok=True)
        if request.patient is None:
            certificate = export_rtstruct(structures, volume, output, progress=progress)
        else:
            certificate = export_with_image(structures, volume, output, request.patient, progress=progress)
        if request.certificate is not None:
            with whole_file(request.certificate) as temporary:
                temporary.write_text(certificate.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return _Written(output, (*notes, *certificate.changes))
    if not output.name.endswith(MASK_SUFFIX):
        write_masks(structures, volume, output, progress=progress)
    else:
        # Inner and outer contours make several of one.
        _refuse_several(output, len(structures.rois))
        output.parent.mkdir(parents=True, exist_ok=True)
        mask = fill({k: c.area for k, c in structures.rois[0].planes.items()}, volume.geometry)
        write_mask(mask, nominal_geometry(volume.geometry), output)
    return _Written(output, tuple(notes))


def _write_report(result: Result, path: Path, volume: Volume, notes: list[str], patient: PatientIdentity | None) -> str:
    """The scores and boxes as a report, and its path; a note in place of one that would say nothing."""
    findings: tuple[Score | Box, ...] = (*result.scores, *result.boxes)
    if not findings:
        notes.append("Nothing was found, so there is no report.")
        return ""
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    structures = StructureSet(volume.geometry, result.rois)
    report_write.export_report(findings, volume, path, structures=structures, patient=patient)
    return str(path)


def _stem(path: Path) -> str:
    return path.resolve().name.removesuffix(".dcm") or "structures"
