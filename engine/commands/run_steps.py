"""The models of one call, run in turn on the images at a path: one model, or those of a template."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.answers import Result, RunOptions
from engine.card_templates import CardTemplate, TemplateCard, as_called, joined
from engine.cards.registry import LoadedCard, find_card
from engine.cards.schema import Card
from engine.cards.suitability import why_unsuitable
from engine.errors import CardError, EngineError, MismatchError, ReadError, UnsuitableInputError
from engine.inputs import Wanted, open_inputs
from engine.process.client import EngineClient
from engine.process.messages import Failed, Finished
from engine.progress import Progress, part, titled
from engine.volume import Volume

#: What keeps one model of several from running, and not the others.
_OF_ONE = (CardError, EngineError, MismatchError, ReadError, UnsuitableInputError)


@dataclass(frozen=True)
class RunStep:
    """A model, what was chosen for it, and, of a template, how what it draws is called."""

    loaded: LoadedCard
    options: RunOptions
    called: TemplateCard | None = None


@dataclass(frozen=True)
class NotRun:
    """A model that did not run, and why."""

    card: str
    reason: str

    def told(self) -> dict[str, str]:
        """As `--json` prints it."""
        return {"card": self.card, "reason": self.reason}


@dataclass(frozen=True, eq=False)
class Ran:
    """What the models answered.

    Args:
        volume: whose planes the answers lie on.
        images: all that were looked at.
        result: of all models as one.
        not_run: the others.
        reading: seconds until the images of the first model were there.
    """

    volume: Volume
    images: tuple[Volume, ...]
    result: Result
    not_run: tuple[NotRun, ...]
    reading: float


def steps_of(template: CardTemplate, options: RunOptions) -> tuple[list[RunStep], list[NotRun]]:
    """The models of a template that are here, and those that are not.

    Raises:
        CardError: none is here.
    """
    steps: list[RunStep] = []
    absent: list[NotRun] = []
    for called in template.cards:
        try:
            chosen = replace(options, chosen=dict(called.chosen), only=called.only)
            steps.append(RunStep(find_card(called.card), chosen, called))
        except CardError as error:
            absent.append(NotRun(called.card, str(error)))
    if not steps:
        lacking = ", ".join(each.card for each in absent)
        raise CardError(
            f"No model of the template '{template.title}' is here; it needs {lacking}. `planimeter models` lists those "
            "that are, and `planimeter models import` brings one in."
        )
    return steps, absent


def run_steps(
    client: EngineClient,
    steps: Sequence[RunStep],
    path: Path,
    wanted: Wanted,
    *,
    device: str,
    before: Callable[[Volume], None],
    progress: Progress,
    absent: Sequence[NotRun] = (),
) -> Ran:
    """Read the images at `path` and run the models on them, each on the planes of the first one's image.

    Args:
        client: of the engine.
        steps: at least one.
        path: of the images.
        wanted: which of them.
        device: as in `run_card`.
        before: called with the image before anything runs; may raise.
        progress: over all.
        absent: models that were to run as well, and are not here.

    Raises:
        PlanimeterError: the only model can't run, or of several none; of several each is told in `not_run`.
    """
    began, reading = time.perf_counter(), 0.0
    home: Volume | None = None
    images: list[Volume] = []
    results: list[tuple[str, Result]] = []
    not_run = list(absent)
    count = len(steps) + len(absent)
    for index, step in enumerate(steps):
        telling = part(progress, index / len(steps), (index + 1) / len(steps))
        card = step.loaded.card
        if len(steps) > 1:
            telling = titled(telling, f"Model {index + 1} of {len(steps)}: {card.title}")
        try:
            inputs = _inputs(card, path, wanted, home, part(telling, 0.0, 0.15))
            volume = inputs[card.inputs[0].role]
            images += [image for image in inputs.values() if all(image is not known for known in images)]
            if home is None:
                home, reading = volume, time.perf_counter() - began
                before(volume)
            if not volume.geometry.same_grid(home.geometry):
                raise MismatchError(f"{card.title} draws on the planes of another series.")
            _check(step, inputs)
            result = _run(client, step, inputs, device, part(telling, 0.15, 1.0))
        except _OF_ONE as error:
            if count == 1:
                raise
            not_run.append(NotRun(card.id, " ".join(str(error).split())))
            continue
        results.append((card.title, as_called(step.called, result) if step.called is not None else result))
    if home is None or not results:
        reasons = " ".join(f"{each.card}: {each.reason}" for each in not_run)
        raise UnsuitableInputError(f"None of {count} models ran. {reasons}")
    result = results[0][1] if len(steps) == 1 else joined(results)
    return Ran(home, tuple(images), result, tuple(not_run), reading)


def _inputs(card: Card, path: Path, wanted: Wanted, home: Volume | None, progress: Progress) -> dict[str, Volume]:
    if home is None:
        return open_inputs(card, path, wanted, progress)
    if len(card.inputs) == 1:
        return {card.inputs[0].role: home}
    return open_inputs(card, path, replace(wanted, series_uid=home.info.series_uid), progress)


def _check(step: RunStep, inputs: Mapping[str, Volume]) -> None:
    refusals = why_unsuitable(step.loaded.card, inputs)
    if any(not (step.options.override and refusal.overridable) for refusal in refusals):
        more = " Use --override to run it all the same." if all(refusal.overridable for refusal in refusals) else ""
        raise UnsuitableInputError(" ".join(refusal.text for refusal in refusals) + more)


def _run(client: EngineClient, step: RunStep, inputs: Mapping[str, Volume], device: str, progress: Progress) -> Result:
    job = client.run(step.loaded.folder, inputs, device=device, options=step.options)
    message = client.wait(job, progress=lambda told: progress(told.fraction, told.stage))
    if isinstance(message, Failed):
        raise EngineError(message.sentence)
    if not isinstance(message, Finished):
        raise EngineError("The run was stopped.")
    return message.result
