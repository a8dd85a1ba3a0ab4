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

from engine.answers import Box, Result, RunOptions, Score
from engine.card_templates import find_card_template
from engine.cards.options import parse_chosen
from engine.cards.registry import find_card
from engine.cards.saliency import MAP_METHODS, MapMethod
from engine.cards.schema import Output
from engine.cards.variables import Given
from engine.commands.answer_files import Answered, finding_values, write_findings
from engine.commands.console import exit_if_part, progress_bar
from engine.commands.run_outputs import Study, asked_for, studies_of
from engine.commands.run_steps import NotRun, RunStep, run_steps, steps_of
from engine.commands.run_variables import told_of
from engine.commands.run_writing import Writing, check_output, write_report, write_structures
from engine.dicom.export_with_image import patient_from
from engine.dicom.written_image import PatientIdentity
from engine.errors import PlanimeterError
from engine.files.grid_file import Placement
from engine.findings.words import model_short, model_value
from engine.flags.table import find_flags
from engine.inputs import Wanted
from engine.process.client import EngineClient
from engine.progress import Progress, part
from engine.saliency_map import NO_PROOF
from engine.saliency_picture import label_of_map, write_saliency
from engine.structures import Roi, StructureSet
from engine.volume import Geometry


@dataclass(frozen=True)
class _Request:
    """What holds for all studies of a call.

    Args:
        name, version: of the model, or of the template.
        title: of the structures.
        steps: the models in turn.
        absent: models of the template that are not here.
    """

    name: str
    version: str
    title: str
    steps: tuple[RunStep, ...]
    absent: tuple[NotRun, ...]
    device: str
    wanted: Wanted
    certificate: Path | None = None
    patient: PatientIdentity | None = None
    variables: Mapping[Path, Mapping[str, Given]] = field(default_factory=dict)
    saliency: Path | None = None

    def steps_for(self, study: Study) -> list[RunStep]:
        """The models, with what was told of the patient."""
        told = self.variables.get(study.path, {})
        return [replace(step, options=replace(step.options, variables=told)) for step in self.steps]

    @property
    def writing(self) -> Writing:
        """What holds for all that is written."""
        return Writing(sum(output.kind == "mask" for output in self.outputs), self.certificate, self.patient)

    @property
    def outputs(self) -> list[Output]:
        """What the models answer."""
        return [
            output
            for step in self.steps
            for output in step.loaded.card.outputs
            if output.kind != "mask" or step.options.wants(output.name)
        ]


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
    not_run: list[dict[str, str]] = field(default_factory=list)
    report: str = ""
    saliency: str = ""
    result: Result | None = None

    def told(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {name: value for name, value in vars(self).items() if name != "result"}

    def answered(self, request: _Request) -> Answered:
        """As a table has it."""
        return Answered(self.path, request.name, request.version, self.result if self.ok else None, self.error)


@click.command(name="run")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", metavar="CARD", help="Id of a model (see `planimeter models`), or its folder.")
@click.option(
    "--template",
    metavar="TEMPLATE",
    help="In place of --model: several models in turn as one, by the name of a template or its file (.json). A model "
    "that can't run is told, and the others run; exit status 1 then.",
)
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
@click.option(
    "--saliency",
    type=click.Path(path_type=Path),
    help="A picture (.png) of where the network looked for the model's first score; no proof of where a finding is. "
    "Only of models whose maps passed their test.",
)
@click.option(
    "--saliency-by",
    type=click.Choice(list(MAP_METHODS)),
    default="hirescam",
    show_default=True,
    help="How the map is made: from the network's last feature map, or by hiding parts of the picture.",
)
@click.option("--series", "series_uid", metavar="UID", help="Series Instance UID; else the largest that suits.")
@click.option(
    "--input",
    "roles",
    metavar="ROLE=UID|PATH",
    multiple=True,
    help="The series for one of several inputs of the model, or a file or folder that holds its image alone.",
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
    model: str | None,
    template: str | None,
    output: Path | None,
    report: Path | None,
    table: Path | None,
    saliency: Path | None,
    saliency_by: MapMethod,
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
    if (model is None) == (template is None):
        raise click.UsageError("Give either --model or --template.")
    if template is not None and (texts or exact or roles or variables):
        raise click.UsageError(
            "--set, --exact, --input and --variables are for one model; a template says what is chosen."
        )
    options = RunOptions(override=override, precision="float32" if full_precision else "auto")
    wanted = Wanted(series_uid, _by_role(roles), placement or "", units)
    if saliency is not None:
        if template is not None or len(paths) > 1:
            raise click.UsageError("--saliency is for one model on one picture.")
        label = label_of_map(find_card(model or "").card, saliency, saliency_by)
        options = replace(options, maps=(label,), map_method=saliency_by)
    told: Mapping[Path, Mapping[str, Given]] = {}
    if template is not None:
        found = find_card_template(template)
        steps, absent = steps_of(found, options)
        name = (template, "", found.title)
    else:
        loaded = find_card(model or "")
        chosen = parse_chosen(loaded.card, (*texts, *(["exact=yes"] if exact else [])))
        steps, absent = [RunStep(loaded, replace(options, chosen=chosen))], []
        name = (loaded.card.id, loaded.card.version, loaded.card.title)
        told = told_of(loaded.card, variables, paths)
    request = _Request(*name, tuple(steps), tuple(absent), device, wanted, certificate, patient, told, saliency)
    outputs = asked_for(request.outputs, output, report, table)
    studies = studies_of(paths, outputs)
    client = EngineClient(warm=any(step.loaded.card.has_networks for step in request.steps))
    client.start()
    try:
        outcomes = [_one(client, request, study, len(studies), as_json) for study in studies]
    finally:
        client.close()
    for path in outputs.tables:
        write_findings([outcome.answered(request) for outcome in outcomes], path)
    if as_json:
        shown = [outcome.told() for outcome in outcomes]
        click.echo(json.dumps(shown if len(studies) > 1 else shown[0], ensure_ascii=False, indent=2))
    failed = sum(not outcome.ok for outcome in outcomes)
    if len(studies) > 1 and not as_json:
        click.echo(f"{len(studies) - failed} of {len(studies)} studies done.")
    if failed or any(outcome.not_run for outcome in outcomes):
        sys.exit(1)
    exit_if_part([left for outcome in outcomes for left in outcome.left_out], series_uid)


contour = run


def _by_role(texts: tuple[str, ...]) -> dict[str, str]:
    """Role → Series Instance UID, of `ROLE=UID`."""
    lost = [text for text in texts if not all(text.partition("="))]
    if lost:
        raise click.UsageError(f"'{lost[0]}' names no series for an input; write it as ROLE=UID or ROLE=PATH.")
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
    for left in outcome.not_run:
        click.echo(f"Not run: {left['card']}: {left['reason']}", err=True)
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
        if outcome.saliency:
            click.echo(f"{outcome.saliency}: {NO_PROOF}")
        if outcome.output:
            click.echo(f"{outcome.output}: {drawn} structures in {outcome.seconds:.1f} s on {outcome.device}")
    return outcome


def _contour(client: EngineClient, request: _Request, study: Study, outcome: _Outcome, progress: Progress) -> None:
    began = time.perf_counter()
    ran = run_steps(
        client, request.steps_for(study), study.path, request.wanted, device=request.device,
        before=lambda volume: check_output(request.writing, study, volume), progress=part(progress, 0.0, 0.8),
        absent=request.absent,
    )  # fmt: skip
    volume, result = ran.volume, ran.result
    outcome.left_out = [left.told() for image in ran.images for left in image.left_out]
    outcome.not_run = [left.told() for left in ran.not_run]
    outcome.device = result.device
    outcome.stages = {"reading": ran.reading} | dict(result.stages)
    outcome.notes = [*dict.fromkeys(note for image in ran.images for note in image.notes), *result.notes]
    outcome.notes += [
        f"{step.loaded.card.title} is not for commercial use; the licence of its weights: "
        f"{step.loaded.card.licence.weights or 'absent'}."
        for step in request.steps
        if not step.loaded.card.licence.commercial
    ]
    outcome.result = result
    outcome.scores = [finding_values(score) for score in result.scores]
    outcome.boxes = [finding_values(box) for box in result.boxes]
    structures = StructureSet(volume.geometry, result.rois, label=request.title[:16])
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
        outcome.report = write_report(result, study.report, volume, outcome.notes, request.patient)
    if request.saliency is not None:
        write_saliency(result.maps[0], volume, request.saliency, request.title)
        outcome.saliency = str(request.saliency)
    outcome.seconds = round(time.perf_counter() - began, 3)
    outcome.stages = {name: round(seconds, 3) for name, seconds in outcome.stages.items()}


def _size(roi: Roi, geometry: Geometry) -> dict[str, float]:
    """The volume of a structure, or on a picture its area, under a name that says the unit."""
    name = {"cm³": "volume_cm3", "mm²": "area_mm2", "px²": "area_px2"}[geometry.size_unit]
    return {name: round(roi.size(geometry), 3)}
