"""Fitting the code of patches: the principal components of those around the voxels of an organ, of all patients."""

import numpy as np
from sklearn.decomposition import PCA

from engine.answers import RunOptions
from engine.cards.registry import LoadedCard
from engine.errors import MismatchError
from engine.inference.context import Context
from engine.inference.graph import given_to
from engine.inference.maps import Maps
from engine.inference.outlines import Outlines
from engine.inference.patch_statistics import patches_of
from engine.inference.preprocess import Prepared
from engine.operations.patch_statistics import Fitted, Params
from engine.training.cohort import parted_patients
from engine.training.labelled.sample import fingerprint
from engine.training.loop import Lesson

#: Of each patient, so that a large organ counts no more than a small one.
_PER_PATIENT = 2000


def fitted_code(lesson: Lesson, holdout: float) -> tuple[Params, dict[str, float]]:
    """The code, fitted on the patients of a cohort that are learned from; nothing is told of labels.

    Args:
        lesson: whose node has the code.
        holdout: share of the patients that is held out where the cohort does not say.

    Raises:
        MismatchError: nothing of the organ is found in the patients, or too little.
        PlanimeterError: an image can't be read, or the nodes before can't be run.
    """
    card, params = lesson.card, lesson.node.params
    assert isinstance(params, Params), "no code of patches"
    loaded = LoadedCard(lesson.home, parsed=card)
    learned, _ = parted_patients(lesson.data, card, holdout if lesson.validation is None else 0.0)
    gathered = []
    for index, patient in enumerate(learned):
        lesson.report(index / max(len(learned), 1), f"patches of patient {index + 1} of {len(learned)}")
        images = patient.sample.images_for(card)
        lesson.learned.add(fingerprint(*images.values()))
        context = Context(loaded, images, lesson.device, RunOptions(variables=patient.given))
        image, places = given_to(context, lesson.node)
        assert isinstance(image, Prepared) and isinstance(places, Maps | Outlines), "checked with the card"
        where, patches = patches_of(params, image, places, _PER_PATIENT)
        gathered += [patches] if len(where) else []
    count = sum(len(patches) for patches in gathered)
    if not gathered or min(count, gathered[0].shape[1]) < params.components:
        raise MismatchError(
            f"{count} patches were found in the images of {lesson.data}; {params.components} components need as many "
            "at least, and patches of as many values."
        )
    fit = PCA(params.components, svd_solver="randomized", random_state=0).fit(np.concatenate(gathered))
    fitted = Fitted(
        mean=_numbers(fit.mean_),
        components=tuple(_numbers(row) for row in fit.components_),
        explained=float(np.clip(fit.explained_variance_ratio_.sum(), 0, 1)),
    )
    return Params.model_validate(params.model_dump() | {"fitted": fitted.model_dump()}), {}


def _numbers(values: np.ndarray) -> tuple[float, ...]:
    """To six digits, which keeps a card small."""
    return tuple(float(f"{value:.6g}") for value in values)
