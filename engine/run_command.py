"""`planimeter run`: a card run on one study or many; structures become RTSTRUCTs or masks, scores and boxes a table."""

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from engine.answer_files import Answered, finding_values, write_findings
from engine.answers import Box, Result, RunOptions, Score
from engine.cards.options import parse_chosen
from engine.cards.registry import LoadedCard, find_card
from engine.cards.suitability import why_unsuitable
from engine.cards.variables import Given
from engine.console import exit_if_part, progress_bar
from engine.dicom.export_with_image import patient_from
from engine.errors import EngineError, PlanimeterError, UnsuitableInputError
from engine.finding_words import model_short, model_value
from engine.flags.table import find_flags
from engine.grid_file import Placement
from engine.inputs import Wanted, open_inputs
from engine.process.client import EngineClient
from engine.process.messages import Failed, Finished
from engine.progress import Progress, part
from engine.run_outputs import Study, asked_for, studies_of
from engine.run_variables import told_of
from engine.run_writing import Writing, check_output, write_report, write_structures
from engine.structures import Roi, StructureSet
from engine.volume import Geometry, Volume


@dataclass(frozen=True)
class _Request:
    """What holds for all studies of a call."""

    loaded: LoadedCard
    device: str
    options: RunOptions
    wanted: Wanted
    writing: Writing
    variables: Mapping[Path, Mapping[str, Given]] = field(default_factory=dict)

    def options_of(self, study: Study) -> RunOptions:
        """What was chosen, with what was told of the patient."""
        return replace(self.options, variables=self.variables.get(study.path, {}))


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
    masks = sum(answer.kind == "mask" for answer in loaded.card.outputs)
    request = _Request(loaded, device, options, wanted, Writing(masks, certificate, patient), told)
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
    check_output(request.writing, study, volume)
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
        written = write_structures(request.writing, study, structures, volume, part(progress, 0.8, 1.0))
        outcome.output = str(written.output)
        outcome.notes += written.notes
        outcome.stages["writing"] = time.perf_counter() - writing
    if study.report is not None:
        outcome.report = write_report(result, study.report, volume, outcome.notes, request.writing.patient)
    outcome.seconds = round(time.perf_counter() - began, 3)
    outcome.stages = {name: round(seconds, 3) for name, seconds in outcome.stages.items()}


def _size(roi: Roi, geometry: Geometry) -> dict[str, float]:
    """The volume of a structure, or on a picture its area, under a name that says the unit."""
    name = {"cm³": "volume_cm3", "mm²": "area_mm2", "px²": "area_px2"}[geometry.size_unit]
    return {name: round(roi.size(geometry), 3)}


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
