"""What a score is worth: its calibration, the labels that may hold as well, and whether such images are known."""

from dataclasses import dataclass

from engine.cards.calibration import ClassCalibration
from engine.cards.colours import FAR, unlikeness
from engine.cards.schema import Output
from engine.inference.context import Context
from engine.inference.scores import Scores


@dataclass(frozen=True)
class Opinion:
    """What goes with a score; the fields are those of `engine.answers.Score`."""

    note: str = ""
    one_of: tuple[str, ...] = ()
    abstained: str = ""


def opinion_of(context: Context, output: Output, made: Scores) -> Opinion:
    """What goes with the score of an output that was taken from `made`."""
    calibration = context.card.uncertainty.calibration
    classes = calibration.classes if calibration is not None else ()
    own = next((c for c in classes if output.label in c.labels and set(c.labels) <= set(made.labels)), None)
    if calibration is None or own is None:
        return Opinion(abstained=_abstained(context, made))
    note = f"Calibrated on {calibration.n} cases{f' of {calibration.dataset}' if calibration.dataset else ''}."
    if not own.levels:
        return Opinion(note, abstained=_abstained(context, made))
    note += f" One of these classes holds in {own.coverage:.0%} of the cases of each class."
    return Opinion(note, tuple(_name(context, label) for label in likely(own, made)), _abstained(context, made))


def likely(calibration: ClassCalibration, made: Scores) -> list[str]:
    """The labels in the set, likeliest first: those that reach their level, and the likeliest whether it does or not.

    Conformal sets conditional on the class (Vovk, ACML 2012), by the threshold on its probability (Sadinle et al., JASA
    2019).
    """
    value = {label: made.of(label) for label in calibration.labels}
    order = sorted(calibration.labels, key=lambda label: -value[label])
    level = dict(zip(calibration.labels, calibration.levels, strict=True))
    return [label for index, label in enumerate(order) if index == 0 or value[label] >= level[label]]


def _name(context: Context, label: str) -> str:
    return next((output.name for output in context.card.outputs if output.label == label), label)


def _abstained(context: Context, made: Scores) -> str:
    asked = context.card.inputs[0]
    volume = context.inputs.get(asked.role)
    if asked.colours is not None and volume is not None and unlikeness(asked.colours, volume) > FAR:
        # A network may find anything familiar; what it learned from never looked like this.
        return "The colours of this picture are unlike those that the model learned from, so its number says nothing."
    if made.strangeness <= 1:
        return ""
    return "This image is unlike those that the model learned from, so its number says nothing about it."
