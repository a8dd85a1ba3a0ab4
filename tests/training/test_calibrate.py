"""Bands hold the risk that they promise, and too few cases promise nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.cards.readme import readme
from engine.cards.registry import find_card
from engine.cards.schema import Card
from engine.errors import MismatchError
from engine.training.calibrate import RISKS, Predicted, band_of, calibration_of


def case(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Voxels whose probabilities are honest."""
    p = rng.beta(0.4, 0.8, 4000).astype(np.float32)
    return p, rng.random(4000) < p


def test_the_outer_contour_misses_and_the_inner_adds_no_more_than_the_risk() -> None:
    rng = np.random.default_rng(0)
    band = band_of("Organ", [case(rng) for _ in range(40)])
    assert band is not None and band.risk == RISKS[0]
    assert band.outer < 0.5 < band.inner
    missed, wrong = [], []
    for _ in range(40):
        p, truth = case(rng)
        missed.append((truth & (p < band.outer)).sum() / truth.sum())
        wrong.append((~truth & (p >= band.inner)).sum() / max((p >= band.inner).sum(), 1))
    assert np.mean(missed) <= RISKS[0] and np.mean(wrong) <= RISKS[0]


def test_where_references_do_not_fit_a_larger_risk_is_stated() -> None:
    rng = np.random.default_rng(2)
    fitting = [case(rng) for _ in range(36)]
    # Nothing of what was contoured is where anything is likely, and the reverse.
    strayed = [(1 - truth.astype(np.float32), truth) for _, truth in fitting[:4]]
    band = band_of("Organ", fitting + strayed)
    assert band is not None and band.risk == RISKS[1]
    assert band_of("Organ", fitting + 3 * strayed) is None


def test_few_cases_give_no_band() -> None:
    rng = np.random.default_rng(1)
    assert band_of("Organ", [case(rng) for _ in range(3)]) is None
    assert band_of("Organ", []) is None


def predicted(rng: np.random.Generator, sharpened: float) -> Predicted:
    """A case whose odds are so many times surer than they should be."""
    p, truth = case(rng)
    both = np.clip(np.stack([1 - p, p]), 1e-4, 1) ** sharpened
    return Predicted((both / both.sum(axis=0)).astype(np.float32), truth.astype(np.uint8), np.ones(1, np.bool_))


def test_a_model_that_is_too_sure_gets_a_temperature_that_helps_cases_it_was_not_fitted_on() -> None:
    rng = np.random.default_rng(3)
    made = calibration_of([predicted(rng, 2.0) for _ in range(5)], ["Organ"], "generated")
    assert made.loss is not None and made.uncalibrated_loss is not None and made.loss < made.uncalibrated_loss
    assert made.temperature == pytest.approx(2.0, rel=0.1) and made.n == 5


def test_a_temperature_that_helps_no_other_case_is_not_kept() -> None:
    rng = np.random.default_rng(4)
    made = calibration_of([predicted(rng, 0.6), predicted(rng, 1.7)], ["Organ"], "generated")
    assert made.loss is not None and made.uncalibrated_loss is not None and made.loss >= made.uncalibrated_loss
    assert made.temperature == 1.0


def test_one_case_is_no_calibration() -> None:
    with pytest.raises(MismatchError, match="two cases at least"):
        calibration_of([predicted(np.random.default_rng(5), 1.0)], ["Organ"], "generated")


def test_the_readme_says_which_structures_have_no_inner_and_outer_contours(card: Card) -> None:
    rng = np.random.default_rng(6)
    labels = [output.label for output in card.outputs if output.kind == "mask"]
    few = calibration_of([predicted(rng, 2.0) for _ in range(3)], labels[:1], "generated")
    told = readme(card.model_copy(update={"uncertainty": card.uncertainty.model_copy(update={"calibration": few})}))
    assert f"No inner and outer contours for {', '.join(labels)}: 3 cases can't hold a risk of 20 %" in told
    assert "Risk of the inner" not in told


@pytest.fixture(scope="module")
def card() -> Card:
    return find_card("hippocampus-mr").card
